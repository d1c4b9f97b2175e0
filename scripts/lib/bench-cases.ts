// What scripts/bench.ts measures: one row per kernel family, under the name of its shader, at the shapes of
// the bundled task. Letters: B episodes of T tokens, N = B·T rows, C width, F MLP width, V vocabulary,
// H query heads over Hk key heads of D numbers, P parameters.
import type { Engine } from "../../engine/gpu/engine.ts";
import type { ShaderName } from "../../engine/gpu/shaders.ts";
import { adamwState, adamwUpdate, gradientNorm } from "../../engine/ops/adamw.ts";
import { attention, type AttentionVariant } from "../../engine/ops/attention.ts";
import { lastRows } from "../../engine/ops/decoding.ts";
import { scale } from "../../engine/ops/elementwise.ts";
import { embedding, invertTokens } from "../../engine/ops/embedding.ts";
import { generalizedAdvantage } from "../../engine/ops/gae.ts";
import { gatherRows } from "../../engine/ops/gather.ts";
import { gelu } from "../../engine/ops/gelu.ts";
import { splitHeads } from "../../engine/ops/heads.ts";
import { klDivergence } from "../../engine/ops/kl.ts";
import { layerNorm } from "../../engine/ops/layernorm.ts";
import { logProbabilityOfLogits } from "../../engine/ops/logprob.ts";
import { launchMatmul, type MatmulVariant } from "../../engine/ops/matmul.ts";
import { policyLoss } from "../../engine/ops/ppo.ts";
import { bradleyTerry } from "../../engine/ops/preference.ts";
import { randomWords } from "../../engine/ops/random.ts";
import { columnSums } from "../../engine/ops/reduce.ts";
import { shapeRewards } from "../../engine/ops/rewards.ts";
import { rmsNorm } from "../../engine/ops/rmsnorm.ts";
import { frequencyTable, rotary } from "../../engine/ops/rotary.ts";
import { sampleNext } from "../../engine/ops/sampling.ts";
import { softmax } from "../../engine/ops/softmax.ts";
import { swiglu } from "../../engine/ops/swiglu.ts";
import { truncationThreshold } from "../../engine/ops/truncation.ts";
import { whiten } from "../../engine/ops/whiten.ts";
import { Role } from "../../engine/rl/roles.ts";
import { type Shape, sizeOf, type Tensor } from "../../engine/tensor/tensor.ts";
import { copyCeiling, multiplyAddCeiling } from "./ceilings.ts";

const B = 32, T = 68, N = B * T, C = 64, F = 176, V = 1024, P = 296_640;
const HEADS = { heads: 4, keyHeads: 2, headSize: 16 };
const PROMPT = 28; // tokens of an episode that are not generated

/** What a row launches. */
export interface Work {
  run(): Tensor | void;
  /** Where there are some, backward from the result of `run` to them is measured too. */
  inputs?: Tensor[];
  /** Forward and backward, where they are launched by hand. */
  runBoth?(): void;
  /** Of `run`, where arithmetic is what counts; else `bytes` that it has to read and write. */
  flops?: number;
  bytes?: number;
}

export interface BenchCase {
  name: ShaderName;
  /** Tells rows of one family apart. */
  variant?: string;
  shape: string;
  prepare(engine: Engine): Work;
}

function numbers(engine: Engine, shape: Shape): Tensor {
  return engine.tensor(Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i)), shape);
}

/** Whole numbers below `bound`, in no regular order. */
function ids(count: number, bound: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => Math.imul(i, 2654435761) >>> 0)
    .map((x) => x % bound);
}

function roles(engine: Engine): Tensor {
  const codes = ids(N, 1).map((_, i) => i % T < PROMPT ? Role.PROMPT : Role.GENERATED);
  return engine.integers(codes, [B, T]);
}

function matmulCase(name: ShaderName, variant: MatmulVariant): BenchCase {
  return {
    name,
    variant,
    shape: `[${N}, ${C}] · [${F}, ${C}]ᵀ`,
    prepare(engine) {
      const x = numbers(engine, [N, C]), weight = numbers(engine, [F, C]);
      const out = numbers(engine, [N, F]), dx = engine.zeros([N, C]), dw = engine.zeros([F, C]);
      const run = () => {
        const sizes = { rows: N, columns: F, inner: C };
        launchMatmul({ a: x, b: weight, out }, sizes, { transposeB: true }, variant);
      };
      const runBoth = () => {
        run();
        const toX = { rows: N, columns: C, inner: F }, toWeight = { rows: F, columns: C, inner: N };
        launchMatmul({ a: out, b: weight, out: dx }, toX, {}, variant);
        launchMatmul({ a: out, b: x, out: dw }, toWeight, { transposeA: true }, variant);
      };
      return { run, runBoth, flops: 2 * N * C * F };
    },
  };
}

/** A case of one input tensor and one result. */
function unary(
  name: ShaderName,
  shape: Shape,
  op: (x: Tensor, engine: Engine) => () => Tensor,
): BenchCase {
  return {
    name,
    shape: `[${shape.join(", ")}]`,
    prepare(engine) {
      const x = numbers(engine, shape);
      return { run: op(x, engine), inputs: [x], bytes: 8 * x.size };
    },
  };
}

function attentionCase(name: ShaderName, variant: AttentionVariant): BenchCase {
  const { heads, keyHeads, headSize } = HEADS;
  return {
    name,
    shape: `${B} sequences of ${T}, ${heads}/${keyHeads} heads of ${headSize}`,
    prepare(engine) {
      const [q, k, v] = [heads, keyHeads, keyHeads].map((h) => numbers(engine, [N, h * headSize]));
      const offsets = engine.integers(Array.from({ length: B + 1 }, (_, b) => b * T));
      const run = () => attention(q, k, v, HEADS, { offsets, count: B, longest: T }, variant);
      return { run, inputs: [q, k, v], flops: 4 * B * heads * headSize * T * (T + 1) / 2 };
    },
  };
}

export const benchCases: readonly BenchCase[] = [
  {
    name: "adamw",
    shape: `${P} parameters`,
    prepare(engine) {
      const [weights, gradients, moment1, moment2] = [1, 2, 3, 4].map(() => engine.zeros([P]));
      const state = adamwState(engine);
      const options = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
      const placement = { weightDecay: 0, epsilonPlacement: "torch" } as const;
      const run = () => {
        gradientNorm([gradients], state, { maxNorm: 1 });
        adamwUpdate({ weights, gradients, moment1, moment2, state }, { ...options, ...placement });
      };
      return { run, bytes: 4 * P * 8 }; // four arrays and the gradients again read, three written
    },
  },
  attentionCase("attention", "plain"),
  attentionCase("attention_subgroup", "subgroup"),
  {
    name: "ceilings",
    variant: "multiply_add",
    shape: "arithmetic alone",
    prepare: multiplyAddCeiling,
  },
  { name: "ceilings", variant: "copy", shape: "memory traffic alone", prepare: copyCeiling },
  {
    name: "decoding",
    shape: `[${B}, ${T}]`,
    prepare(engine) {
      const tokens = engine.zeros([B, T], "u32");
      const state = engine.integers(new Uint32Array(4 * B).fill(PROMPT), [B, 4]);
      return { run: () => void lastRows(tokens, state) };
    },
  },
  unary("elementwise", [N, C], (x) => () => scale(x, 2)),
  {
    name: "embedding",
    shape: `[${V}, ${C}], ${N} tokens`,
    prepare(engine) {
      const table = numbers(engine, [V, C]), tokens = ids(N, V);
      const rows = engine.integers(tokens), index = invertTokens(engine, tokens);
      return { run: () => embedding(table, rows, { index }), inputs: [table], bytes: 8 * N * C };
    },
  },
  {
    name: "gae",
    shape: `[${B}, ${T}]`,
    prepare(engine) {
      const rewards = numbers(engine, [B, T]), values = numbers(engine, [B, T]);
      const inputs = { rewards, values, roles: roles(engine) };
      return { run: () => void generalizedAdvantage(inputs, { gamma: 1, lambda: 0.95 }) };
    },
  },
  unary("gather", [N, C], (x, engine) => {
    const rows = engine.integers(Array.from({ length: N }, (_, i) => i));
    return () => gatherRows(x, rows);
  }),
  unary("gelu", [N, F], (x) => () => gelu(x, "tanh")),
  {
    name: "heads",
    shape: `[${N}, ${3 * C}], ${HEADS.heads} heads`,
    prepare(engine) {
      const fused = numbers(engine, [N, 3 * C]);
      const run = () => splitHeads(fused, HEADS.heads, "heads")[0];
      return { run, inputs: [fused], bytes: 24 * N * C };
    },
  },
  {
    name: "kl",
    shape: `[${N}, ${V}] twice`,
    prepare(engine) {
      const logits = numbers(engine, [N, V]), reference = numbers(engine, [N, V]);
      return { run: () => klDivergence(logits, reference), inputs: [logits], bytes: 8 * N * V };
    },
  },
  unary("layernorm", [N, C], (x, engine) => {
    const weight = numbers(engine, [C]), bias = numbers(engine, [C]);
    return () => layerNorm(x, weight, bias, 1e-5);
  }),
  {
    name: "logprob",
    shape: `[${N}, ${V}]`,
    prepare(engine) {
      const logits = numbers(engine, [N, V]), targets = engine.integers(ids(N, V));
      const run = () => logProbabilityOfLogits(logits, targets).logProb;
      return { run, inputs: [logits], bytes: 4 * N * V };
    },
  },
  matmulCase("matmul", "tiled"),
  matmulCase("matmul", "direct"),
  matmulCase("matmul_subgroup", "subgroup"),
  {
    name: "ppo",
    shape: `[${B}, ${T}]`,
    prepare(engine) {
      const [logProbs, oldLogProbs, advantages] = [1, 2, 3].map(() => numbers(engine, [B, T]));
      const inputs = { logProbs, oldLogProbs, advantages, roles: roles(engine) };
      const options = { clip: 0.2, count: B * (T - PROMPT) };
      return { run: () => policyLoss(inputs, options).loss, inputs: [logProbs] };
    },
  },
  {
    name: "preference",
    shape: `${B} pairs`,
    prepare(engine) {
      const [chosen, rejected] = [numbers(engine, [B]), numbers(engine, [B])];
      return { run: () => bradleyTerry(chosen, rejected), inputs: [chosen, rejected] };
    },
  },
  {
    name: "random",
    shape: `${N} draws`,
    prepare: (engine) => ({
      run: () => void randomWords(engine, { seed: 1, purpose: 0, episode: 0, token: 0 }, N),
    }),
  },
  {
    name: "reduce",
    shape: `[${N}, ${C}]`,
    prepare(engine) {
      const x = numbers(engine, [N, C]), total = engine.zeros([C]);
      return { run: () => columnSums(x, total), bytes: 4 * N * C };
    },
  },
  {
    name: "rewards",
    shape: `[${B}, ${T}]`,
    prepare(engine) {
      const [logProbs, referenceLogProbs] = [1, 2].map(() => numbers(engine, [B, T]));
      const scores = numbers(engine, [B]);
      const inputs = { scores, logProbs, referenceLogProbs, roles: roles(engine) };
      return { run: () => shapeRewards(inputs, { klCoefficient: 0.1 }) };
    },
  },
  unary("rmsnorm", [N, C], (x, engine) => {
    const weight = numbers(engine, [C]);
    return () => rmsNorm(x, weight, 1e-5);
  }),
  unary("rotary", [N, C], (x, engine) => {
    const positions = engine.integers(Array.from({ length: N }, (_, i) => i % T));
    const { headSize } = HEADS;
    const radians = Array.from({ length: headSize / 2 }, (_, i) => 10_000 ** (-2 * i / headSize));
    const frequencies = engine.integers(frequencyTable(radians));
    return () => rotary(x, positions, { headSize, frequencies });
  }),
  {
    name: "sampling",
    shape: `[${B}, ${V}]`,
    prepare(engine) {
      const logits = numbers(engine, [B, V]), ends = engine.integers([0xffffffff]);
      const tokens = engine.zeros([B, T], "u32"), logProbs = engine.zeros([B, T]);
      const start = Uint32Array.from({ length: 4 * B }, (_, i) => [PROMPT, T, 0, i][i % 4]);
      const begin = engine.integers(start, [B, 4]), state = engine.zeros([B, 4], "u32");
      const options = { temperature: 1, topK: 0, topP: 1, seed: 1 };
      const run = () => {
        engine.copy(begin, state); // else all rows would be done after a few draws
        sampleNext({ logits, tokens, logProbs, state, ends }, options);
      };
      return { run, bytes: 4 * B * V };
    },
  },
  unary("softmax", [N, V], (x) => () => softmax(x)),
  {
    name: "swiglu",
    shape: `[${N}, ${F}] twice`,
    prepare(engine) {
      const [gate, up] = [numbers(engine, [N, F]), numbers(engine, [N, F])];
      return { run: () => swiglu(gate, up), inputs: [gate, up], bytes: 12 * N * F };
    },
  },
  {
    name: "truncation",
    shape: `[${B}, ${V}], top-k 50, top-p 0.9`,
    prepare(engine) {
      const logits = numbers(engine, [B, V]);
      const run = () => void truncationThreshold(logits, { temperature: 1, topK: 50, topP: 0.9 });
      return { run, bytes: 4 * B * V };
    },
  },
  {
    name: "whiten",
    shape: `[${B}, ${T}]`,
    prepare(engine) {
      const x = numbers(engine, [B, T]), codes = roles(engine);
      return { run: () => whiten(x, codes) };
    },
  },
];
