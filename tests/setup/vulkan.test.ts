import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  driverEnvironment,
  lacksDriver,
  rewriteManifest,
  withDriver,
} from "../../scripts/setup/vulkan.mjs";

const folder = mkdtempSync(join(tmpdir(), "homeport-"));
afterAll(() => rmSync(folder, { recursive: true }));
const manifest = JSON.stringify({
  ICD: { api_version: "1.4.305", library_path: "./libvulkan_lvp.so" },
  file_format_version: "1.0.0",
});

test("a manifest gets the driver's absolute path and keeps the rest", () => {
  expect(JSON.parse(rewriteManifest(manifest, "/here/libvulkan_lvp.so"))).toEqual({
    ICD: { api_version: "1.4.305", library_path: "/here/libvulkan_lvp.so" },
    file_format_version: "1.0.0",
  });
});

test("an unpacked tree becomes an environment that names only folders with libraries", () => {
  const libraries = join(folder, "usr/lib/x86_64-linux-gnu");
  const llvm = join(folder, "usr/lib/llvm-19/lib");
  const manifests = join(folder, "usr/share/vulkan/icd.d");
  for (const each of [libraries, llvm, manifests]) mkdirSync(each, { recursive: true });
  for (const name of ["libvulkan_lvp.so", "libvulkan.so.1"]) {
    writeFileSync(join(libraries, name), "");
  }
  writeFileSync(join(llvm, "libLLVM.so.19.1"), "");
  writeFileSync(join(manifests, "lvp_icd.json"), manifest);

  const file = join(manifests, "lvp_icd.json");
  expect(driverEnvironment(folder, /^lvp_icd/)).toEqual({
    VK_ICD_FILENAMES: file,
    VK_DRIVER_FILES: file,
    LD_LIBRARY_PATH: `${llvm}:${libraries}`,
  });
  const written = JSON.parse(readFileSync(file, "utf8"));
  expect(written.ICD.library_path).toBe(join(libraries, "libvulkan_lvp.so"));
  expect(() => driverEnvironment(folder, /^radeon/)).toThrow("no driver manifest");
});

test("an environment given the driver lacks it no more, and keeps its own libraries", () => {
  const path = fc.array(fc.stringMatching(/^\/[a-z]{1,5}$/), { maxLength: 3 });
  fc.assert(fc.property(path, path, (own, drivers) => {
    const driver = { VK_DRIVER_FILES: "/d.json", LD_LIBRARY_PATH: ["/d", ...drivers].join(":") };
    const env = own.length > 0 ? { LD_LIBRARY_PATH: own.join(":") } : {};
    expect(lacksDriver(env, driver)).toBe(true);
    const given = withDriver(env, driver);
    expect(lacksDriver(given, driver)).toBe(false);
    expect(given.LD_LIBRARY_PATH).toBe(["/d", ...drivers, ...own].join(":"));
  }));
});

test("a driver without variables is never lacking", () => {
  expect(lacksDriver({}, {})).toBe(false);
  expect(withDriver({ HOME: "/" }, {})).toEqual({ HOME: "/" });
});
