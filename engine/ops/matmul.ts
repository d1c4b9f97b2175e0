import type { Engine } from "../gpu/engine.ts";
import { expectShape, matrixShape, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { columnSums } from "./reduce.ts";
import { storedAs } from "./stored.ts";
import { productClass, tunedVariant } from "./tuning.ts";

/** The kernel that makes a product. All give the same numbers up to rounding. */
export const matmulVariants = ["tiled", "direct", "subgroup"] as const;
export type MatmulVariant = typeof matmulVariants[number];

interface Operands {
  a: Tensor;
  b: Tensor;
  out: Tensor;
  bias?: Tensor;
  residual?: Tensor;
}

export interface Sizes {
  rows: number;
  columns: number;
  inner: number;
}

export interface Layout {
  /** A is stored [K, M]. */
  transposeA?: boolean;
  /** B is stored [N, K]. */
  transposeB?: boolean;
  /** Adds to what `out` holds. */
  accumulate?: boolean;
}

/**
 * out ← A·B (+ bias) (+ residual) (+ out), the launch below `linear` and its gradients. A is [M, K], B is
 * [K, N], out is [M, N]; the layout says which of A and B is stored the other way round. B may be stored as f16.
 */
export function launchMatmul(
  operands: Operands,
  sizes: Sizes,
  layout: Layout = {},
  variant = matmulVariant(operands.out.engine, sizes, layout),
): void {
  const { a, b, out, bias, residual } = operands;
  const { rows, columns } = sizes;
  const { engine } = out;
  const parameters = {
    ...sizes,
    with_bias: Number(bias !== undefined),
    with_residual: Number(residual !== undefined),
    with_accumulate: Number(layout.accumulate ?? false),
  };
  // Below, bindings that are not used hold something readable.
  const TRANSPOSE_A = Number(layout.transposeA ?? false);
  const TRANSPOSE_B = Number(layout.transposeB ?? false);
  if (variant === "subgroup" && columns % 4 === 0 && panelsFit(engine, sizes)) {
    engine.scope(() => {
      const make = () => packPanels(b, sizes, layout.transposeB ?? false);
      const panels = engine.memo?.get(b, make) ?? make();
      const operands = { a, panels, out, bias: bias ?? panels, residual: residual ?? panels };
      const ROWS = rows <= 4 ? 4 : 16;
      const WORKGROUP = engine.features.lanes;
      const grid = [Math.ceil(columns / (4 * WORKGROUP)), Math.ceil(rows / ROWS), 1] as const;
      const constants = { TRANSPOSE_A, WORKGROUP, ROWS };
      engine.launch("matmul_subgroup", "product", operands, parameters, grid, constants);
    });
  } else {
    const tiled = variant === "tiled";
    const grid = [Math.ceil(columns / 64), Math.ceil(rows / (tiled ? 64 : 8)), 1] as const;
    const entry = tiled ? "tiled" : "direct";
    const bindings = { a, b, out, bias: bias ?? b, residual: residual ?? b };
    const constants = { TRANSPOSE_A, TRANSPOSE_B, ...storedAs(b) };
    engine.launch("matmul", entry, bindings, parameters, grid, constants);
  }
}

/** The measured choice, else the default: software adapters are slow at workgroup memory, real GPUs live by it. */
export function matmulVariant(
  { features, tuning }: Engine,
  sizes: Sizes,
  layout: Layout,
): MatmulVariant {
  const tuned = tuning && tunedVariant(tuning, productClass(sizes, layout), matmulVariants);
  if (tuned && (tuned !== "subgroup" || features.subgroups)) return tuned;
  if (!features.software) return "tiled";
  return features.subgroups ? "subgroup" : "direct";
}

/** The shape of B in panels of columns: panels, depth, columns of a panel. */
function panelShape({ features: { lanes } }: Engine, { columns, inner }: Sizes) {
  return [Math.ceil(columns / (4 * lanes)), Math.ceil(inner / 8) * 8, 4 * lanes] as const;
}

function panelsFit(engine: Engine, sizes: Sizes): boolean {
  return 4 * sizeOf(panelShape(engine, sizes)) <= engine.bindingLimit;
}

/** B in panels of columns, the layout that the subgroup variant reads. */
function packPanels(x: Tensor, sizes: Sizes, transposed: boolean): Tensor {
  const { engine } = x;
  const { columns, inner } = sizes;
  const { lanes } = engine.features;
  const panels = engine.empty(panelShape(engine, sizes));
  const depth = panels.shape[1];
  const vectors = panels.size / 4;
  const parameters = { columns, inner, depth, lanes, vectors };
  const constants = { TRANSPOSE_B: Number(transposed), ...storedAs(x) };
  engine.launch("matmul", "pack", { x, panels }, parameters, engine.grid(vectors), constants);
  return panels;
}

/** What a linear layer adds to its product, and how its weight lies. */
export interface LinearOptions {
  /** [N] */
  bias?: Tensor;
  /** Of the output's shape. */
  residual?: Tensor;
  /** The weight is stored [K, N], as GPT-2's Conv1D has it, and not [N, K]. */
  inputFirst?: boolean;
}

/**
 * x·Wᵀ (+ bias) (+ residual), as a linear layer stores its weight.
 * @param x [..., K]
 * @param weight [N, K], or [K, N] with `inputFirst`
 * @returns [..., N]
 */
export function linear(x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor {
  const { bias, residual, inputFirst = false } = options;
  const [rows, inner] = matrixShape(x);
  const columns = weight.shape[inputFirst ? 1 : 0];
  expectShape("linear", "weight", weight, inputFirst ? [inner, columns] : [columns, inner]);
  const shape = [...x.shape.slice(0, -1), columns];
  if (bias) expectShape("linear", "bias", bias, [columns]);
  if (residual) expectShape("linear", "residual", residual, shape);
  const { engine } = x;
  const out = engine.empty(shape);
  launchMatmul({ a: x, b: weight, out, bias, residual }, { rows, columns, inner }, {
    transposeB: !inputFirst,
  });

  const inputs = [x, weight, bias, residual].filter((input) => input !== undefined);
  engine.tape?.record("linear", inputs, out, (upstream, sink) => {
    if (sink.needs(weight)) addWeightGradient(x, upstream, sink.accumulator(weight), inputFirst);
    if (sink.needs(x)) {
      const { gradient: out, accumulate } = sink.destination(x);
      const sizes = { rows, columns: inner, inner: columns };
      launchMatmul({ a: upstream, b: weight, out }, sizes, { transposeB: inputFirst, accumulate });
    }
    if (bias && sink.needs(bias)) {
      columnSums(upstream.view([rows, columns]), sink.accumulator(bias));
    }
    if (residual) sink.give(residual, upstream);
  });
  return out;
}

/** total ← total + upstreamᵀ·x [N, K], or + xᵀ·upstream [K, N] with `inputFirst`. */
function addWeightGradient(x: Tensor, upstream: Tensor, total: Tensor, inputFirst: boolean): void {
  const [inner] = matrixShape(x);
  const [a, b] = inputFirst ? [x, upstream] : [upstream, x];
  const [rows, columns] = total.shape;
  launchMatmul({ a, b, out: total }, { rows, columns, inner }, {
    transposeA: true,
    accumulate: true,
  });
}
