import type { Sizes } from "../../engine/check/op.ts";
import type { ShaderName } from "../../engine/gpu/shaders.ts";

/** A kernel made slightly wrong: the first `right` in the text of the shader becomes `wrong`. */
export interface Fault {
  shader: ShaderName;
  /** The op whose check must fail. */
  op: string;
  what: string;
  right: string;
  wrong: string;
  /** The kernel that it is in, of an op that has several. */
  variant?: string;
  /** Where it must be caught, for ops whose every shape compiles kernels anew; any shape of the grid elsewhere. */
  sizes?: Sizes;
}

const grouped: Sizes = { B: 5, T: 33, H: 4, K: 2, D: 16, ragged: 1 };

/** What goes wrong when kernels are written: masks forgotten, strides swapped, last tiles and terms dropped. */
export const faults: readonly Fault[] = [
  {
    shader: "adamw",
    op: "adamwUpdate",
    what: "the clip factor is left out of the update",
    right: "let g = state[CLIP] * gradients[i];",
    wrong: "let g = gradients[i];",
  },
  {
    shader: "adamw",
    op: "adamwUpdate",
    what: "the norm leaves out the last element",
    right: "i < norm_params.size; i += groups.x",
    wrong: "i + 1u < norm_params.size; i += groups.x",
  },
  {
    shader: "attention",
    op: "attention",
    sizes: grouped,
    what: "the causal mask is missing",
    right: `score = select(MASKED, score, j <= i);
    let next = max(largest, score);
    let correction = exp(largest - next);
    let weight = select(0.0, exp(score - next), j <= i);`,
    wrong: `let next = max(largest, score);
    let correction = exp(largest - next);
    let weight = exp(score - next);`,
  },
  {
    shader: "attention",
    op: "attention",
    sizes: grouped,
    what: "the causal mask is missing in the gradient of the queries",
    right: "select(0.0, exp(score - stats.x) * (product - stats.y), j <= i)",
    wrong: "exp(score - stats.x) * (product - stats.y)",
  },
  {
    shader: "attention",
    op: "attention",
    sizes: grouped,
    what: "the last tile of keys is dropped",
    right: "let end = min(tile + WORKGROUP, length);",
    wrong: "let end = max(min(tile, length), 1u);",
  },
  {
    shader: "attention",
    op: "attention",
    sizes: grouped,
    what: "query heads take turns over the key heads instead of sharing in groups",
    right: "let key_head = head / (params.heads / params.key_heads);",
    wrong: "let key_head = head % params.key_heads;",
  },
  {
    shader: "attention",
    op: "attention",
    sizes: grouped,
    what: "the gradient of the keys comes from one query head of the group",
    right: "for (var h = 0u; h < heads_of_group; h++)",
    wrong: "for (var h = 0u; h < 1u; h++)",
  },
  {
    shader: "attention_subgroup",
    op: "attention",
    sizes: grouped,
    what: "the causal mask is missing within subgroups",
    right: "let seen = j <= i;",
    wrong: "let seen = true;",
  },
  {
    shader: "attention_subgroup",
    op: "attention",
    sizes: grouped,
    what: "the second half of each eight is the first again",
    right: "subgroupBroadcast(mine, 4u)",
    wrong: "subgroupBroadcast(mine, 0u)",
  },
  {
    shader: "attention",
    op: "decodeAttention",
    sizes: grouped,
    what: "the newest row is not attended to",
    right: "let length = min(positions[sequence] + 1u, cache.capacity);",
    wrong: "let length = max(min(positions[sequence], cache.capacity), 1u);",
  },
  {
    shader: "attention",
    op: "storeInCache",
    what: "a row beyond the cache is written all the same",
    right: " || positions[row] >= store_params.capacity",
    wrong: "",
  },
  {
    shader: "ceilings",
    op: "copyVectors",
    what: "the last vector is left out",
    right: "if (i < copied.count)",
    wrong: "if (i + 1u < copied.count)",
  },
  {
    shader: "decoding",
    op: "lastRows",
    what: "the token after the last is taken",
    right: "state[row].x - 1u",
    wrong: "state[row].x",
  },
  {
    shader: "elementwise",
    op: "scale",
    what: "the last element is left out",
    right: "if (i < params.count) {\n    out",
    wrong: "if (i + 1u < params.count) {\n    out",
  },
  {
    shader: "embedding",
    op: "embedding",
    what: "the stride of the table is the number of tokens",
    right: "table[at * lookup_params.columns + i",
    wrong: "table[at * lookup_params.rows + i",
  },
  {
    shader: "embedding",
    op: "embedding",
    what: "the gradient leaves out the first place of each token",
    right: "for (var k = starts[unique];",
    wrong: "for (var k = starts[unique] + 1u;",
  },
  {
    shader: "gae",
    op: "generalizedAdvantage",
    what: "tokens that were not generated count",
    right: "if (roles[i] != GENERATED)",
    wrong: "if (roles[i] == 0u)",
  },
  {
    shader: "gae",
    op: "generalizedAdvantage",
    what: "λ is forgotten",
    right: "params.gamma * params.lambda * next_advantage",
    wrong: "params.gamma * next_advantage",
  },
  {
    shader: "gather",
    op: "gatherRows",
    what: "rows are scattered to where they came from",
    right: "out[indices[g] * params.columns",
    wrong: "out[g * params.columns",
  },
  {
    shader: "gather",
    op: "takeColumns",
    what: "columns are placed at the front",
    right: "wide_out[place] = narrow[i];",
    wrong: "wide_out[place - column_params.first] = narrow[i];",
  },
  {
    shader: "gelu",
    op: "gelu",
    what: "the gradient forgets the slope of Φ",
    right: "phi.x + x[i] * phi.y",
    wrong: "phi.x",
  },
  {
    shader: "heads",
    op: "splitHeads",
    what: "the gradients of keys and values are exchanged",
    right: `d_fused[place + params.part_stride] = d_k[i];
  d_fused[place + 2u * params.part_stride] = d_v[i];`,
    wrong: `d_fused[place + params.part_stride] = d_v[i];
  d_fused[place + 2u * params.part_stride] = d_k[i];`,
  },
  {
    shader: "heads",
    op: "resizeHeads",
    what: "what pads a head is the next head's",
    right: "out[i] = 0.0;",
    wrong: "out[i] = x[first + d];",
  },
  {
    shader: "kl",
    op: "klDivergence",
    what: "the gradient forgets the divergence of the row",
    right: " - log_q - kl[row])",
    wrong: " - log_q - 0.0 * kl[row])",
  },
  {
    shader: "kl",
    op: "klEstimates",
    what: "k2 without its half",
    right: "k2[i] = d * d / 2.0;",
    wrong: "k2[i] = d * d;",
  },
  {
    shader: "layernorm",
    op: "layerNorm",
    what: "the variance is taken about 0",
    right: "let difference = x[start + c] - mean;",
    wrong: "let difference = x[start + c];",
  },
  {
    shader: "layernorm",
    op: "layerNorm",
    what: "the gradient forgets that the variance depends on x",
    right: " - normalised * means.y",
    wrong: "",
  },
  {
    shader: "logprob",
    op: "logProbabilityOfLogits",
    what: "the lanes stop before the last column",
    right: "let end = start + params.vocabulary;",
    wrong: "let end = start + params.vocabulary - 1u;",
  },
  {
    shader: "logprob",
    op: "logProbabilityOfLogits",
    what: "the temperature does not divide the gradient",
    right: "gradient / params.temperature",
    wrong: "gradient",
  },
  {
    shader: "logprob",
    op: "linearLogProbability",
    what: "each chunk writes over the first",
    right: "let position = params.offset + row;",
    wrong: "let position = row;",
  },
  {
    shader: "matmul",
    op: "launchMatmul",
    variant: "tiled",
    what: "the last slice of the sum is dropped",
    right: "k0 < params.inner; k0 += DEPTH",
    wrong: "k0 + DEPTH <= params.inner; k0 += DEPTH",
  },
  {
    shader: "matmul",
    op: "launchMatmul",
    variant: "direct",
    what: "a transposed B is read by the stride of a plain one",
    right: "column * params.inner + k, TRANSPOSE_B",
    wrong: "column * params.columns + k, TRANSPOSE_B",
  },
  {
    shader: "matmul",
    op: "launchMatmul",
    what: "what fills the last panel is not zero",
    right: "if (k >= pack_params.inner || column >= pack_params.columns) {\n    return scalar();",
    wrong:
      "if (k >= pack_params.inner || column >= pack_params.columns) {\n    return scalar(1.0);",
  },
  {
    shader: "matmul_subgroup",
    op: "launchMatmul",
    variant: "subgroup",
    what: "the last step of the sum is dropped",
    right: "step < steps; step++",
    wrong: "step + 1u < steps; step++",
  },
  {
    shader: "ppo",
    op: "policyLoss",
    what: "the minimum is taken for the maximum",
    right: "max(free, clipped)",
    wrong: "min(free, clipped)",
  },
  {
    shader: "ppo",
    op: "valueLoss",
    what: "the gradient goes on beyond the clip",
    right: "share(values[i], low) * share(high, max(values[i], low))",
    wrong: "1.0",
  },
  {
    shader: "preference",
    op: "bradleyTerry",
    what: "the margin has the wrong sign",
    right: "rejected[i] - select(",
    wrong: "rejected[i] + select(",
  },
  {
    shader: "preference",
    op: "dpoLoss",
    what: "labels are not smoothed in the gradient",
    right: "wanted - direct.label_smoothing * sigmoid",
    wrong: "wanted - 0.0 * sigmoid",
  },
  {
    shader: "random",
    op: "randomWords",
    what: "one round too few",
    right: "turn < 5u",
    wrong: "turn < 4u",
  },
  {
    shader: "reduce",
    op: "columnSums",
    what: "the last row of a chunk is dropped",
    right: "for (var row = first; row < end; row++)",
    wrong: "for (var row = first; row + 1u < end; row++)",
  },
  {
    shader: "rewards",
    op: "shapeRewards",
    what: "the penalty is a bonus",
    right: "-params.kl_coefficient",
    wrong: "params.kl_coefficient",
  },
  {
    shader: "rmsnorm",
    op: "rmsNorm",
    what: "epsilon is forgotten",
    right: "sqrt(mean + params.epsilon)",
    wrong: "sqrt(mean)",
  },
  {
    shader: "rmsnorm",
    op: "rmsNorm",
    what: "the gradient forgets that the mean square depends on x",
    right: " - normalised * mean)",
    wrong: ")",
  },
  {
    shader: "rotary",
    op: "rotary",
    what: "the gradient turns the same way",
    right: "let s = turn.y * params.direction;",
    wrong: "let s = turn.y * abs(params.direction);",
  },
  {
    shader: "rotary",
    op: "rotary",
    what: "neighbours turn together, as in other models",
    right: "out[at + half_size] = second",
    wrong: "out[at + 1u] = second",
  },
  {
    shader: "sampling",
    op: "sampleNext",
    what: "the temperature is forgotten",
    right: "select(params.temperature, 1.0, params.temperature == 0.0)",
    wrong: "1.0",
  },
  {
    shader: "softmax",
    op: "softmax",
    variant: "subgroup",
    what: "only the first of the subgroups are added up",
    right: "for (var i = rank; i < WORKGROUP; i += size) {\n    sum",
    wrong: "for (var i = rank; i < WORKGROUP; i += WORKGROUP) {\n    sum",
  },
  {
    shader: "softmax",
    op: "softmax",
    what: "the last lanes are left out of the sum",
    right: "for (var i = lane; i < WORKGROUP; i += 8u) {\n      sum",
    wrong: "for (var i = lane; i + 8u < WORKGROUP; i += 8u) {\n      sum",
  },
  {
    shader: "softmax",
    op: "softmax",
    what: "the gradient does not subtract the mean",
    right: "(upstream[i] - mean)",
    wrong: "upstream[i]",
  },
  {
    shader: "swiglu",
    op: "swiglu",
    what: "the slope of the sigmoid is forgotten",
    right: "* (1.0 + g * sigma.y)",
    wrong: "",
  },
  {
    shader: "truncation",
    op: "truncationThreshold",
    what: "one logit too many",
    right: "count >= f32(params.top_k)",
    wrong: "count > f32(params.top_k)",
  },
  {
    shader: "whiten",
    op: "whiten",
    what: "padding counts as generated",
    right: "value = (x[i] - moments_in[1])",
    wrong: "value = x[i]",
  },
  {
    shader: "whiten",
    op: "maskedMean",
    what: "the gradient reaches tokens that were not generated",
    right: "roles[i] == GENERATED);",
    wrong: "roles[i] < 9u);",
  },
];
