import { expect, test } from "bun:test";
import { scale } from "../../engine/ops/elementwise.ts";
import { softmax } from "../../engine/ops/softmax.ts";
import { traceEvents } from "../../scripts/kernel/trace.ts";
import { testEngine } from "../support/engine.ts";

test("a profile has every launch in order, also over several submits", async () => {
  const engine = await testEngine();
  if (!engine.features.timestamps) return;
  const x = engine.tensor(new Float32Array(1000).fill(1), [10, 100]);
  const launches = await engine.profile(() => {
    for (let i = 0; i < 100; i++) engine.scope(() => void scale(x, 2));
    engine.scope(() => void softmax(x));
  });
  const names = launches.map(({ kernel }) => kernel.split(" ")[0]);
  expect(names).toEqual([...new Array(100).fill("elementwise.scale"), "softmax.forward"]);
  for (const { start, end } of launches) expect(end).toBeGreaterThanOrEqual(start);
  for (let i = 1; i < launches.length; i++) {
    expect(launches[i].start).toBeGreaterThanOrEqual(launches[i - 1].start);
  }
  // Outside of a profile nothing is timed, and results are the same.
  expect(await engine.profile(() => {})).toEqual([]);
  expect([...(await scale(x, 3).read()).subarray(0, 2)]).toEqual([3, 3]);
});

test("a body that throws ends the profile", async () => {
  const engine = await testEngine();
  if (!engine.features.timestamps) return;
  const failing = engine.profile(() => {
    throw new Error("broken");
  });
  await expect(failing).rejects.toThrow("broken");
  expect(await engine.profile(() => {})).toEqual([]);
});

test("a trace has an event a launch, in microseconds from the first", () => {
  const launches = [
    { kernel: "softmax.forward", start: 5, end: 7 },
    { kernel: "matmul.tiled TRANSPOSE_A=0", start: 8, end: 8.5 },
  ];
  const { traceEvents: events } = traceEvents(launches, "train step", 12);
  const complete = events.filter(({ ph }) => ph === "X");
  expect(complete.map(({ name, ts, dur }) => [name, ts, dur])).toEqual([
    ["train step", 0, 12_000],
    ["softmax.forward", 0, 2000],
    ["matmul.tiled", 3000, 500],
  ]);
  expect(complete[2].args).toEqual({ constants: "TRANSPOSE_A=0" });
});
