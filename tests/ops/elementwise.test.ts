import { expect, test } from "bun:test";
import { addInPlace } from "../../engine/tensor/add-in-place.ts";
import { checkFamily } from "../support/check.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("elementwise");

test("a size mismatch names both shapes", async () => {
  const engine = await testEngine();
  expect(() => addInPlace(engine.zeros([3]), engine.zeros([2, 2]))).toThrow("[3] and [2,2]");
});
