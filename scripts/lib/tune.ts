// Times the variants of an op against each other, for scripts/tune.ts.
import type { Engine } from "../../engine/gpu/engine.ts";
import {
  attention,
  attentionVariant,
  attentionVariants,
  type Heads,
} from "../../engine/ops/attention.ts";
import { launchMatmul } from "../../engine/ops/matmul.ts";
import type { Layout, Sizes } from "../../engine/ops/matmul-operands.ts";
import {
  hasMatmulVariant,
  type MatmulVariant,
  matmulVariant,
  matmulVariants,
} from "../../engine/ops/matmul-variants.ts";
import {
  REDUCTION_CLASS,
  reductionConstants,
  reductionVariants,
  withReductions,
} from "../../engine/ops/row-reduction.ts";
import { softmax } from "../../engine/ops/softmax.ts";
import { attentionClass, chooseVariant, productClass } from "../../engine/ops/tuning.ts";
import type { Shape, Tensor } from "../../engine/tensor/tensor.ts";

/** An op at one class of shapes. */
export interface TuningCase {
  name: string;
  fallback: string;
  variants: readonly string[];
  /** Makes the inputs; what it returns launches a variant. */
  prepare(engine: Engine): (variant: string) => Tensor;
}

/** The products of a linear layer [N, K] over `rows` rows: itself and its two gradients. */
export function productCases(engine: Engine, rows: number, [N, K]: Shape): TuningCase[] {
  return [
    decodingCase(engine, rows, [N, K]),
    productCase(engine, { rows, columns: K, inner: N }, {}),
    productCase(engine, { rows: N, columns: K, inner: rows }, { transposeA: true }),
  ];
}

/** The product of a linear layer [N, K] while `rows` sequences are decoded. */
export function decodingCase(engine: Engine, rows: number, [N, K]: Shape): TuningCase {
  return productCase(engine, { rows, columns: N, inner: K }, { transposeB: true });
}

function productCase(engine: Engine, sizes: Sizes, layout: Layout): TuningCase {
  const { rows, columns, inner } = sizes;
  return {
    name: productClass(sizes, layout),
    fallback: matmulVariant(engine, sizes, layout),
    variants: matmulVariants.filter((variant) => hasMatmulVariant(engine.features, variant)),
    prepare(engine) {
      const a = numbers(engine, [rows * inner]), b = numbers(engine, [inner * columns]);
      return (variant) => {
        const out = engine.empty([rows, columns]);
        launchMatmul({ a, b, out }, sizes, layout, variant as MatmulVariant);
        return out;
      };
    },
  };
}

/** Attention over sequences of `longest` rows, about 2,048 rows in all. */
export function attentionCase(engine: Engine, heads: Heads, longest: number): TuningCase {
  const count = Math.max(1, Math.floor(2048 / longest)), rows = count * longest;
  return {
    name: attentionClass(heads.headSize, longest),
    fallback: attentionVariant(engine, heads, longest),
    variants: attentionVariants.filter((variant) =>
      variant === "plain" || (engine.features.subgroups && heads.headSize % 8 === 0)
    ),
    prepare(engine) {
      const [q, k, v] = [heads.heads, heads.keyHeads, heads.keyHeads].map((h) =>
        numbers(engine, [rows, h * heads.headSize])
      );
      const offsets = engine.integers(Array.from({ length: count + 1 }, (_, b) => b * longest));
      const sequences = { offsets, count, longest };
      return (variant) =>
        attention(q, k, v, heads, sequences, variant as typeof attentionVariants[number]);
    },
  };
}

/** The kernels that reduce rows, by those of a softmax over a batch of logits. */
export function reductionCase(engine: Engine, rows: number, columns: number): TuningCase {
  return {
    name: REDUCTION_CLASS,
    fallback: "SUBGROUPS" in reductionConstants(engine) ? "subgroup" : "workgroup",
    variants: reductionVariants.filter((variant) =>
      variant !== "subgroup" || engine.features.subgroups
    ),
    prepare(engine) {
      const x = numbers(engine, [rows, columns]);
      return (variant) => withReductions(engine, variant, () => softmax(x));
    },
  };
}

function numbers(engine: Engine, shape: Shape): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return engine.tensor(Float32Array.from({ length: size }, (_, i) => Math.sin(i)), shape);
}

/**
 * The fastest variant, timed in turns so that what disturbs one disturbs all. A variant whose numbers are not
 * the default's is not considered.
 */
export async function tuneCase(
  engine: Engine,
  { fallback, variants, prepare }: TuningCase,
  { samples = 9, sampleMs = 10 } = {},
): Promise<{ choice: string; ratio: number }> {
  const scope = engine.openScope();
  try {
    const run = engine.within(scope, () => prepare(engine));
    const finished = engine.within(scope, () => engine.zeros([1]));
    const sample = async (variant: string, count: number) => {
      const start = performance.now();
      for (let i = 0; i < count; i++) engine.scope(() => void run(variant));
      await finished.read();
      return (performance.now() - start) / count;
    };
    const result = async (variant: string) => {
      const out = engine.within(scope, () => run(variant));
      return await out.read();
    };
    const expected = await result(fallback);
    const timings: Record<string, number[]> = {}, counts: Record<string, number> = {};
    for (const variant of variants) {
      if (!agree(await result(variant), expected)) continue;
      timings[variant] = [];
      await sample(variant, 1);
      counts[variant] = Math.max(1, Math.round(sampleMs / await sample(variant, 1)));
    }
    for (let i = 0; i < samples; i++) {
      for (const variant in timings) {
        timings[variant].push(await sample(variant, counts[variant]));
      }
    }
    return chooseVariant(timings, fallback);
  } finally {
    engine.close(scope);
  }
}

function agree(actual: Float32Array, expected: Float32Array): boolean {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return actual.every((value, i) => Math.abs(value - expected[i]) <= 1e-4 * largest);
}
