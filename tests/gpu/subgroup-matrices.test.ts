// No adapter at hand multiplies subgroup matrices. The kernel is therefore compiled by Dawn's null backend
// (null-backend.test.ts), and computed with on a device where plain WGSL stands in for the matrices.
import { expect, spyOn, test } from "bun:test";
import { failures } from "../../engine/check/check.ts";
import { checkGrid } from "../../engine/check/grid.ts";
import { findFamily } from "../../engine/check/registry.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { runSelfTest } from "../../engine/gpu/self-test.ts";
import { shaderText } from "../../engine/gpu/shaders.ts";
import { adapterMatrices, SUBGROUP_MATRICES } from "../../engine/gpu/subgroup-matrices.ts";
import { newEngine } from "../support/engine.ts";

/** Small matrices of three different sizes, so that none stands for another. */
const subgroupMatrices = { rows: 2, columns: 4, inner: 3, workgroup: 8 };

/** The kernel with matrices in private memory, whole in every thread. */
function emulated(): string {
  const replacements: [string | RegExp, string][] = [
    ["enable chromium_experimental_subgroup_matrix;", ""],
    [/^alias Left = .*/m, "alias Left = array<f32, ROWS * INNER>;"],
    [/^alias Right = .*/m, "alias Right = array<f32, INNER * COLUMNS>;"],
    [/^alias Result = .*/m, "alias Result = array<f32, ROWS * COLUMNS>;"],
    ["subgroupMatrixLoad<Left, row_major>(&slice_a, ", "load_left("],
    ["subgroupMatrixLoad<Right, row_major>(&slice_b, ", "load_right("],
    ["subgroupMatrixMultiplyAccumulate(", "multiply_accumulate("],
    ["subgroupMatrixStore<row_major>(&tile, ", "store_result("],
  ];
  let text = shaderText("matmul_matrices");
  for (const [from, to] of replacements) {
    expect(text).toMatch(from);
    text = text.replace(from, to);
  }
  return `${text}
fn load_left(at: u32, stride: u32) -> Left {
  var left: Left;
  for (var i = 0u; i < ROWS * INNER; i++) { left[i] = slice_a[at + i / INNER * stride + i % INNER]; }
  return left;
}

fn load_right(at: u32, stride: u32) -> Right {
  var right: Right;
  for (var i = 0u; i < INNER * COLUMNS; i++) { right[i] = slice_b[at + i / COLUMNS * stride + i % COLUMNS]; }
  return right;
}

fn multiply_accumulate(left_in: Left, right_in: Right, sums_in: Result) -> Result {
  var left = left_in;
  var right = right_in;
  var sums = sums_in;
  for (var i = 0u; i < ROWS * COLUMNS; i++) {
    for (var k = 0u; k < INNER; k++) {
      sums[i] += left[i / COLUMNS * INNER + k] * right[k * COLUMNS + i % COLUMNS];
    }
  }
  return sums;
}

fn store_result(at: u32, sums_in: Result, stride: u32) {
  var sums = sums_in;
  for (var i = 0u; i < ROWS * COLUMNS; i++) { tile[at + i / COLUMNS * stride + i % COLUMNS] = sums[i]; }
}
`;
}

/** An engine that takes itself for one with subgroup matrices, computed by `text`. */
async function emulatingEngine(text = emulated()): Promise<Engine> {
  const engine = await newEngine();
  engine.kernels.replace("matmul_matrices", text);
  Object.defineProperty(engine, "features", { value: { ...engine.features, subgroupMatrices } });
  return engine;
}

test("with matrices emulated, the kernel gives the right numbers", async () => {
  const engine = await emulatingEngine();
  let checks = 0;
  for await (
    const { deviations } of checkGrid(engine, [findFamily("matmul")], { variant: "matrices" })
  ) {
    expect(failures(deviations)).toEqual([]);
    checks++;
  }
  expect(checks).toBeGreaterThan(20);
  engine.destroy();
}, 60_000);

test(
  "the self-test keeps matrices that are right, and switches off the others with a line",
  async () => {
    const engine = await emulatingEngine();
    const warn = spyOn(console, "warn").mockImplementation(() => {});
    try {
      expect(await runSelfTest(engine)).toEqual(engine.features);
      expect(warn).not.toHaveBeenCalled();
      for (
        const [text, fault] of [
          [
            emulated().replace("k < DEPTH; k += INNER", "k < INNER; k += INNER"),
            /gives \S+ for element 0/,
          ],
          [shaderText("matmul_matrices"), /does not compile: /], // here, where the feature is missing
        ] as const
      ) {
        warn.mockClear();
        engine.kernels.replace("matmul_matrices", text);
        expect(await runSelfTest(engine)).toEqual({ ...engine.features, subgroupMatrices: null });
        expect(warn).toHaveBeenCalledTimes(1);
        expect(warn.mock.calls[0][0]).toMatch(/is used without its subgroup matrices: /);
        expect(warn.mock.calls[0][0]).toMatch(fault);
      }
    } finally {
      warn.mockRestore();
      engine.destroy();
    }
  },
  60_000,
);

test("an adapter without them is named, with what it lacks", () => {
  const adapter = (features: string[], configs: object[]) =>
    ({
      features: new Set(features),
      info: { description: "Some GPU", subgroupMaxSize: 32, subgroupMatrixConfigs: configs },
    }) as unknown as GPUAdapter;
  const half = { componentType: "f16", resultComponentType: "f32", M: 16, N: 16, K: 16 };
  const full = { componentType: "f32", resultComponentType: "f32", M: 8, N: 8, K: 8 };
  expect(() => adapterMatrices(adapter([], [full]))).toThrow(
    /"Some GPU" has no subgroup matrices: the feature chromium-experimental-subgroup-matrix is missing/,
  );
  expect(() => adapterMatrices(adapter([SUBGROUP_MATRICES], [half]))).toThrow(
    /"Some GPU" multiplies no subgroup matrices of f32, but of: f16 16×16×16/,
  );
  expect(adapterMatrices(adapter([SUBGROUP_MATRICES], [half, full]))).toEqual({
    rows: 8,
    columns: 8,
    inner: 8,
    workgroup: 32,
  });
});

test("an engine that is asked for them on an adapter without refuses", async () => {
  await expect(newEngine({ experimental: { subgroupMatrices: true } })).rejects.toThrow(
    /^The adapter ".+" has no subgroup matrices/,
  );
});
