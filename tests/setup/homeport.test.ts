import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
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
  expect(homeport("help", "generate").stdout).toBe(help.stdout);
  const mistake = homeport("generate", "--promt", "x");
  expect([mistake.status, mistake.stderr]).toEqual([
    2,
    expect.stringContaining("Did you mean --prompt?"),
  ]);
  const unknown = homeport("generat");
  expect([unknown.status, unknown.stderr]).toEqual([
    2,
    expect.stringContaining('no command "generat". Did you mean generate?'),
  ]);
}, 30_000);

test("the commands of the docs have the flags that the docs give them", () => {
  const help = new Map<string, string>();
  const lines = ["commands", "your-model-your-data"].flatMap((name) => {
    const text = readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), "utf8");
    return [...text.matchAll(/^ *npx homeport (\w+) (.*)$/gm)];
  });
  expect(lines.length).toBeGreaterThan(8);
  for (const [line, name, words] of lines) {
    if (!help.has(name)) help.set(name, homeport(name, "--help").stdout);
    for (const [flag] of words.matchAll(/--[a-z-]+/g)) {
      expect(`${line}: ${help.get(name)}`).toContain(`  ${flag} `);
    }
  }
}, 60_000);
