// What scripts/bench.ts --peers measures, in words that every library understands. Letters: B sequences of T
// tokens, H heads of D numbers, M rows, K inner size, N columns.

/** A·B, with A [M, K] and B [K, N]; either may be stored the other way round. */
export interface Product {
  kind: "product";
  rows: number;
  inner: number;
  columns: number;
  transposeA: boolean;
  transposeB: boolean;
}

/** Causal attention of q, k and v [B, T, H, D]; with `gradients`, those of all three too. */
export interface Attention {
  kind: "attention";
  sequences: number;
  heads: number;
  length: number;
  headSize: number;
  gradients: boolean;
}

/** The language model of ./gpt.ts over B sequences of T tokens: its loss, or a whole step of AdamW. */
export interface Training {
  kind: "forward" | "training";
  sequences: number;
  length: number;
}

/** Continuing B prompts with that model, drawing at temperature 1. */
export interface Generation {
  kind: "generation";
  sequences: number;
  prompt: number;
  newTokens: number;
}

export type Work = Product | Attention | Training | Generation;

export interface NamedWork {
  /** For --only and the first column; several rows share one. */
  name: string;
  shape: string;
  work: Work;
  /** What it is held against: measured in Homeport alone, in turns with it. */
  beside?: readonly NamedWork[];
}

const SEQUENCES = 16, LENGTH = 128; // of the model's training rows
const TOKENS = SEQUENCES * LENGTH;

function product(rows: number, inner: number, columns: number, stored = ""): NamedWork {
  const transposeA = stored === "AT", transposeB = stored === "BT";
  const shape = `${rows}×${inner}${transposeA ? "ᵀ" : ""} · ${inner}×${columns}${
    transposeB ? "ᵀ" : ""
  }`;
  return {
    name: "product",
    shape,
    work: { kind: "product", rows, inner, columns, transposeA, transposeB },
  };
}

/** A product of training, Y = X·W, and those of its gradients, dX = dY·Wᵀ and dW = Xᵀ·dY. */
function trainingProducts(inner: number, columns: number): NamedWork[] {
  return [
    product(TOKENS, inner, columns),
    product(TOKENS, columns, inner, "BT"),
    product(inner, TOKENS, columns, "AT"),
  ];
}

function attention(name: string, gradients: boolean): NamedWork {
  const sizes = { sequences: SEQUENCES, heads: 4, length: LENGTH, headSize: 32 };
  return {
    name,
    shape: `B${SEQUENCES} H4 T${LENGTH} D32`,
    work: { kind: "attention", ...sizes, gradients },
  };
}

function gpt(kind: Training["kind"]): NamedWork {
  const sizes = { sequences: SEQUENCES, length: LENGTH };
  return { name: kind, shape: `B${SEQUENCES} T${LENGTH}`, work: { kind, ...sizes } };
}

function generation(sequences: number, newTokens = 64) {
  return {
    name: "generation",
    shape: `B${sequences}, 64 + ${newTokens} token${newTokens === 1 ? "" : "s"}`,
    work: { kind: "generation", sequences, prompt: 64, newTokens },
  } as const;
}

/** The part of the largest generation that comes before its steps: the prompts at once, and a token of each. */
export const firstTokens: NamedWork = generation(64, 1);

/** As many tokens as the largest of the generations draws, all at once. */
export const batchedForward: NamedWork = {
  name: "generation",
  shape: "B64 T64, one forward",
  work: { kind: "forward", sequences: 64, length: 64 },
};

export const largestGeneration = { ...generation(64), beside: [firstTokens, batchedForward] };

export const works: readonly NamedWork[] = [
  product(512, 512, 512),
  ...trainingProducts(128, 512),
  ...trainingProducts(512, 128),
  ...trainingProducts(128, 128),
  ...trainingProducts(128, 2048),
  ...[product(64, 128, 2048), product(64, 128, 2048, "BT")],
  ...[product(16, 128, 512), product(16, 128, 512, "BT")],
  attention("attention", false),
  attention("attention-gradients", true),
  gpt("forward"),
  gpt("training"),
  generation(1),
  generation(16),
  largestGeneration,
];

/** Floating-point operations of one run; null where tokens are what counts. */
export function flopsOf(work: Work): number | null {
  if (work.kind === "product") return 2 * work.rows * work.inner * work.columns;
  if (work.kind !== "attention") return null;
  const { sequences, heads, length, headSize, gradients } = work;
  const pairs = sequences * heads * length * (length + 1) / 2; // under the causal mask
  return pairs * headSize * 2 * (gradients ? 2 + 5 : 2); // q·k and p·v; then s again, dp, dv, dk and dq
}

/** Tokens that one run learns from or draws; null where arithmetic is what counts. */
export function tokensOf(work: Work): number | null {
  if (work.kind === "generation") return work.sequences * work.newTokens;
  return work.kind === "forward" || work.kind === "training" ? work.sequences * work.length : null;
}

/** The same numbers for every library, between −1 and 1. */
export function numbers(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + 13 * seed));
}

/** The same token ids for every library, [sequences, length]. */
export function tokenIds(sequences: number, length: number, vocabulary: number): Int32Array {
  return Int32Array.from(
    { length: sequences * length },
    (_, i) => (Math.imul(i + 1, 2654435761) >>> 0) % vocabulary,
  );
}
