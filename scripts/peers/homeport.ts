// Homeport as a contender: the ops as any user of the engine calls them, in the variants it chooses itself.
import type { Engine } from "../../engine/gpu/engine.ts";
import { attention } from "../../engine/ops/attention.ts";
import { launchMatmul } from "../../engine/ops/matmul.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import type { Tensor } from "../../engine/tensor/tensor.ts";
import type { Contender, Runner } from "./contender.ts";
import { prepareForward, prepareGeneration, prepareTraining } from "./homeport-gpt.ts";
import { Meter } from "./meter.ts";
import { type Attention, numbers, type Product, type Work } from "./works.ts";

/** Launches one run; returns what it makes. */
type Launch = () => Tensor[];

export class Homeport implements Contender {
  readonly name = "homeport";
  #meter: Meter;

  constructor(readonly engine: Engine) {
    this.#meter = new Meter(engine);
  }

  prepare(work: Work): Promise<Runner> {
    const { engine } = this;
    switch (work.kind) {
      case "product":
        return this.#metered(launches(engine, () => prepareProduct(engine, work)));
      case "attention":
        return this.#metered(launches(engine, () => prepareAttention(engine, work)));
      case "forward":
        return this.#metered(prepareForward(engine, work));
      case "training":
        return this.#metered(prepareTraining(engine, work));
      case "generation":
        return this.#metered(prepareGeneration(engine, work));
    }
  }

  #metered(runner: Runner): Promise<Runner> {
    return Promise.resolve({ ...runner, details: () => this.#meter.take() });
  }
}

/** A runner of what `prepare` makes a launch of. */
function launches(engine: Engine, prepare: () => Launch): Runner {
  const scope = engine.openScope();
  const launch = engine.within(scope, prepare);
  const finished = engine.within(scope, () => engine.zeros([1]));
  return {
    run: () => engine.scope(() => void launch()),
    finish: async () => void await finished.read(),
    results: () => Promise.all(engine.within(scope, launch).map((tensor) => tensor.read())),
    release: () => engine.close(scope),
  };
}

function prepareProduct(engine: Engine, work: Product): Launch {
  const { rows, inner, columns, transposeA, transposeB } = work;
  const a = engine.tensor(numbers(rows * inner, 1)), b = engine.tensor(numbers(inner * columns, 2));
  const out = engine.empty([rows, columns]);
  return () => {
    const sizes = { rows, inner, columns };
    launchMatmul({ a, b, out }, sizes, { transposeA, transposeB });
    return [out];
  };
}

function prepareAttention(engine: Engine, work: Attention): Launch {
  const { sequences, heads, length, headSize, gradients } = work;
  const rows = sequences * length, width = heads * headSize;
  const [q, k, v, seed] = [1, 2, 3, 4].map((seed) =>
    engine.tensor(numbers(rows * width, seed), [rows, width])
  );
  const offsets = engine.integers(Array.from({ length: sequences + 1 }, (_, b) => b * length));
  const packed = { offsets, count: sequences, longest: length };
  const forward = () => attention(q, k, v, { heads, keyHeads: heads, headSize }, packed);
  if (!gradients) return () => [forward()];
  return () => {
    const tape = new Tape();
    for (const input of [q, k, v]) tape.watch(input);
    const out = engine.record(tape, forward);
    const upstream = engine.empty(out.shape); // the tape frees it
    engine.copy(seed, upstream);
    tape.backward(out, upstream);
    return [q, k, v].map((input) => tape.gradient(input)!);
  };
}
