import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseHTML } from "linkedom";
import { testEngine } from "../support/engine.ts";

// The commands as a person starts them, each with what the one before it wrote.

const root = fileURLToPath(new URL("../../", import.meta.url));
const storyteller = join(root, "data/storyteller");
const folder = mkdtempSync(join(tmpdir(), "homeport-commands-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Starts a command in the folder; `input` is piped in. */
async function start(words: string[], input = "") {
  const [name, ...flags] = words;
  const child = Bun.spawn([process.execPath, join(root, `scripts/${name}.ts`), ...flags], {
    cwd: folder,
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, out, errors] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, out, errors };
}

/** The result of a command that must succeed. */
async function run(...words: string[]) {
  const { code, out, errors } = await start([...words, "--json"]);
  if (code !== 0) throw new Error(`${words.join(" ")}\n${out}\n${errors}`);
  return JSON.parse(out);
}

const file = (path: string) => readFileSync(join(folder, path));
const json = (path: string) => JSON.parse(file(path).toString());
const data = ["--data", "pairs.jsonl", "--response-tokens", "16", "--seed", "3"];
const quick = ["--steps", "2", "--batch-size", "2"];

beforeAll(() => {
  const rows = Array.from({ length: 80 }, (_, i) => ({
    prompt: `Once there was a dog number ${i}.`,
    chosen: ` He was happy ${i % 7} times.`,
    rejected: ` He was sad ${i % 5} times.`,
  }));
  writeFileSync(join(folder, "pairs.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  writeFileSync(
    join(folder, "references.jsonl"),
    rows.map(({ prompt, chosen }) => JSON.stringify({ prompt, completion: chosen })).join("\n"),
  );
});

test("sft, reward, drpo and evaluate follow each other, with adapters over one base", async () => {
  const { features } = await testEngine();
  const stored = features.half ? ["--weights", "f16"] : [];
  const base = ["--model", storyteller, ...stored];
  const sft = await run("sft", ...base, ...data, ...quick, "--lora-rank", "2");
  expect(sft.heldOutLoss.before).not.toBe(sft.heldOutLoss.after);
  const latest = realpathSync(join(folder, "runs/latest"));
  expect(existsSync(join(latest, "models/sft/adapter_model.safetensors"))).toBe(true);
  expect(json("runs/latest/results.json")).toEqual(sft);

  const model = ["--model", latest, ...stored];
  const reward = await run("reward", ...model, ...data, ...quick, "--run", "reward");
  for (const name of ["accuracy", "longerWins", "bagOfWords"]) {
    expect(reward[name].low).toBeLessThanOrEqual(reward[name].mean);
  }
  const few = ["--updates", "1", "--episodes", "2", "--test-prompts", "3", "--reward", "reward"];
  const resets = ["--beta", "1", "--resets", "references.jsonl", "--shared-trunk"];
  const drpo = await run("drpo", ...model, ...data, ...few, ...resets, "--run", "drpo");
  const names = (result: { models: { name: string }[] }) => result.models.map(({ name }) => name);
  expect(names(drpo)).toEqual(["start", "drpo"]);
  expect(drpo.models[0].kl.mean).toBeCloseTo(0, 5);
  for (const part of ['"split":"test"', '"reset":']) {
    expect(file("drpo/samples.jsonl").toString()).toContain(part);
  }

  const page = parseHTML(file("drpo/report.html").toString()).document;
  const titles = [...page.querySelectorAll("h2")].map((title) => title.textContent);
  expect(titles).toEqual(expect.arrayContaining(["Result", "Training", "Answers side by side"]));
  expect([...page.querySelectorAll("figcaption")].map((title) => title.textContent))
    .toContain("KL to SFT (nats per response)");

  // The policy shared its trunk with the critic, whose head is no part of it.
  const against = ["--model", "drpo", "--reward", "reward", "--test-prompts", "3"];
  const both = await run("evaluate", ...model, ...against, ...data, "--run", "both");
  expect(names(both)).toEqual([latest, "drpo"]);
  expect(both.models[1].winRateFirst.mean).toBeGreaterThanOrEqual(0);
  expect(both.models[0].length).toEqual(drpo.models[0].length);
  expect(file("both/samples.jsonl").toString().trim().split("\n").length).toBe(6);
}, 240_000);

test("--memory prints what a run takes, and refuses what cannot fit before it starts", async () => {
  const words = ["sft", "--model", storyteller, ...data, ...quick, "--run", "planned"];
  const plan = /most at once +\d+\.\d MiB/;
  const refused = await start([...words, "--memory", "0.004"]);
  expect(refused).toMatchObject({ code: 2, out: expect.stringMatching(plan) });
  expect(refused.errors).toContain("--memory 0.004: SFT needs");
  const unloaded = await start([...words, "--memory", "0.001"]);
  expect(unloaded.code).toBe(2);
  expect(unloaded.errors).toContain("--model: parameters of");
  expect(existsSync(join(folder, "planned"))).toBe(false);
  const { code, out } = await start([...words, "--memory", "0.1", "--micro-tokens", "30"]);
  expect(out).toMatch(plan);
  expect(code).toBe(0);
}, 240_000);

test("dpo trains on the pairs, and sft on references without pairs", async () => {
  const model = ["--model", storyteller];
  const few = ["--steps", "1", "--batch-size", "2", "--test-prompts", "2"];
  const dpo = await run("dpo", ...model, ...data, ...few, "--run", "dpo");
  expect(dpo.accuracy.mean).toBeGreaterThanOrEqual(0);
  expect(dpo.models[0]).not.toHaveProperty("reward");
  expect(json("dpo/config.json").settings.kind).toBe("sigmoid");
  expect(existsSync(join(folder, "dpo/models/dpo/model.safetensors"))).toBe(true);

  const references = ["--data", "references.jsonl", "--steps", "1", "--run", "from-references"];
  const sft = await run("sft", ...model, ...references, "--response-tokens", "16");
  expect(sft.data.rows).toBe(80);
}, 240_000);

test("a run's config.json repeats it to the bit, and flags win over a config", async () => {
  const first = ["--model", storyteller, ...data, ...quick, "--run", "first"];
  const { seconds: _, ...numbers } = await run("sft", ...first);
  await run("sft", "--config", "first/config.json", "--run", "again");
  const weights = "models/sft/model.safetensors";
  expect(file(`again/${weights}`).equals(file(`first/${weights}`))).toBe(true);
  expect(json("again/config.json").options).toEqual(json("first/config.json").options);
  // A finished run goes on from its last checkpoint: there is nothing left to train.
  expect(await run("sft", "--resume", "first")).toMatchObject(numbers);

  // Kernels that were measured are a part of what a config repeats, and of what a folder computes with.
  const tuning = { "a class of shapes": "direct" };
  writeFileSync(
    join(folder, "tuned.json"),
    JSON.stringify({ ...json("first/config.json"), tuning }),
  );
  await run("sft", "--config", "tuned.json", "--run", "tuned");
  expect(json("tuned/config.json").tuning).toEqual(tuning);
  await run("sft", ...first.slice(0, -1), "tuned");
  expect(json("tuned/config.json").tuning).toEqual(tuning);

  const mine = {
    model: storyteller,
    data: "pairs.jsonl",
    steps: 2,
    responseTokens: 16,
    run: "mine",
  };
  writeFileSync(join(folder, "mine.json"), JSON.stringify(mine));
  await run("sft", "--config", "mine.json", "--steps", "1");
  expect(json("mine/config.json").options).toMatchObject({ steps: 1, responseTokens: 16 });
}, 240_000);

test("generate completes prompts of flags and of stdin, the same under the same seed", async () => {
  const flags = ["generate", "--model", storyteller, "--response-tokens", "6", "--json"];
  const { out } = await start([...flags, "--prompt", "One day", "--count", "2"]);
  const lines = out.trim().split("\n").map((line) => JSON.parse(line));
  expect(lines.map(({ prompt }) => prompt)).toEqual(["One day", "One day"]);
  expect(lines[0].completion).not.toBe(lines[1].completion);
  const piped = await start(flags, "One day\n\nA dog\n");
  expect(piped.out.split("\n")[0]).toBe(out.split("\n")[0]);
  expect(piped.out.trim().split("\n").length).toBe(2);
  const long = await start(flags, "A dog and a cat ran away. ".repeat(99));
  expect(JSON.parse(long.out).promptCut).toBe(true);
  expect(long.errors).toContain("the context is 256 tokens, of which --response-tokens takes 6");
}, 120_000);

test("chat answers with all models until /quit or the end of the input", async () => {
  const flags = ["chat", "--model", storyteller, "--model", storyteller, "--response-tokens", "5"];
  const said = async (...lines: string[]) => {
    const { code, out } = await start([...flags, "--json"], lines.join("\n"));
    expect(code).toBe(0);
    return out.trim().split("\n").map((line) => JSON.parse(line));
  };
  const talk = await said("Hello", "/new", "/nwe", "Hello", "/quit", "Hello");
  expect(talk.length).toBe(2);
  expect(talk[0].answers.length).toBe(2);
  expect(talk[0].answers[0]).toBe(talk[0].answers[1]);
}, 120_000);

test("mistakes of the command line end with status 2 and name the flag", async () => {
  writeFileSync(join(folder, "wrong-key.json"), '{"step": 3}');
  writeFileSync(join(folder, "wrong-type.json"), '{"steps": "three"}');
  writeFileSync(join(folder, "list.json"), "[]");
  writeFileSync(join(folder, "of-reward.json"), '{"command": "reward", "options": {}}');
  const model = ["--model", storyteller];
  const cases: [string[], string][] = [
    [["sft", "--modle", "x"], "Unknown option --modle. Did you mean --model?"],
    [["sft", ...data], "--model MODEL is missing"],
    [["reward", ...model], "--data FILE is missing"],
    [["drpo", ...model, ...data], "--reward MODEL is missing"],
    [["dpo", ...model, ...data, "--beta", "0"], "--beta must be"],
    [["evaluate", ...data], "--model MODEL is missing"],
    [["sft", ...model, ...data, "--config", "no.json"], "no.json"],
    [["sft", ...model, ...data, "--columns", "promt=prompt"], '--columns: "promt" is none of'],
    [["sft", "--config", "wrong-key.json"], 'there is no "step". Did you mean "steps"?'],
    [["sft", "--config", "wrong-type.json"], 'wrong-type.json, "steps"'],
    [["sft", "--config", "of-reward.json"], "is of the command reward"],
    [["sft", "--resume", "nowhere"], "--resume nowhere: there is no config.json there"],
    [["sft", ...data, "--resume", "x"], "leave out --data"],
    [["sft", "--config", "list.json"], "list.json: expected an object with flags"],
    [["generate", ...model, "--response-tokens", "255"], "--response-tokens 255 leaves no room"],
    [["sft", ...model, ...data, "--weights", "f16"], "--weights f16 "],
    [
      ["sft", ...model, ...data, "--lora-rank", "2", "--lora-targets", "q_proj,q_prj"],
      'targets ["q_prj"] mean no linear layer',
    ],
  ];
  for (const [words, says] of cases) {
    const { code, out, errors } = await start(words);
    expect(errors).toContain(says);
    expect([code, out]).toEqual([2, ""]);
  }
}, 120_000);

test(
  "models and data that do not fit end with status 1 and name the flag; nothing is left behind",
  async () => {
    const endless = join(folder, "endless");
    cpSync(storyteller, endless, { recursive: true });
    const config = JSON.parse(readFileSync(join(storyteller, "config.json"), "utf8"));
    // Absent it would be the family's default.
    writeFileSync(join(endless, "config.json"), JSON.stringify({ ...config, eos_token_id: null }));
    rmSync(join(endless, "generation_config.json")); // which may name one too
    const model = ["--model", storyteller];
    const cases: [string[], string][] = [
      [["sft", "--model", "./nowhere", ...data], "--model"],
      [["sft", "--model", "pairs.jsonl", ...data], "--model: pairs.jsonl is a file"],
      [
        ["sft", ...model, "--data", "pairs.jsonl", "--response-tokens", "2"],
        "--data pairs.jsonl: no responses to learn are left",
      ],
      [["sft", "--model", endless, ...data], "names no eos_token_id"],
      [["sft", ...model, "--data", "none.jsonl"], "--data: No file none.jsonl"],
      [["reward", ...model, "--data", "references.jsonl"], "holds no preference pairs"],
      [
        ["drpo", ...model, ...data, "--reward", storyteller],
        `--reward ${storyteller}: this model has no`,
      ],
      [
        ["drpo", "--model", "reward", ...data, "--reward", "reward"],
        "--model reward: this is a reward",
      ],
    ];
    const before = realpathSync(join(folder, "runs/latest"));
    for (const [words, says] of cases) {
      const { code, errors } = await start([...words, "--run", "failed"]);
      expect(errors).toContain(says);
      expect(errors).not.toContain("    at "); // no stack trace
      expect(code).toBe(1);
    }
    expect(existsSync(join(folder, "failed"))).toBe(false);
    expect(realpathSync(join(folder, "runs/latest"))).toBe(before);
  },
  120_000,
);
