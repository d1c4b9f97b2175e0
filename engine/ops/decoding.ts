import { expectShape, type Tensor } from "../tensor/tensor.ts";

/**
 * The last token of each row of `tokens` (u32 [B, T]) by the lengths in `state` (u32 [B, 4], see
 * `sampleNext`), with its position: u32 [B] each.
 */
export function lastRows(tokens: Tensor, state: Tensor): { tokens: Tensor; positions: Tensor } {
  const { engine, shape: [rows, capacity] } = tokens;
  expectShape("lastRows", "state", state, [rows, 4]);
  const last = engine.empty([rows], "u32"), positions = engine.empty([rows], "u32");
  engine.launch(
    "decoding",
    "last_rows",
    { tokens, state, last, positions },
    { rows, capacity },
    engine.grid(rows),
  );
  return { tokens: last, positions };
}
