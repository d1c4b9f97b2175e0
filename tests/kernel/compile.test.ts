import { expect, test } from "bun:test";
import { originOf, shaderNames, shaderText } from "../../engine/gpu/shaders.ts";
import { expectCompiles } from "../../scripts/kernel/compile.ts";
import { testEngine } from "../support/engine.ts";

const softmax = shaderText("softmax"), lines = softmax.split("\n");

/** The softmax with a text in an empty line, counted from 1. */
function withLine(line: number, text: string): string {
  expect(lines[line - 1]).toBe("");
  return lines.with(line - 1, text).join("\n");
}

test("what compiles is taken, and leaves the engine as it was", async () => {
  const engine = await testEngine();
  for (const name of shaderNames) {
    if (!shaderText(name).includes("\nenable ")) { // what not every adapter has
      await expectCompiles(engine, shaderText(name), "mine.wgsl");
    }
  }
  await expect(expectCompiles(engine, "fn", "mine.wgsl")).rejects.toThrow("mine.wgsl:1:3: ");
  expect(await engine.tensor([1, 2]).read()).toEqual(Float32Array.of(1, 2));
});

test("an error is told by the line of the file, before and after what it includes", async () => {
  const engine = await testEngine();
  const include = lines.indexOf("// include reductions") + 1;
  expect(include).toBeGreaterThan(1);
  for (const line of [include - 2, include + 1, lines.length]) {
    const wrong = expectCompiles(engine, withLine(line, "const half = unknown;"), "mine.wgsl");
    await expect(wrong).rejects.toThrow(`mine.wgsl:${line}:14: `);
  }
});

test("an error in what is included is told by its file", async () => {
  const engine = await testEngine();
  const text =
    "// what this includes asks for more than is here\n// include gaussian\n// include draw\n";
  await expect(expectCompiles(engine, text, "mine.wgsl")).rejects.toThrow(
    /^mine\.wgsl does not compile:\nshaders\/draw\.wgsl:\d+:\d+: /,
  );
});

test("an error in the form for f16, or for subgroups, is told by the line of the file", async () => {
  const engine = await testEngine();
  const half = "alias stored = f32;\nconst odd: stored = 1e9f;\n";
  const reducing = `${softmax}const odd: u32 = largest_of_subgroup;\n`;
  if (engine.features.half) {
    const outcome = expectCompiles(engine, half, "mine.wgsl");
    await expect(outcome).rejects.toThrow("mine.wgsl:2:");
  }
  const outcome = expectCompiles(engine, reducing, "mine.wgsl");
  await expect(outcome).rejects.toThrow(`mine.wgsl:${lines.length}:`);
  expect(originOf(softmax, true, 2)).toEqual({ include: null, line: 1 });
});
