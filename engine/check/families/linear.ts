import { linear } from "../../ops/matmul.ts";
import { constant, half, onHalf, type Op, variable } from "../op.ts";
import { product } from "../product.ts";
import { geluReference } from "./gelu.ts";

// The linear layer: products by the adapter's own choice, and their gradients. Part of the family of matmul.ts.

/** Entry points of all kernels of the product. */
export const productEntries = [
  "tiled",
  "add_partials",
  "vector",
  "direct",
  "product",
  "product_transposed",
  "matrices",
];

export const productLetters = {
  M: { meaning: "rows of the result" },
  N: { meaning: "columns of the result" },
  K: { meaning: "length of the sum" },
};

const linearOp: Op = {
  name: "linear",
  summary: "x·Wᵀ + bias + residual, with gradients to all four",
  entries: productEntries, // those of the adapter's own choice
  letters: {
    ...productLetters,
    inputFirst: { meaning: "1: the weight is stored [K, N]", default: 0 },
  },
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

/** As `linear`, over a frozen weight that is stored as f16. */
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

export const linearOps: readonly Op[] = [linearOp, halfLinearOp, linearGeluOp];
