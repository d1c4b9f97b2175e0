import type { ShaderName } from "../../gpu/shaders.ts";
import { launchMatmul } from "../../ops/matmul.ts";
import type { Layout } from "../../ops/matmul-operands.ts";
import {
  fitsMatmulVariant,
  hasMatmulVariant,
  type MatmulVariant,
  matmulVariants,
} from "../../ops/matmul-variants.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  constant,
  type Cost,
  type Family,
  half,
  type Op,
  type Problem,
  type Sizes,
} from "../op.ts";
import { product } from "../product.ts";
import { linearOps, productEntries, productLetters } from "./linear.ts";

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

const productOp: Op = {
  name: "launchMatmul",
  summary: "a matrix product, plain and with everything that its epilogue can add",
  entries: productEntries,
  letters: {
    ...productLetters,
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
  ops: [productOp, halfProductOp, ...linearOps],
};
