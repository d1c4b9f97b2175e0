import type { Engine } from "../gpu/engine.ts";
import type { KernelConstants } from "../gpu/kernels.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { type HeadView, placeParameters, viewHeads } from "./heads.ts";
import { attentionClass, tunedVariant } from "./tuning.ts";

/** Heads of an attention layer: H query heads share Hk key and value heads, each of D numbers. */
export interface Heads {
  heads: number;
  keyHeads: number;
  headSize: number;
  /** Factor of the scores; 1/√D by default. */
  scale?: number;
}

/** Packed sequences: sequence b owns rows offsets[b] … offsets[b+1]−1; `longest` is the largest length. */
export interface Sequences {
  offsets: Tensor;
  count: number;
  longest: number;
}

/** The kernels of `attention`. Both give the same numbers up to rounding. */
export const attentionVariants = ["plain", "subgroup"] as const;
export type AttentionVariant = typeof attentionVariants[number];

/**
 * Causal attention over packed sequences, in flash style (Dao 2023, arXiv:2307.08691): memory is linear in
 * the number of rows.
 * @param q [N, H·D]
 * @param k [N, Hk·D]
 * @param v [N, Hk·D]
 * @returns [N, H·D]
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  heads: Heads,
  sequences: Sequences,
  variant = attentionVariant(q.engine, heads, sequences.longest),
): Tensor {
  checkHeads(heads);
  const { headSize, keyHeads } = heads;
  const [rows] = q.shape;
  expectShape("attention", "q", q, [null, heads.heads * headSize]);
  expectShape("attention", "k", k, [rows, keyHeads * headSize]);
  expectShape("attention", "v", v, [rows, keyHeads * headSize]);
  const views: Views = [viewHeads(q, headSize), viewHeads(k, headSize), viewHeads(v, headSize)];
  const { out, statistics } = launchForward(views, heads, sequences, variant);
  const { engine } = q, { offsets } = sequences;
  const launch = (entry: string, bindings: Record<string, Tensor>, headsOfGrid: number) => {
    const all = { q, k, v, offsets, ...bindings };
    const grid = gridOf(engine, headsOfGrid, sequences);
    const constants = headConstants(engine, heads, variant);
    engine.launch(shaders[variant], entry, all, headParameters(heads), grid, constants);
  };
  engine.tape?.record("attention", [q, k, v], out, (d_out, sink) => {
    const all = { rows: rows * heads.heads };
    const constants = { HEAD_VECTORS: headSize / 4 };
    const bindings = { result: out, d_out, statistics };
    engine.launch("attention", "delta", bindings, all, engine.grid(all.rows), constants);
    const d_q = engine.empty(q.shape), d_k = engine.empty(k.shape), d_v = engine.empty(v.shape);
    launch("query_gradient", { d_out, row_statistics: statistics, d_q }, heads.heads);
    launch("key_gradient", { d_out, row_statistics: statistics, d_k, d_v }, keyHeads);
    sink.give(q, d_q);
    sink.give(k, d_k);
    sink.give(v, d_v);
  });
  return out;
}

type Views = readonly [q: HeadView, k: HeadView, v: HeadView];

/**
 * `attention` of heads where they lie, so that none need be copied out of fused rows. Not differentiable.
 * @param lastRows only the last row of each sequence is asked for: what others get is undefined
 */
export function attentionOfViews(
  views: Views,
  heads: Heads,
  sequences: Sequences,
  lastRows = false,
): Tensor {
  checkHeads(heads);
  const [{ tensor: { engine } }] = views;
  const variant = attentionVariant(engine, heads, sequences.longest);
  return launchForward(views, heads, sequences, variant, lastRows).out;
}

const shaders = { plain: "attention", subgroup: "attention_subgroup" } as const;

function launchForward(
  [q, k, v]: Views,
  heads: Heads,
  sequences: Sequences,
  variant: AttentionVariant,
  lastRows = false,
): { out: Tensor; statistics: Tensor } {
  const { engine, shape: [rows] } = q.tensor, { offsets, count } = sequences;
  expectShape("attention", "offsets", offsets, [count + 1]);
  for (const [name, { tensor }] of Object.entries({ k, v })) {
    expectShape("attention", name, tensor, [rows, null]);
  }
  const out = engine.empty([rows, heads.heads * heads.headSize]);
  const statistics = engine.empty([rows, heads.heads, 2]);
  const parameters = { ...headParameters(heads), ...placeParameters({ q, k, v }) };
  const bindings = { q: q.tensor, k: k.tensor, v: v.tensor, offsets, out, statistics };
  const [tiles, ...others] = gridOf(engine, heads.heads, sequences);
  const grid = [lastRows ? 1 : tiles, ...others] as const;
  const constants = { ...headConstants(engine, heads, variant), LAST: Number(lastRows) };
  engine.launch(shaders[variant], "forward", bindings, parameters, grid, constants);
  return { out, statistics };
}

function gridOf(engine: Engine, heads: number, { longest, count }: Sequences) {
  return [Math.ceil(longest / tileRows(engine)), heads, count] as const;
}

/**
 * The measured choice, else the default: handing rows round in subgroups pays where loads are slow, but
 * unrolled over large heads it takes long to compile.
 */
export function attentionVariant(
  { features, tuning }: Engine,
  { headSize }: Heads,
  longest: number,
): AttentionVariant {
  const tuned = tuning &&
    tunedVariant(tuning, attentionClass(headSize, longest), attentionVariants);
  if (tuned && (tuned !== "subgroup" || features.subgroups)) return tuned;
  return features.software && features.subgroups && subgroupFits(headSize) ? "subgroup" : "plain";
}

/** Whether the kernel with subgroups takes heads of this size. */
export function subgroupFits(headSize: number): boolean {
  return headSize % 8 === 0 && headSize <= 64;
}

/** What every kernel of attention is told about heads. */
export function headParameters(
  { heads, keyHeads, headSize, scale = 1 / Math.sqrt(headSize) }: Heads,
): Record<string, number> {
  return { heads, key_heads: keyHeads, scale, head_vectors: headSize / 4 };
}

/** On a software adapter small tiles skip more of the masked half. */
function tileRows({ features: { software, lanes } }: Engine): number {
  return software ? lanes : 64;
}

function headConstants(
  engine: Engine,
  { headSize }: Heads,
  variant: AttentionVariant,
): KernelConstants {
  const { software } = engine.features;
  const WORKGROUP = tileRows(engine);
  if (variant === "subgroup") return { VECTORS: headSize / 4, CHUNKS: headSize / 8, WORKGROUP };
  const UNROLL = Number(!software || headSize <= 16);
  return { HEAD_VECTORS: headSize / 4, UNROLL, WORKGROUP };
}

/** Throws where the kernels cannot do these heads. */
export function checkHeads({ heads, keyHeads, headSize }: Heads): void {
  if (headSize % 4 || headSize > 256) {
    throw new RangeError(`attention: head size ${headSize} must be a multiple of 4, at most 256`);
  }
  if (heads % keyHeads) {
    throw new RangeError(
      `attention: ${heads} query heads cannot share ${keyHeads} key heads evenly`,
    );
  }
}
