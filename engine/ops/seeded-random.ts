/**
 * A small seeded generator of uniform numbers in [0, 1) for the CPU side (shuffles, bootstraps):
 * splitmix32. Draws that must agree with the GPU come from the engine's counter-based generator.
 */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    return mix32(state) / 2 ** 32;
  };
}

/** The 32-bit finalizer of MurmurHash3: every input bit moves every output bit. Returns a uint32. */
export function mix32(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
