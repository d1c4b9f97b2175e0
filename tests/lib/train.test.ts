import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shaderText } from "../../engine/gpu/shaders.ts";
import { SupervisedTrainer } from "../../engine/rl/sft.ts";
import { createRunFolder } from "../../scripts/host/run-folder.ts";
import { train } from "../../scripts/lib/train.ts";
import { newEngine } from "../support/engine.ts";
import { storyteller, tinySettings, tinySources } from "../support/tiny.ts";

const root = mkdtempSync(join(tmpdir(), "homeport-"));
afterAll(() => rmSync(root, { recursive: true }));

const data = tinySources(8).map((row) => ({ ...row, responseIds: row.referenceIds }));

/** SFT of four steps in a run folder; from step 2 on with a fault in backward, where asked. */
async function run(dir: string, fault: boolean) {
  const engine = await newEngine();
  const { schedule, optimizer, microTokens, seed } = tinySettings;
  const settings = { steps: 4, batchSize: 4, schedule, optimizer, microTokens, seed };
  const trainer = new SupervisedTrainer(await storyteller(engine), data, settings);
  const folder = createRunFolder({ name: "sft", root, dir: join(root, dir) });
  const text = shaderText("swiglu");
  const wrong = text.replace("up_gradient[i] =", "up_gradient[i] = bitcast<f32>(0x7fc00000u) +");
  expect(wrong).not.toBe(text);
  try {
    await train(folder, "sft", trainer, 1, (step) => {
      if (fault && step === 2) {
        engine.kernels.replace("swiglu", wrong.replace("0x7fc00000u", "0x7fc00000u | (i & 1u)"));
      }
      return Promise.resolve({});
    });
    return { folder, weights: await trainer.model.parameters.shards[0].weights.read() };
  } finally {
    engine.destroy();
  }
}

test("a run that stops at a gradient that is not finite leaves its last good checkpoint, and goes on from it", async () => {
  const whole = await run("whole", false);
  await expect(run("stopped", true)).rejects.toThrow("SFT, step 2: the gradient is not finite");
  const lines = readFileSync(join(root, "stopped", "metrics.jsonl"), "utf8").trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).step)).toEqual([0, 1, 2]);
  const left = createRunFolder({ name: "sft", root, dir: join(root, "stopped") });
  expect(left.latestCheckpoint("sft")?.step).toBe(2);
  const resumed = await run("stopped", false);
  expect(resumed.weights).toEqual(whole.weights);
});
