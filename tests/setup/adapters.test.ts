import { expect, spyOn, test } from "bun:test";
import { describeAdapter, search } from "../../scripts/setup/adapters.mjs";
import { usefulLines } from "../../scripts/setup/probe.mjs";

const ways = [
  { label: "the installed drivers", kind: "installed" as const, prepare: () => ({}) },
  { label: "lavapipe", kind: "lavapipe" as const, prepare: () => ({ VK_DRIVER_FILES: "lvp" }) },
  { label: "SwiftShader", kind: "swiftshader" as const, prepare: () => fail("no network") },
];

function fail(message: string): never {
  throw new Error(message);
}

test("the first way whose adapter computes is taken, and later ones are not prepared", () => {
  using _log = spyOn(console, "log").mockImplementation(() => {});
  const found = search(
    ways,
    (env) => env.VK_DRIVER_FILES === "lvp" ? { name: "llvmpipe", software: true } : fail("crashed"),
  );
  expect(found).toEqual({
    kind: "lavapipe",
    adapter: "llvmpipe",
    software: true,
    env: { VK_DRIVER_FILES: "lvp" },
  });
});

test("an installed driver is a GPU's or a software one", () => {
  expect(search(ways, () => ({ name: "H100", software: false })).kind).toBe("gpu");
  expect(search(ways, () => ({ name: "llvmpipe", software: true })).kind).toBe("installed");
});

test("where nothing helps, the error names every way with its reason and what to do", () => {
  using _log = spyOn(console, "log").mockImplementation(() => {});
  expect(() => search(ways, () => fail("computes wrongly"))).toThrow(
    /installed drivers: computes wrongly\n.*lavapipe: computes wrongly\n.*SwiftShader: no network\n.*What to do: .*npm run setup/s,
  );
});

test("the line about a software adapter says that it is slow and what helps", () => {
  const record = { kind: "lavapipe" as const, adapter: "llvmpipe", software: true, env: {} };
  expect(describeAdapter(record)).toMatch(/^Adapter: llvmpipe\..*slow.*GPU.*npm run setup/);
  expect(describeAdapter({ ...record, adapter: "H100", software: false })).toBe("Adapter: H100");
});

test("only Dawn's two harmless warnings and its source places are left out", () => {
  const text =
    `Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16
Warning: Couldn't load Vulkan: libvulkan.so.1
    at operator() (BackendVk.cpp:368)

Dawn accepts no adapter
`;
  expect(usefulLines(text)).toEqual([
    "Warning: Couldn't load Vulkan: libvulkan.so.1",
    "Dawn accepts no adapter",
  ]);
});
