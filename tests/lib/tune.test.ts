import { expect, test } from "bun:test";
import { tuneCase } from "../../scripts/lib/tune.ts";
import {
  attentionCase,
  forwardCase,
  productCases,
  reductionCase,
} from "../../scripts/lib/tuning-cases.ts";
import { newEngine, testEngine } from "../support/engine.ts";

const quick = { samples: 3, sampleMs: 0 };

test("each case is measured with the variants that this adapter has", async () => {
  const engine = await testEngine();
  const heads = { heads: 2, keyHeads: 1, headSize: 8 };
  const layers = [true, false].map((inputFirst) => ({ inputs: 12, outputs: 20, inputFirst }));
  const cases = [
    ...layers.flatMap((layer) => [
      ...productCases(engine, 100, layer),
      forwardCase(engine, 3, layer),
    ]),
    attentionCase(engine, heads, 16),
    reductionCase(engine, 5, 100),
  ];
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  for (const one of cases) {
    const { choice, ratio } = await tuneCase(engine, one, quick);
    expect(one.variants).toContain(choice);
    expect(one.variants).toContain(one.fallback);
    expect(ratio).toBeGreaterThan(0);
  }
});

test("a variant that computes something else is never chosen", async () => {
  const engine = await newEngine();
  const [one] = productCases(engine, 8, { inputs: 8, outputs: 8, inputFirst: false });
  const wrong = {
    ...one,
    variants: [one.fallback, "wrong"],
    prepare: (...args: Parameters<typeof one.prepare>) => {
      const run = one.prepare(...args);
      return (variant: string) => variant === "wrong" ? engine.zeros([8, 8]) : run(variant);
    },
  };
  expect((await tuneCase(engine, wrong, quick)).choice).toBe(one.fallback);
  engine.destroy();
});
