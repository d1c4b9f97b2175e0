import { expect, test } from "bun:test";
import { selectWorks } from "../../scripts/peers/main.ts";
import { flopsOf, tokensOf, works } from "../../scripts/peers/works.ts";

test("every work has a rate, of arithmetic or of tokens, and a line of its own", () => {
  for (const { work } of works) expect((flopsOf(work) ?? tokensOf(work))!).toBeGreaterThan(0);
  const names = works.map(({ name, shape }) => `${name} ${shape}`);
  expect(new Set(names).size).toBe(names.length);
});

test("a product counts a multiplication and an addition per term", () => {
  const product = works.find(({ shape }) => shape === "512×512 · 512×512")!;
  expect(flopsOf(product.work)).toBe(2 * 512 ** 3);
});

test("--only picks works by name and refuses one that is unknown", () => {
  expect(selectWorks(undefined)).toEqual(works);
  expect(new Set(selectWorks(["forward", "training"]).map(({ name }) => name)))
    .toEqual(new Set(["forward", "training"]));
  expect(() => selectWorks(["products"])).toThrow('no work "products"; there are product, ');
});
