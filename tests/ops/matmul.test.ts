import { expect, test } from "bun:test";
import { linear } from "../../engine/ops/matmul.ts";
import { checkFamily } from "../support/check.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("matmul");

test("a wrong shape names the argument", async () => {
  const engine = await testEngine();
  expect(() => linear(engine.zeros([2, 3]), engine.zeros([4, 5]))).toThrow(
    "linear: weight has shape [4, 5], expected [4, 3]",
  );
});
