import { expect, test } from "bun:test";
import {
  expectUsed,
  expectVariant,
  findOps,
  parseSizes,
  replacedShader,
  useFile,
} from "../../scripts/kernel/contender.ts";
import { shaderText } from "../../engine/gpu/shaders.ts";
import { prepareWork } from "../../scripts/kernel/work.ts";
import { newEngine, testEngine } from "../support/engine.ts";

test("a name means a family with all of its ops, or one op", () => {
  expect(findOps("attention").ops.map(({ name }) => name))
    .toEqual(["attention", "decodeAttention", "storeInCache"]);
  expect(findOps("linear").family.name).toBe("matmul");
  expect(findOps("linear").ops.map(({ name }) => name)).toEqual(["linear"]);
  expect(() => findOps("atention")).toThrow(
    'no kernel family or op "atention". Did you mean attention?',
  );
});

test("sizes are letters with numbers", () => {
  expect(parseSizes("B=16,T=128")).toEqual({ B: 16, T: 128 });
  expect(parseSizes("topP=0.9")).toEqual({ topP: 0.9 });
  for (const wrong of ["B", "B=", "B=x", "B=-1", "B=1,"]) {
    expect(() => parseSizes(wrong)).toThrow("is not LETTER=NUMBER");
  }
  expect(() => parseSizes("B=1,T=2,B=3")).toThrow("gives B twice");
});

test("a file stands in for the shader of the variant, else for the family's first", () => {
  const { family, ops } = findOps("matmul");
  expect(replacedShader(family, ops)).toBe("matmul");
  expect(replacedShader(family, ops, "tiled")).toBe("matmul_tiled");
  expect(replacedShader(family, ops, "subgroup")).toBe("matmul_subgroup");
});

test("an unknown variant and a missing file are named", async () => {
  const engine = await testEngine();
  expect(() => expectVariant(engine, findOps("matmul").ops, "fast")).toThrow(
    "there are tiled, tiled32",
  );
  expect(() => expectVariant(engine, findOps("matmul").ops, "fast")).toThrow(
    /^(?!.*tiled,.*tiled,)/,
  );
  expect(() => expectVariant(engine, findOps("gelu").ops, "fast")).toThrow("one kernel alone");
  await expect(useFile(engine, "softmax", "nowhere.wgsl")).rejects.toThrow("--file nowhere.wgsl");
});

test("a file that is not launched is told, and one that is is not", async () => {
  const engine = await newEngine();
  const [{ ops: [linear] }, { ops: [gelu] }] = ["linear", "gelu"].map(findOps);
  engine.tuning = new Proxy({}, { get: () => "tiled" });
  engine.kernels.replace("matmul", shaderText("matmul"));
  engine.scope(prepareWork(engine, linear, { M: 3, N: 4, K: 5 }).forward);
  expect(() => expectUsed(engine, "matmul", "mine.wgsl")).toThrow(
    "--file mine.wgsl stands in for shaders/matmul.wgsl, which this adapter does not run here by itself; name",
  );
  engine.kernels.replace("gelu", shaderText("gelu"));
  engine.scope(prepareWork(engine, gelu, { N: 5 }).forward);
  expectUsed(engine, "gelu", "mine.wgsl");
  engine.destroy();
});
