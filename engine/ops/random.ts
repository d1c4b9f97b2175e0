import type { Engine } from "../gpu/engine.ts";
import type { DrawPosition } from "./threefry.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * The random words `u32 [count, 2]` at `first` and the `count − 1` tokens after it, and the uniform
 * numbers in (0, 1) made of each pair's first word, `[count]`: what `drawBits` and `uniform` give.
 */
export function randomWords(
  engine: Engine,
  first: DrawPosition,
  count: number,
): { words: Tensor; numbers: Tensor } {
  const words = engine.empty([count, 2], "u32");
  const numbers = engine.empty([count]);
  const { token: first_token, ...place } = first;
  const parameters = { ...place, first_token, count };
  engine.launch("random", "random_words", { words, numbers }, parameters, engine.grid(count));
  return { words, numbers };
}
