import type { Tensor } from "../tensor/tensor.ts";
import type { Bindings } from "./bindings.ts";
import type { Features } from "./device.ts";
import type { Engine } from "./engine.ts";
import type { KernelConstants } from "./kernels.ts";
import { lanesCheck } from "./self-test-lanes.ts";
import {
  directProduct,
  matricesProduct,
  matrix,
  subgroupProduct,
  tiledProduct,
  vectorProduct,
} from "./self-test-products.ts";
import type { ShaderName } from "./shaders.ts";
import { adapterName } from "./subgroup-matrices.ts";

/** A launch whose answer is known. */
export interface Check {
  name: string;
  shader: ShaderName;
  entry: string;
  constants?: KernelConstants;
  bindings(engine: Engine): Bindings;
  /** The binding that is looked at afterwards. */
  output: string;
  parameters: Record<string, number>;
  grid: readonly [number, number, number];
  /** Null: not looked at. */
  expected: readonly (number | null)[];
  tolerance: number;
}

/**
 * Launches a few kernels whose answers are known, among them the matrix product that will be used. They are
 * kernels that a run needs anyway, because compiling them is what takes time.
 * @param features what the adapter offers
 * @returns the features to rely on: without `subgroups` or `half` where a kernel that would use them is wrong, and,
 * with a warning, without the experimental ones that are
 * @throws where anything else is wrong, naming the adapter and the kernel
 */
export async function runSelfTest(
  engine: Engine,
  features: Features = engine.features,
): Promise<Features> {
  const name = adapterName(engine.device.adapterInfo);
  const { software, lanes, subgroupMatrices } = features;
  const withSubgroups = software
    ? [lanesCheck(lanes), subgroupProduct(lanes)]
    : [vectorProduct, subgroupReductions];
  for (const check of features.subgroups ? withSubgroups : []) {
    if (await findFault(engine, check)) features = { ...features, subgroups: false };
  }
  if (features.half && await findFault(engine, halfLookup)) features = { ...features, half: false };
  const fault = subgroupMatrices && await findFault(engine, matricesProduct(subgroupMatrices));
  if (fault) {
    console.warn(`The adapter "${name}" is used without its subgroup matrices: ${fault}.`);
    features = { ...features, subgroupMatrices: null };
  }
  const checks = [logProbability, threefry, notANumber];
  if (!features.software) checks.push(tiledProduct);
  else if (!features.subgroups) checks.push(directProduct);
  const faults = await Promise.all(checks.map((check) => findFault(engine, check)));
  const fatal = faults.find((fault) => fault !== null);
  if (!fatal) return features;
  throw new Error(
    `The adapter "${name}" computes wrongly: ${fatal}. Update its driver, or use another adapter.`,
  );
}

/** What is wrong with a kernel on this device, or null. */
async function findFault(engine: Engine, check: Check): Promise<string | null> {
  const { shader, entry, constants, expected, tolerance } = check;
  const kernel = `${check.name} (${entry} of shaders/${shader}.wgsl)`;
  const error = await compileError(engine, check);
  if (error) return `${kernel} does not compile: ${error.message}`;
  const scope = engine.openScope();
  try {
    const output: Tensor = engine.within(scope, () => {
      const bindings = check.bindings(engine);
      engine.launch(shader, entry, bindings, check.parameters, check.grid, constants);
      return bindings[check.output];
    });
    const actual = await (output.dtype === "u32" ? output.readIntegers() : output.read());
    const wrong = expected.findIndex((value, i) =>
      value !== null && !(Math.abs(actual[i] - value) <= tolerance)
    );
    if (wrong < 0) return null;
    return `${kernel} gives ${actual[wrong]} for element ${wrong}, expected ${expected[wrong]}`;
  } finally {
    engine.close(scope);
  }
}

/** Compiles within error scopes: an optional kernel that a driver refuses must not fail the engine. */
async function compileError(
  { device, kernels }: Engine,
  { shader, entry, constants }: Check,
): Promise<GPUError | null> {
  device.pushErrorScope("internal");
  device.pushErrorScope("validation");
  let reports: Promise<GPUError | null>[];
  try {
    kernels.get(shader, entry, constants);
  } finally {
    reports = [device.popErrorScope(), device.popErrorScope()];
  }
  const [validation, internal] = await Promise.all(reports);
  const error = validation ?? internal;
  if (error) kernels.forget(shader);
  return error;
}

/** Logits log 1, log 2, … log V: the probabilities are 1/S, 2/S, … V/S with S = V(V + 1)/2. */
const vocabulary = 101, total = vocabulary * (vocabulary + 1) / 2, target = 36;
const logProbability: Check = {
  name: "the log-probability of a token",
  shader: "logprob",
  entry: "forward",
  bindings: (engine) => ({
    logits: engine.tensor(matrix(1, vocabulary, (_, i) => Math.log(i + 1))),
    targets: engine.integers([target]),
    log_prob: engine.empty([1]),
    entropy: engine.empty([1]),
    log_sum_exp: engine.empty([1]),
  }),
  output: "log_prob",
  parameters: { rows: 1, vocabulary, offset: 0, temperature: 1 },
  grid: [1, 1, 1],
  expected: [Math.log((target + 1) / total)],
  tolerance: 1e-4,
};

/** On GPUs the kernels of rows reduce by subgroups, see engine/ops/row-reduction.ts. */
const subgroupReductions: Check = {
  ...logProbability,
  constants: { WORKGROUP: 256, SUBGROUPS: 1 },
};

/** Rows of a table that is stored as f16. */
const halfLookup: Check = {
  name: "reading f16",
  shader: "embedding",
  entry: "lookup",
  constants: { HALF: 1, COLUMNS: 2 },
  bindings: (engine) => {
    const table = engine.tensor(Uint16Array.of(0x3c00, 0xc100, 0x3555, 0x7bff), [2, 2]);
    const tokens = engine.integers([1, 0]);
    return { table, residual: tokens, tokens, out: engine.empty([2, 2]) }; // no residual is read
  },
  output: "out",
  parameters: { rows: 2, vocabulary: 2, first: 0, block: 2, with_residual: 0 },
  grid: [1, 1, 1],
  expected: [0.333251953125, 65504, 1, -2.5],
  tolerance: 0,
};

/** The third of Random123's known-answer vectors for Threefry-2x32-20. */
const threefry: Check = {
  name: "the random number generator",
  shader: "random",
  entry: "random_words",
  bindings: (engine) => ({ words: engine.empty([1, 2], "u32"), numbers: engine.empty([1]) }),
  output: "words",
  parameters: {
    count: 1,
    seed: 0x13198a2e,
    purpose: 0x03707344,
    episode: 0x243f6a88,
    first_token: 0x85a308d3,
  },
  grid: [1, 1, 1],
  expected: [0xc4923a9c, 0x483df7a0],
  tolerance: 0,
};

/** A gradient norm that is NaN marks the optimizer's step as skipped; compilers may assume there is no NaN. */
const notANumber: Check = {
  name: "the test for NaN",
  shader: "adamw",
  entry: "begin_step",
  bindings: (engine) => ({ partials: engine.tensor([1, NaN, 2]), state: engine.zeros([8]) }),
  output: "state",
  parameters: { blocks: 3, max_norm: 1 },
  grid: [1, 1, 1],
  expected: [null, 0, 1, 0, 1, 0, 0, 0], // norm, clip, skipped, step, skips
  tolerance: 0,
};
