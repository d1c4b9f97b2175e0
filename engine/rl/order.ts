import { seededRandom } from "../ops/seeded-random.ts";

/**
 * Walks over `count` items in batches, in a fresh seeded order for each pass. What a batch holds is a
 * function of its number alone, so a resumed run reads on where it stopped.
 */
export class BatchOrder {
  #pass = -1;
  #order = new Uint32Array();

  constructor(readonly count: number, readonly batchSize: number, readonly seed: number) {
    if (count === 0) {
      throw new RangeError("there is nothing to train on: the data holds 0 usable rows");
    }
  }

  /** The items of batch `step`. */
  indices(step: number): number[] {
    return Array.from({ length: this.batchSize }, (_, i) => {
      const place = step * this.batchSize + i;
      this.#shuffle(Math.floor(place / this.count));
      return this.#order[place % this.count];
    });
  }

  /** Fisher–Yates. */
  #shuffle(pass: number): void {
    if (pass === this.#pass) return;
    this.#pass = pass;
    this.#order = Uint32Array.from({ length: this.count }, (_, i) => i);
    const random = seededRandom(this.seed ^ Math.imul(pass + 1, 0x9e3779b9));
    for (let i = this.count - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [this.#order[i], this.#order[j]] = [this.#order[j], this.#order[i]];
    }
  }
}

/**
 * Cuts rows into consecutive groups of at most `limit` tokens (at least one row each): micro-batches, whose
 * gradients add up to the batch's.
 */
export function groupByTokens(
  lengths: readonly number[],
  limit: number,
): [start: number, end: number][] {
  const groups: [number, number][] = [];
  let start = 0, tokens = 0;
  lengths.forEach((length, i) => {
    if (i > start && tokens + length > limit) {
      groups.push([start, i]);
      start = i;
      tokens = 0;
    }
    tokens += length;
  });
  if (lengths.length > start) groups.push([start, lengths.length]);
  return groups;
}
