import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRun } from "../../scripts/host/read-run.ts";
import { createRunFolder, type RunFolder } from "../../scripts/host/run-folder.ts";
import type { Run } from "../../scripts/report/types.ts";
import { exampleRun } from "../report/run.ts";

let temporary: string;
let root: string;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "homeport-"));
  root = join(temporary, "runs");
});
afterEach(() => rmSync(temporary, { recursive: true }));

const linked = () => realpathSync(join(root, "latest"));
const open = (dir?: string) => createRunFolder({ name: "story", root, dir });

function fill(folder: RunFolder, run: Run) {
  folder.config(run.config);
  for (const metric of run.metrics) folder.metric(metric);
  for (const sample of run.samples) folder.sample(sample);
  folder.results(run.results);
}

test("each run gets its own folder and latest follows, by a relative link", () => {
  const first = open();
  expect(linked()).toBe(realpathSync(first.path));
  const second = open();
  expect(second.path).not.toBe(first.path);
  expect(second.path).toMatch(/\d{4}-\d\d-\d\d-\d{6}-story(-\d+)?$/);
  expect(join(root, readlinkSync(join(root, "latest")))).toBe(second.path);
});

test("a chosen folder elsewhere is linked too, and latest itself can be reopened", () => {
  const chosen = open(join(temporary, "mine"));
  expect(linked()).toBe(realpathSync(chosen.path));
  expect(open(join(root, "latest")).path).toBe(join(root, "latest"));
  expect(linked()).toBe(realpathSync(chosen.path));
});

test("what is written is read back the same, and nothing temporary stays", () => {
  const folder = open();
  const run = exampleRun();
  fill(folder, run);
  folder.write("notes/a.bin", new Uint8Array([1, 2, 3]));
  expect(readRun(folder.path)).toEqual(run);
  expect([...readFileSync(join(folder.path, "notes/a.bin"))]).toEqual([1, 2, 3]);
  const names = readdirSync(folder.path, { recursive: true }).map(String);
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("a number that is not finite is refused by name", () => {
  expect(() => open().metric({ phase: "ppo", step: 1, kl: NaN }))
    .toThrow('metrics.jsonl: "kl" is NaN');
});

test("the newest checkpoints of each prefix stay, by number and not by spelling", () => {
  const folder = open();
  for (const step of [8, 9, 10, 11]) folder.saveCheckpoint("drpo", step, new Uint8Array([step]));
  folder.saveCheckpoint("ppo", 3, new Uint8Array([3]));
  expect(readdirSync(join(folder.path, "checkpoints")).sort())
    .toEqual(["drpo-10.bin", "drpo-11.bin", "ppo-3.bin"]);
  expect(open(folder.path).latestCheckpoint("drpo"))
    .toMatchObject({ step: 11, bytes: new Uint8Array([11]) });
  expect(folder.latestCheckpoint("sft")).toBeNull();
});

test("a resumed run forgets what came after its checkpoint, a torn line included", () => {
  const folder = open();
  for (let step = 0; step < 5; step++) folder.metric({ phase: "ppo", step });
  appendFileSync(join(folder.path, "metrics.jsonl"), '{"phase":"pp');
  const resumed = open(folder.path);
  resumed.truncateMetrics(({ step }) => step < 3);
  resumed.metric({ phase: "ppo", step: 3 });
  const lines = readFileSync(join(folder.path, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).step)).toEqual([0, 1, 2, 3]);
});

test("reading names the file, the line and the field that is wrong", () => {
  expect(() => readRun(join(temporary, "none"))).toThrow("no such folder");
  const folder = open();
  expect(() => readRun(folder.path)).toThrow(/results\.json is missing/);
  fill(folder, exampleRun());
  appendFileSync(join(folder.path, "samples.jsonl"), '{"method":"dpo"}\n');
  expect(() => readRun(folder.path)).toThrow(/samples\.jsonl, line 63:[^]*method/);
});
