import { expect, test } from "bun:test";
import { randomWords } from "../../engine/ops/random.ts";
import { testEngine } from "../support/engine.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("random");

test("the GPU gives Random123's known answers for threefry2x32 with 20 rounds", async () => {
  const engine = await testEngine();
  const ones = 0xffffffff;
  const words = async (seed: number, purpose: number, episode: number, token: number) => [
    ...await randomWords(engine, { seed, purpose, episode, token }, 1).words.readIntegers(),
  ];
  expect(await words(0, 0, 0, 0)).toEqual([0x6b200159, 0x99ba4efe]);
  expect(await words(ones, ones, ones, ones)).toEqual([0x1cb996fc, 0xbb002be7]);
  expect(await words(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3))
    .toEqual([0xc4923a9c, 0x483df7a0]);
});
