import type { Engine } from "../gpu/engine.ts";
import { invertTokens, type TokenIndex } from "../ops/embedding.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Sequences laid end to end without padding: N = Σ lengths rows, of which sequence b owns
 * offsets[b] … offsets[b+1]−1. Nothing is computed for padding, because there is none.
 */
export interface PackedBatch {
  /** Token ids, u32 [N]. */
  tokens: Tensor;
  /** Place of each row in its sequence, u32 [N]. */
  positions: Tensor;
  /** The same on the CPU. */
  placeOfRow: Uint32Array;
  /** Sequence of each row, u32 [N]. */
  sequences: Tensor;
  /** u32 [B + 1]. */
  offsets: Tensor;
  /** B. */
  count: number;
  /** Length of the longest sequence. */
  longest: number;
  /** N. */
  rows: number;
  /** First row of each sequence, on the CPU; the last entry is N. */
  starts: readonly number[];
  /** The place in `sequences` of the greatest id, which a model holds against its vocabulary. */
  greatest: { id: number; sequence: number; place: number };
  /** What the gradient of the embedding needs. */
  index: TokenIndex;
}

/** Throws where the batch holds an id that a model of so many tokens does not know. */
export function expectVocabulary(
  { id, sequence, place }: PackedBatch["greatest"],
  size: number,
): void {
  if (id >>> 0 < size) return;
  throw new RangeError(
    `token ${place} of sequence ${sequence} is ${id}, but the model's vocabulary is 0 … ${
      size - 1
    }; ` +
      "was the text encoded with the tokenizer of another model?",
  );
}

/** Packs sequences of token ids. Throws where one is empty. */
export function packBatch(engine: Engine, sequences: readonly ArrayLike<number>[]): PackedBatch {
  const starts = [0];
  for (const [b, sequence] of sequences.entries()) {
    if (sequence.length === 0) throw new RangeError(`packBatch: sequence ${b} is empty`);
    starts.push(starts[b] + sequence.length);
  }
  const rows = starts[sequences.length];
  const [tokens, owners, placeOfRow] = [0, 1, 2].map(() => new Uint32Array(rows));
  for (const [b, sequence] of sequences.entries()) {
    tokens.set(sequence, starts[b]);
    owners.fill(b, starts[b], starts[b + 1]);
    for (let t = 0; t < sequence.length; t++) placeOfRow[starts[b] + t] = t;
  }
  return {
    tokens: engine.tensor(tokens),
    positions: engine.tensor(placeOfRow),
    placeOfRow,
    sequences: engine.tensor(owners),
    offsets: engine.integers(starts),
    count: sequences.length,
    longest: Math.max(...sequences.map((sequence) => sequence.length)),
    rows,
    starts,
    greatest: greatestToken(sequences),
    index: invertTokens(engine, tokens),
  };
}

/** By value as the kernels read it, unsigned: a negative id is beyond every vocabulary. */
function greatestToken(sequences: readonly ArrayLike<number>[]): PackedBatch["greatest"] {
  let greatest = { id: 0, sequence: 0, place: 0 };
  for (const [sequence, ids] of sequences.entries()) {
    for (let place = 0; place < ids.length; place++) {
      const id = ids[place];
      if (id >>> 0 > greatest.id >>> 0) greatest = { id, sequence, place };
    }
  }
  return greatest;
}
