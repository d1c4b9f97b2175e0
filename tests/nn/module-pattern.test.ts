import { expect, test } from "bun:test";
import { matchesModule, patternValue } from "../../engine/nn/module-pattern.ts";

const QUERY = "model.layers.1.self_attn.q_proj";

test("a list names modules by whole parts at their end, an expression by the whole name", () => {
  expect(matchesModule(["q_proj"], QUERY)).toBe(true);
  expect(matchesModule(["k_proj", "self_attn.q_proj"], QUERY)).toBe(true);
  expect(matchesModule([QUERY], QUERY)).toBe(true);
  expect(matchesModule(["proj", "attn.q_proj"], QUERY)).toBe(false);
  expect(matchesModule([], QUERY)).toBe(false);
  expect(matchesModule(".*\\.1\\..*[qv]_proj", QUERY)).toBe(true);
  expect(matchesModule("q_proj", QUERY)).toBe(false);
  expect(matchesModule("k_proj|model.*", QUERY)).toBe(true); // alternatives stay inside the anchors
});

test("the first pattern that the end of a name matches gives the value", () => {
  expect(patternValue({}, QUERY, 8)).toBe(8);
  expect(patternValue({ "proj": 1, "q_proj": 2, "self_attn.q_proj": 3 }, QUERY, 8)).toBe(2);
  expect(patternValue({ "layers\\.[01]\\.self_attn\\.[qk]_proj": 4 }, QUERY, 8)).toBe(4);
  expect(patternValue({ "^self_attn.q_proj": 4, "layers.2.*": 5 }, QUERY, 8)).toBe(8);
});

test("what is an expression in Python only is refused by name", () => {
  for (const pattern of ["(?P<x>q)_proj", ".*q_proj\\Z", "(q_proj"]) {
    expect(() => matchesModule(pattern, QUERY)).toThrow(`"${pattern}" is no regular expression`);
  }
});
