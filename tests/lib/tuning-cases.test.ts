import { expect, test } from "bun:test";
import type { Engine } from "../../engine/gpu/engine.ts";
import { loadModel } from "../../engine/nn/model.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { decodingStep, trainingStep } from "../../scripts/kernel/steps.ts";
import { modelCases } from "../../scripts/lib/tuning-cases.ts";
import { newEngine } from "../support/engine.ts";
import { oracle } from "../support/shared.ts";

/** The classes of shapes for which `body` asks for a choice. */
async function askedFor(engine: Engine, body: () => Promise<void>): Promise<Set<string>> {
  const asked = new Set<string>();
  engine.tuning = new Proxy({}, { get: (_, name) => void asked.add(String(name)) });
  await body();
  engine.tuning = null;
  return asked;
}

const sequences = 64, length = 8;

for (const name of ["gpt2", "pythia", "llama", "llama-tied"]) {
  test(
    `${name}: all that a training step asks for, and nothing that is never asked for`,
    async () => {
      const engine = await newEngine();
      const model = await loadModel(engine, openFolder(oracle(`models/${name}`)));
      const load = { rows: sequences * length, tokens: length };
      const all = modelCases(model, load), cases = all.map((one) => one.name);
      for (const { variants, fallback } of all) expect(variants).toContain(fallback);
      const training = await askedFor(engine, trainingStep(model, { sequences, length }));
      expect([...training].filter((one) => !cases.includes(one))).toEqual([]);
      const decoding: string[] = [];
      for (const rows of [1, 16, 64]) {
        decoding.push(...await askedFor(engine, decodingStep(model, { sequences: rows, length })));
      }
      expect(cases.filter((one) => !training.has(one) && !decoding.includes(one))).toEqual([]);
      engine.destroy();
    },
    60_000,
  ); // kernels are compiled
}

test("a head that is too large for one binding is measured in blocks that fit", async () => {
  const engine = await newEngine({ bindingLimit: 16384 });
  const model = await loadModel(engine, openFolder(oracle("models/gpt2"))); // its head: [257, 32]
  const cases = modelCases(model, { rows: 8, tokens: 8 });
  const block = cases.find(({ name }) => name === "matmul 8x128x32 ABt");
  expect(block?.largest).toBeLessThanOrEqual(16384);
  expect(cases.some(({ name }) => name.includes("x512x"))).toBe(false);
  engine.destroy();
});
