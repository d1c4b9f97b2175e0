import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../scripts/homeport.mjs", import.meta.url));
const homeport = (...words: string[]) =>
  spawnSync("node", [program, ...words], { encoding: "utf8" });

test("homeport lists its commands, and each is a script", () => {
  const { status, stdout } = homeport();
  expect(status).toBe(0);
  const names = [...stdout.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name);
  expect(names).toContain("audit");
  for (const name of names) {
    const script = new URL(`../../scripts/${name}.ts`, import.meta.url);
    expect(existsSync(script)).toBe(true);
  }
});

test("a command gets its flags and gives its exit status", () => {
  const help = homeport("generate", "--help");
  expect([help.status, help.stdout]).toEqual([0, expect.stringContaining("--prompt TEXT")]);
  const mistake = homeport("generate", "--promt", "x");
  expect([mistake.status, mistake.stderr]).toEqual([
    2,
    expect.stringContaining("Did you mean --prompt?"),
  ]);
  const unknown = homeport("generat");
  expect([unknown.status, unknown.stderr]).toEqual([
    2,
    expect.stringContaining('no command "generat"'),
  ]);
}, 30_000);
