import { expect, test } from "bun:test";
import { drawBits, purposes, threefry, uniform } from "../../engine/ops/threefry.ts";

test("Random123's known answers for threefry2x32 with 20 rounds", () => {
  const ones = 0xffffffff;
  expect(threefry([0, 0], [0, 0])).toEqual([0x6b200159, 0x99ba4efe]);
  expect(threefry([ones, ones], [ones, ones])).toEqual([0x1cb996fc, 0xbb002be7]);
  expect(threefry([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3]))
    .toEqual([0xc4923a9c, 0x483df7a0]);
});

test("uniform numbers lie inside (0, 1) and are float32 numbers", () => {
  for (const bits of [0, 255, 256, 0x80000000, 0xfffffeff, 0xffffffff]) {
    const number = uniform(bits);
    expect(number).toBeGreaterThan(0);
    expect(number).toBeLessThan(1);
    expect(Math.fround(number)).toBe(number);
  }
  expect(uniform(0x80000000)).toBe(0.5);
});

test("a draw's place is key [seed, purpose] and counter [episode, token]", () => {
  const position = { seed: 7, purpose: purposes.token, episode: 3, token: 11 };
  expect(drawBits(position)).toEqual(threefry([7, purposes.token], [3, 11]));
});
