import { expect, test } from "bun:test";
import { registry } from "../../engine/check/registry.ts";
import { shaderNames } from "../../engine/gpu/shaders.ts";

test("every shader belongs to one family, and every op has a name of its own", () => {
  const shaders = registry.flatMap(({ shaders }) => shaders);
  expect(shaders.toSorted()).toEqual(shaderNames.toSorted());
  const names = registry.flatMap(({ ops }) => ops.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
});
