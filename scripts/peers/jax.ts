// jax-js as a contender, as its documentation has it used: under `jit`, gradients by `grad`.
import type { Contender, Runner } from "./contender.ts";
import type { Weight } from "./gpt.ts";
import { importPeer } from "./install.ts";
import { prepareForward, prepareTraining } from "./jax-gpt.ts";
import { type Attention, numbers, type Product, type Work } from "./works.ts";

/** What is used of @jax-js/jax. An array is freed by the call it is handed to; `ref` keeps it. */
export interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray): JaxArray;
  sum(): JaxArray;
  reshape(shape: number[]): JaxArray;
  transpose(): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

export interface Jax {
  init(device: "webgpu"): Promise<string[]>;
  defaultDevice(device: "webgpu"): void;
  blockUntilReady(arrays: unknown): Promise<unknown>;
  jit<F>(f: F): F;
  grad<F>(f: F, options?: { argnums: number[] }): (...args: JaxArray[]) => JaxArray[];
  /** The gradient is that in the first argument. */
  valueAndGrad<Tree, Rest extends unknown[]>(
    f: (tree: Tree, ...rest: Rest) => JaxArray,
  ): (tree: Tree, ...rest: Rest) => [JaxArray, Tree];
  numpy: {
    array(values: Float32Array | Int32Array, options: { shape: number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    take(x: JaxArray, indices: JaxArray, axis: number): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    square(x: JaxArray): JaxArray;
    split(x: JaxArray, parts: number, axis: number): JaxArray[];
  };
  nn: {
    dotProductAttention(
      q: JaxArray,
      k: JaxArray,
      v: JaxArray,
      options: { isCausal: boolean },
    ): JaxArray;
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray;
    standardize(x: JaxArray, axis: number, options: { epsilon: number }): JaxArray;
    logSoftmax(x: JaxArray, axis: number): JaxArray;
    oneHot(x: JaxArray, classes: number): JaxArray;
  };
}

/** Runs once; the caller frees what it returns. */
type Launch = () => JaxArray[];

/** @throws {Error} where jax-js finds no adapter */
export async function jaxContender(weights: readonly Weight[]): Promise<Contender> {
  const jax = importPeer<Jax>("@jax-js/jax");
  if (!(await jax.init("webgpu")).includes("webgpu")) throw new Error("jax-js found no adapter");
  jax.defaultDevice("webgpu");
  return {
    name: "jax-js",
    prepare(work: Work): Promise<Runner | null> {
      switch (work.kind) {
        case "product":
          return Promise.resolve(runner(jax, prepareProduct(jax, work)));
        case "attention":
          return Promise.resolve(runner(jax, prepareAttention(jax, work)));
        case "forward":
          return Promise.resolve(prepareForward(jax, weights, work));
        case "training":
          return Promise.resolve(prepareTraining(jax, weights, work));
        default:
          return Promise.resolve(null);
      }
    },
  };
}

/** Arrays are lazy: one that is freed before anybody waits for it is never computed, so all are kept till then. */
function runner(jax: Jax, { inputs, launch }: { inputs: JaxArray[]; launch: Launch }): Runner {
  let made: JaxArray[] = [];
  return {
    run: () => void made.push(...launch()),
    async finish() {
      await jax.blockUntilReady(made);
      for (const array of made) array.dispose();
      made = [];
    },
    results: () => Promise.all(launch().map((array) => array.data())),
    release: () => inputs.forEach((input) => input.dispose()),
  };
}

function prepareProduct(jax: Jax, work: Product) {
  const { rows, inner, columns, transposeA, transposeB } = work;
  const { array, matmul } = jax.numpy;
  const a = array(numbers(rows * inner, 1), { shape: transposeA ? [inner, rows] : [rows, inner] });
  const b = array(numbers(inner * columns, 2), {
    shape: transposeB ? [columns, inner] : [inner, columns],
  });
  const multiply = jax.jit((a: JaxArray, b: JaxArray) =>
    matmul(transposeA ? a.transpose() : a, transposeB ? b.transpose() : b)
  );
  return { inputs: [a, b], launch: () => [multiply(a.ref, b.ref)] };
}

function prepareAttention(jax: Jax, work: Attention) {
  const { sequences, length, heads, headSize, gradients } = work;
  const shape = [sequences, length, heads, headSize];
  const inputs = [1, 2, 3, 4].map((seed) =>
    jax.numpy.array(numbers(sequences * length * heads * headSize, seed), { shape })
  );
  const [q, k, v, upstream] = inputs;
  const attend = (q: JaxArray, k: JaxArray, v: JaxArray) =>
    jax.nn.dotProductAttention(q, k, v, { isCausal: true });
  const forward = jax.jit(attend);
  if (!gradients) return { inputs, launch: () => [forward(q.ref, k.ref, v.ref)] };
  const backward = jax.jit(jax.grad(
    (q: JaxArray, k: JaxArray, v: JaxArray, upstream: JaxArray) =>
      attend(q, k, v).mul(upstream).sum(),
    { argnums: [0, 1, 2] },
  ));
  return { inputs, launch: () => backward(q.ref, k.ref, v.ref, upstream.ref) };
}
