import { expect, test } from "bun:test";
import { output, runInPlace } from "../../scripts/setup/command.mjs";

const bun = process.execPath;

test("a program's output is returned, and its failure names the command and the reason", () => {
  expect(output(bun, ["-e", "console.log('out')"])).toBe("out\n");
  expect(() => output(bun, ["-e", "console.error('why'); process.exit(4)"])).toThrow(
    /exited with 4: why/,
  );
  expect(() => output("no-such-program", [])).toThrow("no-such-program");
});

test("the exit code of a program run in place is passed on, a signal as 128 and its number", async () => {
  expect(await runInPlace(bun, ["-e", "process.exit(5)"])).toBe(5);
  expect(await runInPlace(bun, ["-e", "process.kill(process.pid, 'SIGKILL')"])).toBe(137);
});
