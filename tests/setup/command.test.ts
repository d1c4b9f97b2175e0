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

test("where the one that waits is killed, a program run in its place ends too", async () => {
  const tools = JSON.stringify(new URL("../../scripts/setup/command.mjs", import.meta.url).href);
  const leaf =
    `(await import(${tools})).endWithParent(); console.log("up"); setInterval(() => {}, 9e5)`;
  const middle = `await (await import(${tools})).runInPlace(process.execPath, ["-e", ${
    JSON.stringify(leaf)
  }])`;
  const child = Bun.spawn([bun, "-e", middle], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
  child.kill("SIGKILL");
  // The leaf holds the other end of the pipe, which closes with its end.
  expect((await reader.read()).done).toBe(true);
}, 30_000);
