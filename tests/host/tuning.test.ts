import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdapterDescription } from "../../scripts/host/gpu.ts";
import {
  storedTuning,
  storeTuning,
  tuningFile,
  tuningOfRun,
  type TuningOptions,
} from "../../scripts/host/tuning.ts";

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

test("a folder's choices come before --tuned, that before the choices of a config file", () => {
  const config = join(cache, "config.json"), other = { ...adapter, name: "known" };
  writeFileSync(config, JSON.stringify({ tuning: { one: "tiled" } }));
  storeTuning(other, { one: "direct" }, env);
  const chosen = (options: Partial<TuningOptions>) =>
    tuningOfRun({ tuned: false, ...options }, other, env);
  const folder = join(cache, "none");
  expect(chosen({ folder })).toBeNull();
  expect(chosen({ folder, config })).toEqual({ one: "tiled" });
  expect(chosen({ folder, config, tuned: true })).toEqual({ one: "direct" });
  expect(chosen({ folder: cache, tuned: true })).toEqual({ one: "tiled" });
  writeFileSync(config, JSON.stringify({ tuning: null }));
  expect(chosen({ folder: cache, tuned: true })).toBeNull();
});
