// The engine in one program: a table learns by gradient descent that (3 t + 1) mod 8 comes after t.
import process from "node:process";
import { AdamW } from "../engine/nn/optimizer.ts";
import { embedding, invertTokens } from "../engine/ops/embedding.ts";
import { linearLogProbability } from "../engine/ops/linear-logprob.ts";
import { Parameters } from "../engine/tensor/parameters.ts";
import { Tape } from "../engine/tensor/tape.ts";
import type { Tensor } from "../engine/tensor/tensor.ts";
import { openEngine } from "./host/engine.ts";

const { engine } = await openEngine();

// V tokens, each with a row of C numbers in a table [V, C] and in a head [V, C].
const V = 8, C = 16;
const table = { name: "table", shape: [V, C] }, head = { name: "head", shape: [V, C] };
const parameters = new Parameters(engine, [table, head]);
for (const { name } of [table, head]) {
  engine.write(
    parameters.get(name),
    Float32Array.from({ length: V * C }, (_, i) => 0.1 * Math.sin(i)),
  );
}
const optimizer = new AdamW(parameters);

const tokens = Uint32Array.from({ length: V }, (_, t) => t);
const inputs = engine.integers(tokens), index = invertTokens(engine, tokens);
const targets = engine.integers(tokens.map((t) => (3 * t + 1) % V));

/** One update; returns the log probabilities [V] of the targets before it. */
function step(): Tensor {
  return engine.scope(() => {
    const tape = new Tape();
    parameters.watch(tape);
    parameters.clearGradients();
    const { logProb } = engine.record(tape, () => {
      const hidden = embedding(parameters.get("table"), inputs, { index });
      return linearLogProbability(hidden, parameters.get("head"), targets);
    });
    tape.backward(logProb, engine.tensor(Array(V).fill(-1 / V))); // of the loss, −mean(logProb)
    optimizer.step(0.05);
    return logProb;
  });
}

for (let n = 1; n <= 20; n++) {
  const before = engine.counts;
  const logProb = step();
  if (n === 1 || n % 5 === 0) {
    const values = await logProb.read();
    const { launches, pipelinesCreated, buffersCreated, bindGroupsCreated } = engine.counts;
    const loss = -values.reduce((sum, x) => sum + x) / V;
    console.log(
      `update ${n}: loss ${loss.toFixed(3)}, ${launches - before.launches} launches; new:`,
      `${pipelinesCreated - before.pipelinesCreated} pipelines,`,
      `${buffersCreated - before.buffersCreated} buffers,`,
      `${bindGroupsCreated - before.bindGroupsCreated} bind groups`,
    );
  }
  engine.release(logProb);
}
process.exit(0);
