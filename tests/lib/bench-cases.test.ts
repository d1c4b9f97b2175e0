import { expect, test } from "bun:test";
import { shaderNames } from "../../engine/gpu/shaders.ts";
import { benchCases } from "../../scripts/lib/bench-cases.ts";
import { testEngine } from "../support/engine.ts";

test("every kernel family has its row in the benchmark", () => {
  expect([...new Set(benchCases.map(({ name }) => name))].sort()).toEqual([...shaderNames].sort());
});

test("every row of the benchmark launches kernels of its family", async () => {
  const engine = await testEngine();
  for (const { name, prepare } of benchCases) {
    if (name.endsWith("_subgroup") && !engine.features.subgroups) continue;
    const launched: string[] = [];
    const { launch } = engine;
    engine.launch = (shader, ...rest) => {
      launched.push(shader);
      launch.call(engine, shader, ...rest);
    };
    try {
      engine.scope(() => void prepare(engine).run());
    } finally {
      engine.launch = launch;
    }
    expect(launched).toContain(name);
  }
  await engine.zeros([1]).read(); // an error in any of them rejects here
});
