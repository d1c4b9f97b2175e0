/**
 * Counter-based random numbers: a draw is a function of its place, not of what was drawn before, so any
 * one can be made again alone. The GPU computes the same integers (shaders/random.wgsl).
 */

/** Two unsigned 32-bit integers. */
export type Words = readonly [number, number];

const PARITY = 0x1bd11bda;
const ROTATIONS = [[13, 15, 26, 6], [17, 29, 16, 24]];

/**
 * Threefry-2x32 with 20 rounds (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011):
 * two words that look random, for a key and a counter.
 */
export function threefry(key: Words, counter: Words): [number, number] {
  const keys = [key[0], key[1], PARITY ^ key[0] ^ key[1]];
  let x = (counter[0] + keys[0]) | 0;
  let y = (counter[1] + keys[1]) | 0;
  for (let block = 0; block < 5; block++) {
    for (const rotation of ROTATIONS[block % 2]) {
      x = (x + y) | 0;
      y = (y << rotation | y >>> (32 - rotation)) ^ x;
    }
    x = (x + keys[(block + 1) % 3]) | 0;
    y = (y + keys[(block + 2) % 3] + block + 1) | 0;
  }
  return [x >>> 0, y >>> 0];
}

/** A number in (0, 1) with the 24 bits that a float32 holds exactly, from a random word. */
export function uniform(bits: number): number {
  return Math.max(bits >>> 8, 0.5) / 2 ** 24;
}

/** A standard normal number from two uniform ones, of which the first is not 0 (Box and Muller 1958). */
export function standardNormal(radius: number, angle: number): number {
  return Math.sqrt(-2 * Math.log(radius)) * Math.cos(2 * Math.PI * angle);
}

/** What a draw is for; each purpose has a number of its own. `token` is a training episode's. */
export const purposes = { token: 0, reset: 1, weight: 2, evaluation: 3, adapter: 4 } as const;

/** The place of a draw, never a place in a batch. All four are unsigned 32-bit integers. */
export interface DrawPosition {
  seed: number;
  /** One of `purposes`. */
  purpose: number;
  episode: number;
  /** Column of the token in its episode. */
  token: number;
}

/** The random words at a position: key = [seed, purpose], counter = [episode, token]. */
export function drawBits({ seed, purpose, episode, token }: DrawPosition): [number, number] {
  return threefry([seed, purpose], [episode, token]);
}
