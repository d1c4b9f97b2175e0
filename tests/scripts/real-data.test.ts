import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { loadModel } from "../../engine/nn/model.ts";
import { meanLogProbability } from "../../engine/rl/sft.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { rougeL } from "../../scripts/lib/rouge.ts";
import { testEngine } from "../support/engine.ts";

// The three recipes on made-up rows, one after the other, as a user starts them.

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "homeport-recipes-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function script(name: string, ...words: string[]): Promise<string> {
  const path = fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url));
  // The folder "runs" with its link is made in the working directory.
  const child = Bun.spawn([process.execPath, path, ...words], {
    cwd: folder,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (await child.exited !== 0) throw new Error(`${name} failed:\n${out}\n${errors}`);
  return out;
}

const json = async (path: string) => JSON.parse(await readFile(join(folder, path), "utf8"));
const lines = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n") + "\n";
const WARNING = "contain offensive text";

test("pretraining writes a model folder that loads, with the loss that it reports", async () => {
  const posts = Array.from({ length: 6 }, (_, i) => `Post ${i}: the cat sat.\n<|endoftext|>\n`);
  await writeFile(join(folder, "posts.txt.gz"), gzipSync(posts.join("")));
  const pairs = Array.from({ length: 60 }, (_, i) => {
    const turn = `\n\nHuman: Question ${i}?\n\nAssistant:`;
    return { chosen: `${turn} A kind and long answer ${i}.`, rejected: `${turn} No ${i}.` };
  });
  await writeFile(join(folder, "pairs.jsonl"), lines(pairs));
  const files = ["--text", "posts.txt.gz", "--pairs", "pairs.jsonl"];
  const out = await script("pretrain.ts", ...files, "--out", "lm", "--steps", "2");
  expect(out).toContain(WARNING);

  const { parameters, heldOutLoss, tokensSeen } = await json("lm/results.json");
  const path = join(folder, "lm/models/small-lm");
  const model = await loadModel(await testEngine(), openFolder(path));
  expect(model.parameters.count).toBe(parameters);
  expect(model.config.context).toBe(512);
  expect(existsSync(join(path, "tokenizer.json"))).toBe(true);
  expect(tokensSeen).toBeGreaterThan(100);
  // Two steps from scratch: near ln 1024 = 6.93, and the loss of a short text is that of the reloaded model.
  const loss = -await meanLogProbability(model, [{ promptIds: [0], responseIds: [5, 9, 0] }], 64);
  for (const value of [loss, heldOutLoss.posts, heldOutLoss.dialogues]) {
    expect(value).toBeGreaterThan(5);
    expect(value).toBeLessThan(8);
  }
}, 60_000);

test("the reward recipe tests every split, beside length and words", async () => {
  const model = ["--model", "lm/models/small-lm"];
  const out = await script(
    "hh-reward.ts",
    ...model,
    "--pairs",
    "pairs.jsonl",
    "--run",
    "hh",
    "--steps",
    "2",
  );
  expect(out).toContain(WARNING);
  expect(out).toContain("bag of words");
  const results = await json("hh/results.json");
  expect(results.splits.length).toBe(3);
  expect(results.data).toEqual({ rows: 60, promptsCut: 0, dropped: 0, skipped: 0 });
  expect(results.all.pairs).toBe(
    results.splits.reduce((sum: number, { pairs }: { pairs: number }) => sum + pairs, 0),
  );
  // The chosen answer is the longer one in every pair.
  expect(results.all.longerWins.mean).toBe(1);
  for (const name of ["rewardModel", "bagOfWords"]) {
    expect(results.all[name].mean).toBeGreaterThanOrEqual(0);
    expect(results.all[name].mean).toBeLessThanOrEqual(1);
  }
}, 60_000);

test(
  "the summary recipe trains by the synthetic reward and measures SFT, PPO and DR-PO",
  async () => {
    const rows = Array.from({ length: 12 }, (_, i) => ({
      subreddit: "cats",
      title: `Cat ${i}`,
      post: `I saw cat number ${i}. It ran to a red house and came back.`,
      summary: `A cat ran to house ${i}.`,
    }));
    await mkdir(join(folder, "tldr-data"));
    for (const [split, part] of [["train", rows.slice(0, 8)], ["test", rows.slice(8)]] as const) {
      await writeFile(join(folder, `tldr-data/${split}.jsonl.gz`), gzipSync(lines([...part])));
    }
    const model = ["--model", "lm/models/small-lm", "--data", "tldr-data"];
    const steps = ["--sft-steps", "1", "--updates", "1", "--episodes", "6", "--ppo"];
    const out = await script("tldr.ts", ...model, ...steps, "--run", "tldr");
    expect(out).toContain(WARNING);
    expect(out).toContain("synthetic");

    const { methods, prompts, reward, data } = await json("tldr/results.json");
    expect(prompts).toBe(4);
    expect(reward).toStartWith("synthetic");
    expect(data).toEqual({ rows: 12, postsCut: 0, dropped: 0 });
    expect(Object.keys(methods)).toEqual(["sft", "ppo", "drpo"]);
    expect(methods.sft.kl.mean).toBeCloseTo(0, 5);
    expect(methods.drpo.kl.mean).not.toBe(0);
    expect(methods.drpo.generatedTokens).toBeLessThan(methods.ppo.generatedTokens);
    const samples = (await readFile(join(folder, "tldr/samples.jsonl"), "utf8")).trim().split("\n")
      .map((line) => JSON.parse(line));
    expect(samples.some(({ reset }) => reset)).toBe(true);
    for (const { reset, response, reference, reward } of samples) {
      const prefix = reset?.prefix ?? "";
      expect(reference).toStartWith(prefix);
      expect(reward).toBeCloseTo(rougeL(prefix + response, reference), 6);
    }
  },
  60_000,
);
