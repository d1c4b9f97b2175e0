// TensorFlow.js with its WebGPU backend as a contender.
import type { Contender, Runner } from "./contender.ts";
import { importPeer } from "./install.ts";
import { type Attention, numbers, type Product, type Work } from "./works.ts";

/** What is used of @tensorflow/tfjs. */
export interface TfTensor {
  readonly shape: number[];
  add(other: TfTensor | number): TfTensor;
  sub(other: TfTensor | number): TfTensor;
  mul(other: TfTensor | number): TfTensor;
  div(other: TfTensor | number): TfTensor;
  sum(axis?: number): TfTensor;
  reshape(shape: number[]): TfTensor;
  transpose(axes?: number[]): TfTensor;
  data(): Promise<Float32Array>;
  dispose(): void;
}

export interface Tensorflow {
  setBackend(name: "webgpu"): Promise<boolean>;
  ready(): Promise<void>;
  tensor(values: Float32Array | Int32Array, shape: number[], dtype?: "int32"): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  softmax(x: TfTensor): TfTensor;
  where(condition: TfTensor, a: TfTensor, b: TfTensor): TfTensor;
  grads(f: (...inputs: TfTensor[]) => TfTensor): (inputs: TfTensor[]) => TfTensor[];
  tidy<T>(f: () => T): T;
}

type Launch = () => TfTensor[];

/** @throws {Error} where tfjs finds no adapter */
export async function tfjsContender(): Promise<Contender> {
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
        default:
          return Promise.resolve(null);
      }
    },
  };
}

function runner(tf: Tensorflow, inputs: TfTensor[], launch: Launch): Runner {
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
  const attend = (q: TfTensor, k: TfTensor, v: TfTensor) => {
    const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(headSize)).add(mask);
    return tf.matMul(tf.softmax(scores), v);
  };
  const backward = tf.grads((q, k, v) => attend(q, k, v).mul(upstream).sum());
  const launch = gradients ? () => backward([q, k, v]) : () => [attend(q, k, v)];
  const prepared = runner(tf, [...inputs, mask], launch);
  const turned = runner(tf, [], () => launch().map((made) => made.transpose([0, 2, 1, 3])));
  return { ...prepared, results: turned.results };
}

/** [T, T]: 0 where a place may look, else a number that no score makes up for. */
export function causalMask(tf: Tensorflow, length: number): TfTensor {
  const values = new Float32Array(length * length);
  for (let i = 0; i < values.length; i++) if (i % length > i / length) values[i] = -1e9;
  return tf.tensor(values, [length, length]);
}
