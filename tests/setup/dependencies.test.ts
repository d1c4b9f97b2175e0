import { expect, test } from "bun:test";
import { isInstalled } from "../../scripts/setup/dependencies.mjs";

const lock = {
  packages: {
    "": { version: "0.1.0" },
    "node_modules/zod": { version: "4.6.7" },
    "node_modules/@oven/bun-linux-x64": { version: "1.4.5", optional: true },
    "node_modules/@oven/bun-darwin-x64": { version: "1.4.5", optional: true },
  },
};

test("all is installed when only packages of other platforms are absent", () => {
  const packages = {
    "node_modules/zod": { version: "4.6.7" },
    "node_modules/@oven/bun-linux-x64": { version: "1.4.5", optional: true },
  };
  expect(isInstalled(lock, { packages })).toBe(true);
});

test("a missing package or another version asks for an installation", () => {
  expect(isInstalled(lock, { packages: {} })).toBe(false);
  expect(isInstalled(lock, { packages: { "node_modules/zod": { version: "4.6.6" } } })).toBe(false);
  const packages = {
    "node_modules/zod": { version: "4.6.7" },
    "node_modules/@oven/bun-linux-x64": { version: "1.4.4", optional: true },
  };
  expect(isInstalled(lock, { packages })).toBe(false);
});
