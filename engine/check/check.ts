import type { Engine } from "../gpu/engine.ts";
import { float16ToFloat32 } from "../tensor/half.ts";
import { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { dot, randomNumbers, relativeError, slope } from "./numbers.ts";
import { completeSizes, type Op, type Problem, type Sizes } from "./op.ts";

/** How far one output or gradient was from its reference. */
export interface Deviation {
  /** The output's name, or "gradient of" the input's. */
  quantity: string;
  error: number;
  tolerance: number;
}

type Numbers = ArrayLike<number>;
type Named<T> = Record<string, T>;

const PROBES = 8; // entries of each input that finite differences look at, the first and the last among them
const STEP = 1e-5; // in float64: a central difference is then exact to some 1e−10

/**
 * Runs an op once on the GPU and compares its outputs with the float64 reference, and its gradients with finite
 * differences of the reference: at a few entries of each input, and along a random direction through all of them.
 * @returns a deviation per output and per input with a gradient; `failures` tells which are too large
 * @throws where the op itself throws, or a kernel does not compile
 */
export async function checkOp(
  engine: Engine,
  op: Op,
  sizes: Sizes,
  variant?: string,
): Promise<Deviation[]> {
  const problem = op.problem(completeSizes(op, sizes));
  const scope = engine.openScope(), written: Tensor[] = [];
  try {
    const tape = new Tape();
    const { tensors, outputs } = engine.within(scope, () => {
      const tensors = inputTensors(engine, problem);
      for (const name of variables(problem)) tape.watch(tensors[name]);
      return { tensors, outputs: engine.record(tape, () => problem.run(tensors, variant)) };
    });
    written.push(...Object.values(outputs));
    const deviations = await outputDeviations(op, problem, outputs);
    if (variables(problem).length === 0) return deviations;

    const { differentiable = Object.keys(outputs) } = problem;
    const upstreams = Object.fromEntries(
      differentiable.map((name, i) => [name, randomNumbers(outputs[name].size, 1000 + i)]),
    );
    engine.within(scope, () => {
      const seed = (name: string) => engine.tensor(upstreams[name], outputs[name].shape);
      tape.backwardFrom(differentiable.map((name) => [outputs[name], seed(name)] as const));
    });
    const gradients = variables(problem).map((name) => foundGradient(op, tape, tensors, name));
    written.push(...gradients);
    return [...deviations, ...await gradientDeviations(op, problem, upstreams, gradients)];
  } finally {
    // The pool hands these buffers out again: a kernel that leaves something unwritten must not find it right.
    for (const tensor of written) engine.write(tensor, new Float32Array(tensor.size).fill(NaN));
    engine.close(scope);
  }
}

/** The deviations beyond their tolerance. */
export function failures(deviations: readonly Deviation[]): Deviation[] {
  return deviations.filter(({ error, tolerance }) => !(error <= tolerance));
}

/** The inputs of a problem on the GPU. */
export function inputTensors(engine: Engine, { inputs }: Problem): Named<Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [name, engine.tensor(data, shape)]),
  );
}

/** Names of the inputs that have a gradient. */
export function variables({ inputs }: Problem): string[] {
  return Object.keys(inputs).filter((name) => inputs[name].differentiable);
}

function numbers({ inputs }: Problem): Named<Float64Array> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { data }]) => {
      const values = data instanceof Uint16Array ? float16ToFloat32(data) : data;
      return [name, Float64Array.from(values)];
    }),
  );
}

async function outputDeviations(
  { tolerance }: Op,
  problem: Problem,
  outputs: Named<Tensor>,
): Promise<Deviation[]> {
  const expected = problem.reference(numbers(problem));
  return await Promise.all(
    Object.entries(outputs).map(async ([quantity, tensor]) => {
      const exact = tensor.dtype === "u32"; // integers are right or wrong
      const actual = await (exact ? tensor.readIntegers() : tensor.read());
      if (expected[quantity].length !== actual.length) {
        throw new Error(
          `the reference gives ${
            expected[quantity].length
          } numbers for ${quantity}, the op ${actual.length}`,
        );
      }
      const error = comparedError(actual, expected[quantity]);
      return { quantity, error, tolerance: exact ? 0 : tolerance.output };
    }),
  );
}

/** The relative error over the entries that the reference says something about. */
function comparedError(actual: Numbers, expected: Numbers): number {
  const compared = Array.from(expected, (_, i) => i).filter((i) => !Number.isNaN(expected[i]));
  return relativeError(compared.map((i) => actual[i]), compared.map((i) => expected[i]));
}

function foundGradient(op: Op, tape: Tape, tensors: Named<Tensor>, input: string): Tensor {
  const gradient = tape.gradient(tensors[input]);
  if (!gradient) throw new Error(`${op.name}: no gradient reached ${input}`);
  return gradient;
}

async function gradientDeviations(
  { name, tolerance }: Op,
  problem: Problem,
  upstreams: Named<Float32Array>,
  gradients: readonly Tensor[],
): Promise<Deviation[]> {
  if (tolerance.gradient === undefined) {
    throw new Error(`the op ${name} has gradients but states no tolerance for them`);
  }
  const point = numbers(problem);
  const scalar = () => {
    const outputs = problem.reference(point);
    return Object.keys(upstreams).reduce((sum, o) => sum + dot(outputs[o], upstreams[o]), 0);
  };
  const deviations: Deviation[] = [];
  for (const [i, input] of variables(problem).entries()) {
    const error = gradientError(await gradients[i].read(), point[input], scalar);
    deviations.push({ quantity: `gradient of ${input}`, error, tolerance: tolerance.gradient });
  }
  return deviations;
}

/** The larger of the relative errors at single entries and along a direction. */
function gradientError(found: Float32Array, point: Float64Array, f: () => number): number {
  const places = probes(point.length);
  const slopes = places.map((i) => slope(point, i, STEP, f));
  const largest = found.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
  const scale = Math.max(largest, ...slopes.map(Math.abs)) || 1;
  const atEntries = places.map((i, n) => Math.abs(found[i] - slopes[n]) / scale);

  const direction = randomNumbers(point.length, 77);
  const length = Math.sqrt(dot(found, found)) || 1;
  const along = Math.abs(dot(found, direction) - slopeAlong(point, direction, f)) / length;
  return worst([...atEntries, along]);
}

function slopeAlong(point: Float64Array, direction: Float32Array, f: () => number): number {
  const start = point.slice();
  const at = (step: number) => {
    start.forEach((x, i) => point[i] = x + step * direction[i]);
    return f();
  };
  const result = (at(STEP) - at(-STEP)) / (2 * STEP);
  point.set(start);
  return result;
}

/** A few places of 0 … size − 1, all of them where there are few. */
function probes(size: number): number[] {
  if (size <= PROBES) return [...Array(size).keys()];
  const inner = Array.from({ length: PROBES - 2 }, (_, i) => (i + 1) * 7919 % size);
  return [...new Set([0, size - 1, ...inner])];
}

function worst(errors: readonly number[]): number {
  return errors.some(Number.isNaN) ? Infinity : Math.max(...errors);
}
