import { expect, test } from "bun:test";
import { scale } from "../../engine/ops/elementwise.ts";
import { newEngine } from "../support/engine.ts";

const kinds = [{ kind: "fixed", software: true }, { kind: "moving", software: false }];

for (const { kind, software } of kinds) {
  test(`parameters in ${kind} places: launches keep their own, however many there are`, async () => {
    const engine = await newEngine({ software });
    const x = engine.tensor([1, 2, 3]);
    // 256 KiB hold 16,384 places of 16 bytes: the last launches begin them anew.
    const count = 17_000;
    const kept = new Map<number, ReturnType<typeof scale>>();
    for (let factor = 1; factor <= count; factor++) {
      const out = scale(x, factor);
      if (factor % 1000 === 1 || factor > count - 3) kept.set(factor, out);
      else engine.release(out);
    }
    for (const [factor, out] of kept) {
      expect([...await out.read()]).toEqual([factor, 2 * factor, 3 * factor]);
    }
    engine.destroy();
  });
}

test("fixed: what was launched once before makes no bind group; other parameters make one", async () => {
  const engine = await newEngine({ software: true });
  const x = engine.tensor([1]);
  const made = (factor: number) => {
    const before = engine.counts.bindGroupsCreated;
    engine.release(scale(x, factor));
    return engine.counts.bindGroupsCreated - before;
  };
  expect([2, 2, 3, 2, 3].map(made)).toEqual([1, 0, 1, 0, 0]);
  engine.destroy();
});

test("moving: other parameters need no bind group", async () => {
  const engine = await newEngine({ software: false });
  const x = engine.tensor([1]);
  engine.release(scale(x, 2));
  const before = engine.counts.bindGroupsCreated;
  engine.release(scale(x, 3));
  expect(engine.counts.bindGroupsCreated).toBe(before);
  engine.destroy();
});
