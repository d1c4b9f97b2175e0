// The losses of the bundled model before and after one training step, printed as JSON. Run in Deno by
// deno-training.test.ts, which makes the same step in Bun.
import process from "node:process";
import { loadModel, logProbabilities, packPredictions } from "../../engine/nn/model.ts";
import { AdamW } from "../../engine/nn/optimizer.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { openEngine } from "../../scripts/host/engine.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { fileURLToPath } from "node:url";

const SEQUENCES = [
  [0, 388, 393, 260, 372, 13, 380, 281, 260, 375, 417, 377, 311, 15],
  [0, 321, 402, 265, 305, 495, 331, 264, 399, 15],
  [0, 405, 328, 13, 348, 378, 260, 360, 13, 688, 426, 15, 321, 414, 265, 305, 308],
];

/** The mean negative log-likelihood of `SEQUENCES` before and after a step of AdamW. */
export async function trainingLosses(): Promise<number[]> {
  const { engine } = await openEngine();
  const folder = openFolder(fileURLToPath(new URL("../../data/storyteller", import.meta.url)));
  const model = await loadModel(engine, folder);
  const optimizer = new AdamW(model.parameters);
  const losses: number[] = [];
  for (let step = 0; step < 2; step++) {
    const logProb = engine.scope(() => {
      const batch = packPredictions(engine, SEQUENCES, SEQUENCES.map(({ length }) => [1, length]));
      const tape = new Tape();
      model.parameters.clearGradients();
      model.parameters.watch(tape);
      const { logProb } = engine.record(tape, () => logProbabilities(model, batch));
      const upstream = new Float32Array(batch.predictions).fill(-1 / batch.predictions);
      tape.backward(logProb, engine.tensor(upstream));
      optimizer.step(1e-3);
      return logProb;
    });
    const values = await logProb.read();
    losses.push(-values.reduce((sum, value) => sum + value, 0) / values.length);
  }
  engine.destroy();
  return losses;
}

if (import.meta.main) {
  console.log(JSON.stringify(await trainingLosses()));
  process.exit(0);
}
