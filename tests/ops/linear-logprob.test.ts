import { expect, test } from "bun:test";
import { linearLogProbability } from "../../engine/ops/linear-logprob.ts";
import { testEngine } from "../support/engine.ts";

test("a wrong shape names the argument", async () => {
  const engine = await testEngine();
  const targets = engine.integers([0, 1]);
  expect(() => linearLogProbability(engine.zeros([2, 3]), engine.zeros([5, 4]), targets)).toThrow(
    "linearLogProbability: weight has shape [5, 4], expected [5, 3]",
  );
});
