import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { Glob } from "bun";

/** From the top down: a file imports from its own floor and from those that follow. */
const FLOORS = [
  "scripts",
  "data",
  "engine/rl",
  "engine/nn",
  "engine/check",
  "engine/ops",
  "engine/tensor",
  "engine/gpu",
  "shaders",
];

/**
 * The two ways up. Everything hangs on the `Engine`, which therefore makes tensors and keeps scopes and tape,
 * while they know its type; and data/make-*.ts are programs that make the bundled data.
 */
const EXCEPTIONS = [
  /^engine\/gpu\/(bindings|engine|self-test)\.ts → engine\/tensor\//,
  /^data\/(examples\/)?make-[a-z]+\.ts → scripts\//,
];

const FROM = /^(?:import|export)\s[^;"]*?from "(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/gm;

/** Each import of a file of ours by another, as "engine/a.ts → engine/b.ts". */
function imports(file: string, text: string): string[] {
  return [...text.matchAll(FROM)].map(([, fixed, dynamic]) =>
    `${file} → ${normalize(join(file, "..", fixed ?? dynamic))}`
  );
}

function goesUp(line: string): boolean {
  const [from, to] = line.split(" → ").map((file) =>
    FLOORS.findIndex((floor) => file.startsWith(`${floor}/`))
  );
  return to < from;
}

test("imports go down only", () => {
  const root = join(import.meta.dir, "..");
  const files = [...new Glob("{engine,scripts,data}/**/*.ts").scanSync(root)];
  const lines = files.flatMap((file) => imports(file, readFileSync(join(root, file), "utf8")));
  expect(lines.length).toBeGreaterThan(files.length); // it reads them at all
  const up = lines.filter(goesUp);
  expect(up.filter((line) => !EXCEPTIONS.some((known) => known.test(line)))).toEqual([]);
  for (const known of EXCEPTIONS) expect(up.some((line) => known.test(line))).toBe(true);
});

test("an upward import is seen", () => {
  const text = 'import {\n  a,\n} from "../rl/fit.ts";\nimport { b } from "../gpu/engine.ts";\n';
  expect(imports("engine/nn/x.ts", text).filter(goesUp)).toEqual([
    "engine/nn/x.ts → engine/rl/fit.ts",
  ]);
});
