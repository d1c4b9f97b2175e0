import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { readRun } from "../../scripts/host/read-run.ts";

const script = fileURLToPath(new URL("../../scripts/main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "homeport-"));
afterAll(() => rmSync(folder, { recursive: true }));

const small = "--sft-steps 2 --reward-steps 2 --updates 6 --episodes 4 --test-prompts 4".split(" ");

function start(...args: string[]) {
  return Bun.spawn([process.execPath, script, ...args], {
    cwd: folder,
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function finish(child: ReturnType<typeof start>) {
  const [code, out, errors] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, out, errors };
}

/** Everything a run computed, without what depends on the clock. */
function numbers(path: string) {
  const { results, metrics, samples } = readRun(path);
  const timeless = (key: string, value: unknown) => key === "seconds" ? undefined : value;
  return JSON.parse(JSON.stringify({ results, metrics, samples }, timeless));
}

test(
  "the main script runs to its report, and a killed run continues to the same numbers",
  async () => {
    const whole = join(folder, "whole"), killed = join(folder, "killed");
    const first = await finish(start("--run", whole, ...small));
    expect(first.errors).not.toContain("rror:");
    expect(first.code).toBe(0);
    for (
      const file of [
        "config.json",
        "report.html",
        "models/drpo/model.safetensors",
        "models/drpo/tokenizer.json",
      ]
    ) {
      expect(existsSync(join(whole, file))).toBe(true);
    }
    expect(first.out).toContain("DR-PO");

    const child = start("--run", killed, ...small);
    const metrics = join(killed, "metrics.jsonl");
    // The checkpoint is of update 4: the fifth has to be done again, to the same bits.
    while (!existsSync(metrics) || !/"phase":"drpo","step":5/.test(readFileSync(metrics, "utf8"))) {
      await Bun.sleep(20);
      expect(child.exitCode).toBeNull();
    }
    child.kill("SIGKILL");
    await child.exited;
    expect(existsSync(join(killed, "results.json"))).toBe(false);
    const resumed = await finish(start("--resume", killed));
    expect(resumed.code).toBe(0);
    expect(numbers(killed)).toEqual(numbers(whole));
    const weights = (path: string) => readFileSync(join(path, "models/drpo/model.safetensors"));
    expect(weights(killed).equals(weights(whole))).toBe(true);
  },
  480000,
);

test(
  "mistakes of the command line and of the data are one clear message and an exit status",
  async () => {
    const cases = [
      { args: ["--sede", "1"], says: "--seed" },
      { args: ["--beta", "2"], says: "--beta" },
      { args: ["--resume", join(folder, "nowhere")], says: "no config.json there" },
      {
        args: ["--data", join(folder, "nowhere.jsonl"), "--run", join(folder, "a")],
        says: "nowhere.jsonl",
      },
      { args: ["--model", join(folder, "nowhere"), "--run", join(folder, "b")], says: "nowhere" },
    ];
    const bad = join(folder, "bad.jsonl");
    await Bun.write(
      bad,
      '{"prompt":"a","chosen":"b","rejected":"c"}\n{"prompt":"a","chosen":5,"rejected":"c"}\n',
    );
    cases.push({ args: ["--data", bad, "--run", join(folder, "c")], says: "bad.jsonl:2" });
    for (const { args, says } of cases) {
      const { code, errors } = await finish(start(...args));
      expect(code).not.toBe(0);
      expect(errors).toContain(says);
      expect(errors).not.toContain("    at "); // no stack trace
    }
  },
  60000,
);
