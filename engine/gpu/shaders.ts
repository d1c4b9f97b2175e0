/** The one place that imports shader text; `with { type: "text" }` works in Bun and Deno and is inlined by a build. */
import attention from "../../shaders/attention.wgsl" with { type: "text" };
import adamw from "../../shaders/adamw.wgsl" with { type: "text" };
import attention_params from "../../shaders/attention_params.wgsl" with { type: "text" };
import attention_subgroup from "../../shaders/attention_subgroup.wgsl" with { type: "text" };
import attention_texture from "../../shaders/attention_texture.wgsl" with { type: "text" };
import attention_texture_subgroup from "../../shaders/attention_texture_subgroup.wgsl" with {
  type: "text",
};
import cache_attention from "../../shaders/cache_attention.wgsl" with { type: "text" };
import cache_params from "../../shaders/cache_params.wgsl" with { type: "text" };
import ceilings from "../../shaders/ceilings.wgsl" with { type: "text" };
import draw from "../../shaders/draw.wgsl" with { type: "text" };
import elementwise from "../../shaders/elementwise.wgsl" with { type: "text" };
import embedding from "../../shaders/embedding.wgsl" with { type: "text" };
import gae from "../../shaders/gae.wgsl" with { type: "text" };
import gather from "../../shaders/gather.wgsl" with { type: "text" };
import gaussian from "../../shaders/gaussian.wgsl" with { type: "text" };
import gelu from "../../shaders/gelu.wgsl" with { type: "text" };
import heads from "../../shaders/heads.wgsl" with { type: "text" };
import kl from "../../shaders/kl.wgsl" with { type: "text" };
import lanes from "../../shaders/lanes.wgsl" with { type: "text" };
import layernorm from "../../shaders/layernorm.wgsl" with { type: "text" };
import layernorm_rows from "../../shaders/layernorm_rows.wgsl" with { type: "text" };
import logprob from "../../shaders/logprob.wgsl" with { type: "text" };
import logistic from "../../shaders/logistic.wgsl" with { type: "text" };
import matmul from "../../shaders/matmul.wgsl" with { type: "text" };
import matmul_matrices from "../../shaders/matmul_matrices.wgsl" with { type: "text" };
import matmul_subgroup from "../../shaders/matmul_subgroup.wgsl" with { type: "text" };
import matmul_tiled from "../../shaders/matmul_tiled.wgsl" with { type: "text" };
import matmul_vector from "../../shaders/matmul_vector.wgsl" with { type: "text" };
import matmul_vector_subgroup from "../../shaders/matmul_vector_subgroup.wgsl" with {
  type: "text",
};
import ppo from "../../shaders/ppo.wgsl" with { type: "text" };
import preference from "../../shaders/preference.wgsl" with { type: "text" };
import product from "../../shaders/product.wgsl" with { type: "text" };
import random from "../../shaders/random.wgsl" with { type: "text" };
import reduce from "../../shaders/reduce.wgsl" with { type: "text" };
import reductions from "../../shaders/reductions.wgsl" with { type: "text" };
import reductions_subgroup from "../../shaders/reductions_subgroup.wgsl" with { type: "text" };
import rewards from "../../shaders/rewards.wgsl" with { type: "text" };
import rmsnorm from "../../shaders/rmsnorm.wgsl" with { type: "text" };
import rmsnorm_rows from "../../shaders/rmsnorm_rows.wgsl" with { type: "text" };
import rotary from "../../shaders/rotary.wgsl" with { type: "text" };
import rotation from "../../shaders/rotation.wgsl" with { type: "text" };
import row_generation from "../../shaders/row_generation.wgsl" with { type: "text" };
import row_instruction from "../../shaders/row_instruction.wgsl" with { type: "text" };
import row_kept from "../../shaders/row_kept.wgsl" with { type: "text" };
import row_program from "../../shaders/row_program.wgsl" with { type: "text" };
import row_product from "../../shaders/row_product.wgsl" with { type: "text" };
import row_statistics from "../../shaders/row_statistics.wgsl" with { type: "text" };
import row_step from "../../shaders/row_step.wgsl" with { type: "text" };
import row_store from "../../shaders/row_store.wgsl" with { type: "text" };
import row_weights from "../../shaders/row_weights.wgsl" with { type: "text" };
import sampling from "../../shaders/sampling.wgsl" with { type: "text" };
import softmax from "../../shaders/softmax.wgsl" with { type: "text" };
import swiglu from "../../shaders/swiglu.wgsl" with { type: "text" };
import texels from "../../shaders/texels.wgsl" with { type: "text" };
import texture_cache from "../../shaders/texture_cache.wgsl" with { type: "text" };
import threefry from "../../shaders/threefry.wgsl" with { type: "text" };
import truncation from "../../shaders/truncation.wgsl" with { type: "text" };
import whiten from "../../shaders/whiten.wgsl" with { type: "text" };

const texts = {
  adamw,
  attention,
  attention_subgroup,
  attention_texture,
  attention_texture_subgroup,
  ceilings,
  elementwise,
  embedding,
  gae,
  gather,
  gelu,
  heads,
  kl,
  lanes,
  layernorm,
  layernorm_rows,
  logprob,
  matmul,
  matmul_matrices,
  matmul_subgroup,
  matmul_tiled,
  matmul_vector,
  matmul_vector_subgroup,
  ppo,
  preference,
  random,
  reduce,
  rewards,
  rmsnorm,
  rmsnorm_rows,
  rotary,
  row_generation,
  row_program,
  row_store,
  row_weights,
  sampling,
  softmax,
  swiglu,
  truncation,
  whiten,
};

/** A file of `shaders/`, without its ending. */
export type ShaderName = keyof typeof texts;

export const shaderNames = Object.keys(texts) as ShaderName[];

export function shaderText(name: ShaderName): string {
  return texts[name];
}

/** The texts that a shader is compiled from: with and without subgroups or f16, where it has such forms. */
export function shaderForms(name: ShaderName): string[] {
  const text = shaderText(name);
  const included = [false, true].map((subgroups) => withIncludes(text, subgroups));
  return [...new Set(included.flatMap((text) => [text, withHalf(text)]))];
}

/** The names of a shader's entry points, in the order of its text. */
export function entryPoints(name: ShaderName): string[] {
  return [...shaderText(name).matchAll(/@compute\b[^{]*?\bfn\s+(\w+)/g)].map(([, entry]) => entry);
}

/** What shaders bring in by a line `// include NAME`. */
const included: Readonly<Record<string, string>> = {
  attention_params,
  cache_attention,
  cache_params,
  draw,
  gaussian,
  logistic,
  product,
  reductions,
  rotation,
  row_instruction,
  row_kept,
  row_product,
  row_statistics,
  row_step,
  texels,
  texture_cache,
  threefry,
};

/** The files that a shader includes, by name. */
export function includesOf(name: ShaderName): { name: string; text: string }[] {
  const lines = shaderText(name).matchAll(/^\/\/ include (\w+)$/gm);
  return [...lines].map(([, name]) => ({ name, text: included[name] }));
}

/** A text with what it includes; reductions go through workgroup memory, or by subgroups in their place. */
export function withIncludes(text: string, subgroups: boolean): string {
  const reduces = subgroups && reducesRows(text);
  const whole = text.replace(/^\/\/ include (\w+)$/gm, (_, name) => includedText(name, reduces));
  return reduces ? `enable subgroups;\n${whole}` : whole;
}

/** Where a line of `withIncludes(text, subgroups)`, counted from 1, comes from: the text, or a file that it includes. */
export function originOf(
  text: string,
  subgroups: boolean,
  line: number,
): { include: string | null; line: number } {
  const reduces = subgroups && reducesRows(text);
  let before = reduces ? 1 : 0;
  for (const [i, own] of text.split("\n").entries()) {
    const [, include = null] = /^\/\/ include (\w+)$/.exec(own) ?? [];
    const lines = include === null ? 1 : includedText(include, reduces).split("\n").length;
    if (line <= before + lines) return { include, line: include === null ? i + 1 : line - before };
    before += lines;
  }
  return { include: null, line };
}

function reducesRows(text: string): boolean {
  return text.includes("\n// include reductions\n");
}

function includedText(name: string, reduces: boolean): string {
  if (reduces && name === "reductions") return reductions_subgroup;
  if (name in included) return included[name];
  throw new Error(
    `"// include ${name}": there are ${Object.keys(included).join(", ")} to include`,
  );
}

const STORED = /^alias stored = f32;/m;

/** A text whose weights are stored as f16, in the place of f32. */
export function withHalf(text: string): string {
  return STORED.test(text) ? `enable f16;\n${text.replace(STORED, "alias stored = f16;")}` : text;
}
