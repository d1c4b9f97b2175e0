import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { parseCommandLine } from "../../scripts/host/driver.ts";
import { bun, deno } from "../../scripts/setup/dependencies.mjs";
import { root } from "../../scripts/setup/paths.mjs";
import { readAdapter } from "../../scripts/setup/record.mjs";
import { lacksDriver } from "../../scripts/setup/vulkan.mjs";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const driver = readAdapter()?.env ?? {};
/** This process's environment as it is before set-up's part. */
const bare = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    !["HOMEPORT_DRIVER", "VK_DRIVER_FILES", "VK_ICD_FILENAMES", "LD_LIBRARY_PATH"].includes(name)
  ),
);

function start(command: string[], env: Record<string, string | undefined>) {
  const { stdout, stderr, exitCode } = Bun.spawnSync(command, { cwd: root, env });
  return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode };
}

test("any argument survives the kernel's form of a command line", () => {
  const argument = fc.string().filter((text) => !text.includes("\0"));
  fc.assert(fc.property(fc.array(argument, { minLength: 1 }), (args) => {
    expect(parseCommandLine(args.map((each) => `${each}\0`).join(""))).toEqual(args);
  }));
});

const args = ["--flag", "two words", "", "ünïcode"];
test.each([
  ["Bun", [bun, "--smol", fixture("arguments.ts"), ...args]],
  ["Deno", [process.execPath, deno, "run", "-A", fixture("arguments.ts"), ...args]],
])("%s starts again with the stored variables, the same arguments and exit code", (_, command) => {
  const { stdout, exitCode } = start(command, bare);
  const seen = JSON.parse(stdout);
  expect(exitCode).toBe(7);
  expect(seen.args).toEqual(args);
  expect(seen.guard).toBe(lacksDriver(bare, driver) ? "1" : undefined);
  expect(seen.manifest).toBe(driver.VK_DRIVER_FILES);
  expect(seen.libraries).toBe(driver.LD_LIBRARY_PATH);
});

test("a process with the guard does not start again", () => {
  const { stdout } = start([bun, fixture("arguments.ts")], { ...bare, HOMEPORT_DRIVER: "1" });
  expect(JSON.parse(stdout).manifest).toBeUndefined();
});

test("a driver chosen by hand is kept", () => {
  const { stdout } = start([bun, fixture("arguments.ts")], {
    ...bare,
    VK_DRIVER_FILES: "own.json",
  });
  expect(JSON.parse(stdout)).toMatchObject({ manifest: "own.json" });
});

test("`bun test` started directly keeps its filters, counts and exit code", () => {
  const file = fixture("preloaded.test.ts");
  const passed = start([bun, "test", file, "-t", "environment"], bare);
  expect(passed.stderr.match(/^ 1 pass$/gm)).toHaveLength(1);
  expect(passed.exitCode).toBe(0);
  expect(start([bun, "test", file, "-t", "nothing of that name"], bare).exitCode).toBe(1);
});
