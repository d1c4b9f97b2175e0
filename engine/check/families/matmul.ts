import type { ShaderName } from "../../gpu/shaders.ts";
import { launchMatmul, linear } from "../../ops/matmul.ts";
import type { Layout } from "../../ops/matmul-operands.ts";
import {
  fitsMatmulVariant,
  hasMatmulVariant,
  type MatmulVariant,
  matmulVariants,
} from "../../ops/matmul-variants.ts";
import { geluReference } from "./gelu.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  constant,
  type Cost,
  type Family,
  half,
  onHalf,
  type Op,
  type Problem,
  type Sizes,
  variable,
} from "../op.ts";
import { product } from "../product.ts";

/** Which of A and B is stored the other way round; letters `TA` and `TB`. */
const layouts = [{ TA: 0, TB: 0 }, { TA: 0, TB: 1 }, { TA: 1, TB: 0 }];

/** Shapes that leave every kind of tile half full, each in all layouts. */
function inAllLayouts(shapes: readonly (readonly [number, number, number])[]): Sizes[] {
  return shapes.flatMap(([M, N, K]) => layouts.map((layout) => ({ M, N, K, ...layout })));
}

function sizesOf({ M, N, K }: Sizes) {
  return { rows: M, columns: N, inner: K };
}

function layoutOf({ TA, TB }: Sizes): Layout {
  return { transposeA: TA === 1, transposeB: TB === 1 };
}

const entries = [
  "tiled",
  "add_partials",
  "vector",
  "direct",
  "product",
  "product_transposed",
  "matrices",
];

const shaders: Record<MatmulVariant, ShaderName> = {
  tiled: "matmul_tiled",
  tiled32: "matmul_tiled",
  ksplit: "matmul_tiled",
  matvec: "matmul_vector",
  matvec_subgroup: "matmul_vector_subgroup",
  direct: "matmul",
  subgroup: "matmul_subgroup",
  matrices: "matmul_matrices",
};

const letters = {
  M: { meaning: "rows of the result" },
  N: { meaning: "columns of the result" },
  K: { meaning: "length of the sum" },
};

const productOp: Op = {
  name: "launchMatmul",
  summary: "a matrix product, plain and with everything that its epilogue can add",
  entries,
  letters: {
    ...letters,
    TA: { meaning: "1: A is stored [K, M]", default: 0 },
    TB: { meaning: "1: B is stored [N, K]", default: 0 },
    plain: {
      meaning: "1: the plain product alone, 0: then one with all of the epilogue",
      default: 0,
    },
  },
  typical: { M: 2176, N: 176, K: 64, TA: 0, TB: 1, plain: 1 },
  grid: [
    ...inAllLayouts([
      [1, 1, 1],
      [1, 64, 7],
      [3, 5, 2],
      [9, 68, 17],
      [67, 31, 129],
      [64, 263, 48],
      [130, 1, 33],
      [2, 68, 300],
      [33, 100, 15],
      [67, 260, 9],
      [40, 72, 200],
    ]),
    { M: 5, N: 9, K: 70, TA: 1, TB: 1 },
  ],
  more: inAllLayouts([[8, 16, 8], [257, 129, 65], [64, 128, 2048], [130, 516, 70]]),
  tolerance: { output: 2e-6, reason: "a sum of K products in f32, in a fixed order" },
  variants: matmulVariants.map((name) => ({
    name,
    shader: shaders[name],
    available: (features) => hasMatmulVariant(features, name),
    fits: (sizes) => fitsMatmulVariant(name, sizesOf(sizes), layoutOf(sizes)),
  })),
  problem: productProblem,
  cost: (sizes) => productCost(sizes, 4),
};

/** Of one product, or of two with what the epilogue of the second reads; a number of B takes so many bytes. */
function productCost({ M, N, K, plain }: Sizes, bytesOfB: number): Cost {
  const flops = 2 * M * N * K, bytes = 4 * (M * K + M * N) + bytesOfB * K * N;
  return plain ? { flops, bytes } : { flops: 2 * flops, bytes: 2 * bytes + 4 * (N + 2 * M * N) };
}

function productProblem(given: Sizes): Problem {
  const { M, N, K, TA, TB, plain } = given;
  const sizes = sizesOf(given), layout = layoutOf(given);
  return {
    inputs: {
      a: constant(TA ? [K, M] : [M, K], 1),
      b: constant(TB ? [N, K] : [K, N], 2),
      bias: constant([N], 3),
      residual: constant([M, N], 4),
      total: constant([M, N], 5),
    },
    run({ a, b, bias, residual, total }, name): Record<string, Tensor> {
      const variant = name as MatmulVariant | undefined;
      const out = a.engine.empty([M, N]);
      launchMatmul({ a, b, out }, sizes, layout, variant);
      if (plain) return { out };
      const all = { a, b, out: total, bias, residual };
      launchMatmul(all, sizes, { ...layout, accumulate: true }, variant);
      return { out, total };
    },
    reference({ a, b, bias, residual, total }) {
      const out = product(
        { data: a, strides: TA ? [1, M] : [K, 1] },
        { data: b, strides: TB ? [1, K] : [N, 1] },
        [M, N, K],
      );
      const sum = out.map((x, i) => x + bias[i % N] + residual[i] + total[i]);
      return { out, total: sum };
    },
  };
}

/** The same over a B that is stored as f16, which the reference sees rounded. */
const halfProductOp: Op = {
  ...productOp,
  name: "launchMatmul of f16",
  summary: "the same with B stored as f16, as weights may be that are not trained",
  grid: productOp.grid.filter((_, i) => i % 5 === 1),
  more: undefined,
  tolerance: { ...productOp.tolerance, reason: "as launchMatmul: f16 widens to f32 exactly" },
  variants: productOp.variants?.map((variant) => ({
    ...variant,
    available: (features) => features.half && (variant.available?.(features) ?? true),
  })),
  problem(sizes) {
    const problem = productProblem(sizes), { b } = problem.inputs;
    return { ...problem, inputs: { ...problem.inputs, b: half(b) } };
  },
  cost: (sizes) => productCost(sizes, 2),
};

const linearOp: Op = {
  name: "linear",
  summary: "x·Wᵀ + bias + residual, with gradients to all four",
  entries, // those of the adapter's own choice
  letters: { ...letters, inputFirst: { meaning: "1: the weight is stored [K, N]", default: 0 } },
  typical: { M: 2176, N: 176, K: 64 },
  grid: [
    { M: 1, N: 1, K: 1 },
    { M: 5, N: 7, K: 3 },
    { M: 33, N: 20, K: 12 },
    { M: 33, N: 20, K: 12, inputFirst: 1 },
    { M: 70, N: 263, K: 48 },
    { M: 70, N: 96, K: 32, inputFirst: 1 },
  ],
  tolerance: {
    output: 2e-6,
    gradient: 2e-6,
    reason: "as launchMatmul; gradients are products too",
  },
  problem: ({ M, N, K, inputFirst }) => ({
    inputs: {
      x: variable([M, K], 1),
      weight: variable(inputFirst ? [K, N] : [N, K], 2),
      bias: variable([N], 3),
      residual: variable([M, N], 4),
    },
    run: ({ x, weight, bias, residual }) => ({
      out: linear(x, weight, { bias, residual, inputFirst: inputFirst === 1 }),
    }),
    reference({ x, weight, bias, residual }: Record<string, ArrayLike<number>>) {
      const out = product(
        { data: x, strides: [K, 1] },
        { data: weight, strides: inputFirst ? [N, 1] : [1, K] },
        [M, N, K],
      );
      return { out: out.map((y, i) => y + bias[i % N] + residual[i]) };
    },
  }),
  cost: ({ M, N, K }) => ({ flops: 2 * M * N * K, bytes: 4 * (M * K + K * N + 2 * M * N) }),
};

/** Where nothing is differentiated the product's own kernel may end with gelu. */
const linearGeluOp: Op = {
  ...linearOp,
  name: "linear with gelu",
  summary: "gelu of x·Wᵀ + bias, where nothing is differentiated",
  letters: { ...linearOp.letters, tanh: { meaning: "1: the approximation with tanh", default: 0 } },
  grid: [
    { M: 5, N: 7, K: 3 },
    { M: 33, N: 20, K: 12 },
    { M: 33, N: 20, K: 12, tanh: 1 },
    { M: 70, N: 96, K: 32, inputFirst: 1, tanh: 1 },
  ],
  tolerance: { output: 3e-6, reason: "as gelu" },
  problem({ M, N, K, inputFirst, tanh }) {
    const problem = linearOp.problem({ M, N, K, inputFirst }), form = tanh ? "tanh" : "erf";
    return {
      inputs: {
        x: constant([M, K], 1, 0.5),
        weight: constant(inputFirst ? [K, N] : [N, K], 2, 0.5),
        bias: constant([N], 3, 0.5),
        residual: constant([M, N], 4, 0.5),
      },
      run({ x, weight, bias, residual }) {
        const options = { bias, residual, inputFirst: inputFirst === 1, gelu: form } as const;
        return { out: linear(x, weight, options) };
      },
      reference(inputs) {
        const { out } = problem.reference(inputs);
        return { out: Float64Array.from(out, geluReference[form]) };
      },
    };
  },
};

/** The same over a frozen weight that is stored as f16. */
const halfLinearOp: Op = {
  ...linearOp,
  name: "linear of f16",
  summary: "the same with a weight stored as f16, and gradients to all but it",
  variants: [onHalf],
  problem(sizes) {
    const problem = linearOp.problem(sizes), { weight } = problem.inputs;
    return { ...problem, inputs: { ...problem.inputs, weight: half(weight) } };
  },
  cost: ({ M, N, K }) => ({ flops: 2 * M * N * K, bytes: 4 * (M * K + 2 * M * N) + 2 * K * N }),
};

export const matmulFamily: Family = {
  name: "matmul",
  shaders: [
    "matmul",
    "matmul_tiled",
    "matmul_vector",
    "matmul_vector_subgroup",
    "matmul_matrices",
    "matmul_subgroup",
  ],
  ops: [productOp, halfProductOp, linearOp, halfLinearOp, linearGeluOp],
};
