import type { Engine } from "../gpu/engine.ts";
import { expectShape, matrixShape, type Tensor } from "../tensor/tensor.ts";
import { gelu, type GeluForm } from "./gelu.ts";
import { launchMatrices } from "./matmul-matrices.ts";
import {
  type Layout,
  type Operands,
  parametersOf,
  type Sizes,
  storageOf,
} from "./matmul-operands.ts";
import { fitsSubgroups, launchSubgroup } from "./matmul-subgroup.ts";
import { launchSplit, launchTiled } from "./matmul-tiled.ts";
import { type MatmulVariant, matmulVariant } from "./matmul-variants.ts";
import { launchVector, launchVectorSubgroup } from "./matmul-vector.ts";
import { columnSums } from "./reduce.ts";
import { storedAs } from "./stored.ts";

type Launch = (operands: Operands, sizes: Sizes, layout: Layout) => void;

const launches: Record<MatmulVariant, Launch> = {
  tiled: (operands, sizes, layout) => launchTiled(operands, sizes, layout, 64),
  tiled32: (operands, sizes, layout) => launchTiled(operands, sizes, layout, 32),
  ksplit: launchSplit,
  matvec: launchVector,
  matvec_subgroup: launchVectorSubgroup,
  direct: launchDirect,
  subgroup: (operands, sizes, layout) =>
    (fitsSubgroups(sizes, layout) ? launchSubgroup : launchDirect)(operands, sizes, layout),
  matrices: launchMatrices,
};

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
  launches[variant](operands, sizes, layout);
}

/** A product by the kernel that needs nothing of the adapter. */
function launchDirect(operands: Operands, sizes: Sizes, layout: Layout): void {
  const { a, b, out, bias, residual } = operands;
  const { TRANSPOSE_A, TRANSPOSE_B } = storageOf(sizes, layout);
  out.engine.launch(
    "matmul",
    "direct",
    { a, b, out, bias: bias ?? a, residual: residual ?? a }, // what is not used holds something readable
    parametersOf(operands, sizes, layout),
    [Math.ceil(sizes.columns / 64), Math.ceil(sizes.rows / 8), 1],
    { TRANSPOSE_A, TRANSPOSE_B, ...storedAs(b) },
  );
}

/** What a linear layer adds to its product, and how its weight lies. */
export interface LinearOptions {
  /** [N] */
  bias?: Tensor;
  /** Of the output's shape. */
  residual?: Tensor;
  /** The weight is stored [K, N], as GPT-2's Conv1D has it, and not [N, K]. */
  inputFirst?: boolean;
  /** The result is `gelu` of the sum. */
  gelu?: GeluForm;
}

/**
 * x·Wᵀ (+ bias) (+ residual), as a linear layer stores its weight, or gelu of that.
 * @param x [..., K]
 * @param weight [N, K], or [K, N] with `inputFirst`
 * @returns [..., N]
 */
export function linear(x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor {
  const { bias, residual, inputFirst = false, gelu: form } = options;
  const [rows, inner] = matrixShape(x);
  const columns = weight.shape[inputFirst ? 1 : 0];
  expectShape("linear", "weight", weight, inputFirst ? [inner, columns] : [columns, inner]);
  const shape = [...x.shape.slice(0, -1), columns];
  if (bias) expectShape("linear", "bias", bias, [columns]);
  if (residual) expectShape("linear", "residual", residual, shape);
  const { engine } = x;
  const out = engine.empty(shape);
  const inputs = [x, weight, bias, residual].filter((input) => input !== undefined);
  const operands = { a: x, b: weight, out, bias, residual }, sizes = { rows, columns, inner };
  const layout = { transposeB: !inputFirst };
  const differentiated = inputs.some((input) => engine.tape?.tracks(input));
  if (form && !differentiated && endsWithGelu(engine, sizes, layout)) {
    launchSubgroup(operands, sizes, { ...layout, gelu: form });
    return out;
  }
  launchMatmul(operands, sizes, layout);

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
  return form ? gelu(out, form) : out;
}

/** Whether the kernel of such a product can apply gelu to it, which saves a launch and a pass over memory. */
function endsWithGelu(engine: Engine, sizes: Sizes, layout: Layout): boolean {
  return matmulVariant(engine, sizes, layout) === "subgroup" && fitsSubgroups(sizes, layout);
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
