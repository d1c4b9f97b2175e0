import { expect, test } from "bun:test";
import { linear } from "../../engine/ops/matmul.ts";
import {
  attentionClass,
  chooseVariant,
  productClass,
  tunedVariant,
} from "../../engine/ops/tuning.ts";
import { testEngine } from "../support/engine.ts";

test("the fastest median is chosen, but not for noise", () => {
  expect(chooseVariant({ a: [10, 10, 10], b: [8, 8, 30] }, "a")).toEqual({
    choice: "b",
    ratio: 1.25,
  });
  expect(chooseVariant({ a: [10, 10, 10], b: [9.8, 9.7, 9.6] }, "a").choice).toBe("a");
  expect(chooseVariant({ a: [10, 12], b: [9, 30] }, "a")).toEqual({ choice: "a", ratio: 1 });
  expect(() => chooseVariant({ b: [1] }, "a")).toThrow('the default "a" was not timed');
});

test("classes tell sizes apart by powers of two, and layouts", () => {
  const sizes = { rows: 2000, columns: 1, inner: 65 };
  expect(productClass(sizes, { transposeB: true })).toBe("matmul 2048x1x128 ABt");
  expect(productClass(sizes, { transposeA: true })).toBe("matmul 2048x1x128 AtB");
  expect(productClass({ ...sizes, rows: 2048 }, {})).toBe(productClass(sizes, {}));
  expect(attentionClass(32, 100)).toBe(attentionClass(32, 128));
});

test("a choice is taken, and one that there is not is refused", async () => {
  const engine = await testEngine();
  const launched: string[] = [];
  const { launch } = engine;
  engine.launch = (...args) => {
    launched.push(args[1]);
    launch.apply(engine, args);
  };
  const name = productClass({ rows: 3, columns: 8, inner: 5 }, { transposeB: true });
  try {
    for (const choice of ["tiled", "direct"]) {
      engine.tuning = { [name]: choice };
      engine.scope(() => void linear(engine.zeros([3, 5]), engine.zeros([8, 5])));
    }
  } finally {
    engine.launch = launch;
    engine.tuning = null;
  }
  expect(launched).toEqual(["tiled", "direct"]);
  expect(() => tunedVariant({ [name]: "magic" }, name, ["tiled"])).toThrow(
    /chooses "magic" for .*run scripts\/tune.ts again/,
  );
});
