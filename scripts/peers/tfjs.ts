// TensorFlow.js with its WebGPU backend as a contender.
import type { Contender, Runner } from "./contender.ts";
import type { Weight } from "./gpt.ts";
import { importPeer } from "./install.ts";
import { prepareForward, prepareTraining } from "./tfjs-gpt.ts";
import { type Attention, numbers, type Product, type Work } from "./works.ts";

/** What is used of @tensorflow/tfjs. */
export interface TfTensor {
  readonly shape: number[];
  add(other: TfTensor | number): TfTensor;
  sub(other: TfTensor | number): TfTensor;
  mul(other: TfTensor | number): TfTensor;
  sum(): TfTensor;
  mean(axis: number, keepDimensions: boolean): TfTensor;
  square(): TfTensor;
  tanh(): TfTensor;
  rsqrt(): TfTensor;
  reshape(shape: number[]): TfTensor;
  transpose(axes: number[]): TfTensor;
  data(): Promise<Float32Array>;
  dispose(): void;
}

export interface TfVariable extends TfTensor {
  assign(value: TfTensor): void;
}

export interface Tensorflow {
  setBackend(name: "webgpu"): Promise<boolean>;
  ready(): Promise<void>;
  tensor(values: Float32Array | Int32Array, shape: number[], dtype?: "int32"): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  softmax(x: TfTensor): TfTensor;
  logSoftmax(x: TfTensor): TfTensor;
  gather(x: TfTensor, indices: TfTensor): TfTensor;
  split(x: TfTensor, parts: number, axis: number): TfTensor[];
  oneHot(indices: TfTensor, depth: number): TfTensor;
  variable(initial: TfTensor, trainable: boolean, name: string): TfVariable;
  variableGrads(f: () => TfTensor): { value: TfTensor; grads: Record<string, TfTensor> };
  train: {
    adam(rate: number, beta1: number, beta2: number, epsilon: number): {
      applyGradients(gradients: Record<string, TfTensor>): void;
      dispose(): void;
    };
  };
  grads(f: (...inputs: TfTensor[]) => TfTensor): (inputs: TfTensor[]) => TfTensor[];
  tidy<T>(f: () => T): T;
}

type Launch = () => TfTensor[];

/** @throws {Error} where tfjs finds no adapter */
export async function tfjsContender(weights: readonly Weight[]): Promise<Contender> {
  const tf = importPeer<Tensorflow>("@tensorflow/tfjs");
  importPeer("@tensorflow/tfjs-backend-webgpu"); // it adds itself to the module above
  if (!await tf.setBackend("webgpu")) throw new Error("tfjs found no adapter");
  await tf.ready();
  return {
    name: "tfjs",
    prepare(work: Work): Promise<Runner | null> {
      switch (work.kind) {
        case "product":
          return Promise.resolve(prepareProduct(tf, work));
        case "attention":
          return Promise.resolve(prepareAttention(tf, work));
        case "forward":
          return Promise.resolve(prepareForward(tf, weights, work));
        case "training":
          return Promise.resolve(prepareTraining(tf, weights, work));
        default:
          return Promise.resolve(null);
      }
    },
  };
}

export function runner(tf: Tensorflow, inputs: readonly TfTensor[], launch: Launch): Runner {
  const small = tf.tensor(new Float32Array(2048), [2048]); // large enough to be added on the device
  return {
    run: () => tf.tidy(() => void launch()),
    async finish() {
      const sum = small.add(1);
      await sum.data();
      sum.dispose();
    },
    async results() {
      const made = tf.tidy(launch);
      const data = await Promise.all(made.map((tensor) => tensor.data()));
      for (const tensor of made) tensor.dispose();
      return data;
    },
    release: () => [...inputs, small].forEach((input) => input.dispose()),
  };
}

function prepareProduct(tf: Tensorflow, work: Product): Runner {
  const { rows, inner, columns, transposeA, transposeB } = work;
  const a = tf.tensor(
    numbers(rows * inner, 1),
    transposeA ? [inner, rows] : [rows, inner],
  );
  const b = tf.tensor(
    numbers(inner * columns, 2),
    transposeB ? [columns, inner] : [inner, columns],
  );
  return runner(tf, [a, b], () => [tf.matMul(a, b, transposeA, transposeB)]);
}

/** tfjs multiplies matrices, so it gets its inputs as [B, H, T, D], and turns what it made only to be compared. */
function prepareAttention(tf: Tensorflow, work: Attention): Runner {
  const { sequences, length, heads, headSize, gradients } = work;
  const inputs = [1, 2, 3, 4].map((seed) =>
    tf.tidy(() =>
      tf.tensor(
        numbers(sequences * length * heads * headSize, seed),
        [sequences, length, heads, headSize],
      ).transpose([0, 2, 1, 3])
    )
  );
  const [q, k, v, upstream] = inputs;
  const mask = causalMask(tf, length);
  const backward = tf.grads((q, k, v) => attend(tf, q, k, v, mask).mul(upstream).sum());
  const launch = gradients ? () => backward([q, k, v]) : () => [attend(tf, q, k, v, mask)];
  const turned = runner(tf, [], () => launch().map((made) => made.transpose([0, 2, 1, 3])));
  return { ...runner(tf, [...inputs, mask], launch), results: turned.results };
}

/** Causal attention of q, k and v [B, H, T, D]. */
export function attend(
  tf: Tensorflow,
  q: TfTensor,
  k: TfTensor,
  v: TfTensor,
  mask: TfTensor,
): TfTensor {
  const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(q.shape[3])).add(mask);
  return tf.matMul(tf.softmax(scores), v);
}

/** [T, T]: 0 where a place may look, else a number that no score makes up for. */
export function causalMask(tf: Tensorflow, length: number): TfTensor {
  const values = Float32Array.from(
    { length: length * length },
    (_, i) => i % length > Math.floor(i / length) ? -1e9 : 0,
  );
  return tf.tensor(values, [length, length]);
}
