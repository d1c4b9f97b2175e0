import { expect, test } from "bun:test";
import { attention } from "../../engine/ops/attention.ts";
import { checkFamily } from "../support/check.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("attention");

test("heads that cannot be grouped are refused", async () => {
  const engine = await testEngine();
  const q = engine.zeros([4, 24]), k = engine.zeros([4, 16]);
  const sequences = { offsets: engine.integers([0, 4]), count: 1, longest: 4 };
  expect(() => attention(q, k, k, { heads: 3, keyHeads: 2, headSize: 8 }, sequences)).toThrow(
    "3 query heads cannot share 2 key heads",
  );
});
