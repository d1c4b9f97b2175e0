import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdapterDescription } from "../../scripts/host/gpu.ts";
import { storedTuning, storeTuning, tuningFile, tuningOfRun } from "../../scripts/host/tuning.ts";

const cache = mkdtempSync(join(tmpdir(), "tuning-"));
const env = { XDG_CACHE_HOME: cache };
afterAll(() => rmSync(cache, { recursive: true }));

const adapter: AdapterDescription = {
  name: "A GPU 1/2",
  vendor: "maker",
  architecture: "new",
  device: "",
  description: "",
  software: false,
};

test("choices are kept per adapter, and later ones added", () => {
  expect(() => storedTuning(adapter, env)).toThrow(/nothing was measured yet .*"A GPU 1\/2"/);
  storeTuning(adapter, { one: "tiled", two: "tiled" }, env);
  storeTuning(adapter, { two: "direct" }, env);
  expect(storedTuning(adapter, env)).toEqual({ one: "tiled", two: "direct" });
  expect(() => storedTuning({ ...adapter, name: "another" }, env)).toThrow("run `npx bun");
});

test("a file that is something else is named", () => {
  writeFileSync(tuningFile(adapter, env), '{"tuning": 3}');
  expect(() => storedTuning(adapter, env)).toThrow(tuningFile(adapter, env));
});

test("a resumed run keeps its choices", () => {
  expect(tuningOfRun(join(cache, "none"))).toBeNull();
  writeFileSync(join(cache, "config.json"), JSON.stringify({ tuning: { one: "tiled" } }));
  expect(tuningOfRun(cache)).toEqual({ one: "tiled" });
});
