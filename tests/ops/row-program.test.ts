import { expect, test } from "bun:test";
import type { Engine } from "../../engine/gpu/engine.ts";
import { embedding } from "../../engine/ops/embedding.ts";
import { layerNorm } from "../../engine/ops/layernorm.ts";
import { linear } from "../../engine/ops/matmul.ts";
import { RowProgram } from "../../engine/ops/row-program.ts";
import { Tensor } from "../../engine/tensor/tensor.ts";
import { checkFamily } from "../support/check.ts";
import { randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("row_program");

const engine = await testEngine();
const fits = engine.features.subgroups && engine.features.software;

const ROWS = 3, WIDTH = 16;

/** A program with its rows, and two matrices of weights in one buffer. */
function newProgram(engine: Engine, numbers = 4096) {
  const flat = engine.tensor(randomNumbers(512, 9));
  const weight = (i: number) => new Tensor(engine, flat.storage, i * 1024, [WIDTH, WIDTH], "f32");
  const program = new RowProgram(engine, engine.openScope(), ROWS, { numbers });
  const positions = engine.integers([0, 1, 2]), sequences = engine.integers([0, 1, 2]);
  program.begin({ positions, sequences });
  const [x, y] = [1, 2].map((seed) => engine.tensor(randomNumbers(48, seed), [ROWS, WIDTH]));
  return { program, x, y, first: weight(0), second: weight(1) };
}

test.if(fits)("what is put off is one launch, made before whatever comes next", async () => {
  const { program, x, first, second } = newProgram(engine);
  const { launches } = engine.counts, inputFirst = true;
  const layer = program.linear(x, first, { inputFirst })!;
  const out = program.linear(layer, second, { residual: x, inputFirst })!;
  expect(engine.counts.launches).toBe(launches);
  const next = linear(out, first);
  expect(engine.counts.launches).toBe(launches + 2);
  const hidden = linear(x, first, { inputFirst });
  const expected = linear(linear(hidden, second, { residual: x, inputFirst }), first);
  expect(await next.read()).toEqual(await expected.read());
});

test.if(fits)("reading, copying, clearing and writing make it, too", async () => {
  const expected = await engine.scope(() => {
    const { x, first } = newProgram(engine);
    return linear(x, first);
  }).read();
  const uses: ((out: Tensor, x: Tensor) => Promise<Float32Array>)[] = [
    (out) => out.read(),
    (out) => {
      const copied = engine.empty(out.shape);
      engine.copy(out, copied);
      return copied.read();
    },
    (out, x) => (engine.clear(x), out.read()),
    (out, x) => (engine.write(x, new Float32Array(x.size)), out.read()),
  ];
  for (const use of uses) {
    const { program, x, first } = newProgram(engine);
    expect(await use(program.linear(x, first)!, x)).toEqual(expected);
  }
});

test.if(fits)(
  "rows from two tensors take a launch each, and weights that lie [N, K] one, once",
  async () => {
    const { program, x, y, first, second } = newProgram(engine);
    const rows = { positions: engine.integers([0, 1, 2]), sequences: engine.integers([0, 1, 2]) };
    for (const turns of [1, 0]) {
      program.begin(rows);
      const { launches } = engine.counts;
      const sum = program.linear(x, first, { residual: y })!;
      const other = program.linear(sum, second, { inputFirst: true })!;
      const found = await other.read();
      // x is loaded; y is, the sum made, and the other product
      expect(engine.counts.launches - launches).toBe(2 + turns);
      const expected = linear(linear(x, first, { residual: y }), second, { inputFirst: true });
      expect(found).toEqual(await expected.read());
    }
  },
);

test.if(fits)("what it cannot do is null, and nothing is launched for it", () => {
  const { program, x, first } = newProgram(engine);
  const { launches } = engine.counts;
  const odd = engine.zeros([ROWS, 6]), other = engine.zeros([WIDTH, WIDTH]);
  expect(program.linear(x, first, { inputFirst: true })).not.toBeNull();
  expect(program.linear(x, other)).toBeNull(); // not where the other weights lie
  expect(program.linear(engine.zeros([ROWS + 1, WIDTH]), first)).toBeNull();
  expect(program.rmsNorm(odd, first, 1e-5)).toBeNull();
  expect(program.swiglu(x, x)).toBeNull(); // not made by the program
  expect(engine.counts.launches - launches).toBe(1); // of the one that it can do, before zeros were cleared
});

test.if(fits)("without room for a result it is null", () => {
  const { program, x, first } = newProgram(engine, 128);
  expect(program.linear(x, first)).not.toBeNull(); // x and this
  expect(program.linear(x, first)).toBeNull();
});

test.if(fits)("a step after another begins with all its room", async () => {
  const { program, x, y, first } = newProgram(engine, 128);
  const rows = { positions: engine.integers([0, 1, 2]), sequences: engine.integers([0, 1, 2]) };
  for (const rowsOfStep of [x, y, x]) {
    program.begin(rows);
    const out = await program.linear(rowsOfStep, first)!.read();
    expect(out).toEqual(await linear(rowsOfStep, first).read());
  }
});

test.if(fits)("a norm of another number of rows is not done as if it had these", () => {
  const { program, x, first } = newProgram(engine);
  const heads = program.linear(x, first)!.view([2 * ROWS, WIDTH / 2]);
  const weight = first.view([WIDTH * WIDTH]).rows(0, WIDTH / 2);
  expect(program.layerNorm(heads, weight, weight, 1e-5)).toBeNull();
  expect(layerNorm(heads, weight, weight, 1e-5).shape).toEqual([2 * ROWS, WIDTH / 2]);
});

test.if(fits)(
  "what was put off is done before the memory that it writes is another's",
  async () => {
    const { program, x, first } = newProgram(engine);
    program.linear(x, first);
    engine.close(program.scope);
    const next = engine.zeros([4096]); // of the program's size
    expect((await next.read()).every((value) => value === 0)).toBe(true);
  },
);

test.if(fits)(
  "what was put off in one step is done with its rows before the next begins",
  async () => {
    const { program, x, first } = newProgram(engine);
    const ids = (numbers: number[]) => engine.integers(numbers);
    const before = { positions: ids([0, 1, 2]), sequences: ids([0, 1, 2]) };
    const next = { ...before, positions: ids([5, 5, 5]) };
    program.begin(before);
    const out = program.embedding(first, before.positions, program.linear(x, first)!)!;
    program.begin(next);
    const expected = embedding(first, before.positions, { residual: linear(x, first) });
    expect(await out.read()).toEqual(await expected.read());
  },
);

test.if(fits)("two programs take turns", async () => {
  const one = newProgram(engine), other = newProgram(engine);
  const out = one.program.linear(one.x, one.first)!;
  const next = other.program.linear(out, other.first)!;
  const expected = linear(one.x, one.first);
  expect(await next.read()).toEqual(await linear(expected, one.first).read());
  expect(await out.read()).toEqual(await expected.read());
});

test.if(fits)("what it loaded is loaded anew once it may be another", async () => {
  const { program, x, y, first } = newProgram(engine);
  await program.linear(x, first)!.read();
  engine.copy(y, x);
  expect(await program.linear(x, first)!.read()).toEqual(await linear(y, first).read());
});
