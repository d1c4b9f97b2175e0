// A kernel that is checked or timed: one of ours, or a file of the user's own in its place.
import { readFile } from "node:fs/promises";
import { availableVariants } from "../../engine/check/grid.ts";
import type { Family, Op, Sizes } from "../../engine/check/op.ts";
import { registry } from "../../engine/check/registry.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import type { ShaderName } from "../../engine/gpu/shaders.ts";
import { ArgumentError } from "../host/arguments.ts";
import { suggestion } from "../setup/nearest.mjs";
import { expectCompiles } from "./compile.ts";

/** The families and ops that a name of the command line means: a family with all of its ops, or one op. */
export function findOps(name: string): { family: Family; ops: readonly Op[] } {
  for (const family of registry) {
    if (family.name === name) return { family, ops: family.ops };
    const op = family.ops.find((op) => op.name === name);
    if (op) return { family, ops: [op] };
  }
  const names = registry.map(({ name }) => name), ops = registry.flatMap(({ ops }) => ops);
  const hint = suggestion(name, [...names, ...ops.map(({ name }) => name)], (name) => name);
  throw new ArgumentError(
    `There is no kernel family or op "${name}".${hint} There are the families ${
      names.join(", ")
    }, and the ops that \`npx bun scripts/kernel.ts list\` prints.`,
  );
}

/** Throws unless one of the ops has a kernel of this name that the engine's adapter can run. */
export function expectVariant(engine: Engine, ops: readonly Op[], variant: string): void {
  const all = ops.flatMap((op) => availableVariants(engine, op)).map(({ name }) => name);
  const names = [...new Set(all)].filter((name) => name !== undefined);
  if (names.includes(variant)) return;
  throw new ArgumentError(
    names.length
      ? `There is no variant "${variant}" on this adapter; there are ${names.join(", ")}.`
      : `${
        ops.map(({ name }) => name).join(" and ")
      } has one kernel alone; leave "${variant}" out.`,
  );
}

/** The shader that a user's file stands in for: that of the variant, or the family's first. */
export function replacedShader(
  { shaders }: Family,
  ops: readonly Op[],
  variant?: string,
): ShaderName {
  const variants = ops.flatMap(({ variants = [] }) => variants);
  return variants.find(({ name }) => name === variant)?.shader ?? shaders[0];
}

/** Puts the text of a `.wgsl` file in a shader's place. Throws where it does not compile. */
export async function useFile(engine: Engine, shader: ShaderName, path: string): Promise<void> {
  let text: string;
  try {
    text = (await readFile(path, "utf8")).replaceAll("\r\n", "\n");
  } catch {
    throw new ArgumentError(`--file ${path} cannot be read; give the path of a .wgsl file.`);
  }
  await expectCompiles(engine, text, path);
  engine.kernels.replace(shader, text);
}

/** Throws where nothing was launched of the shader that a file stands in for: what was measured is not the file. */
export function expectUsed(engine: Engine, shader: ShaderName, path: string): void {
  if (engine.kernels.has(shader)) return;
  throw new ArgumentError(
    `--file ${path} stands in for shaders/${shader}.wgsl, which this adapter does not run here by itself; ` +
      "name the kernel that it stands in for with --variant (`npx bun scripts/kernel.ts list` has their files).",
  );
}

/** Sizes from `B=2,T=33`. */
export function parseSizes(text: string): Sizes {
  const sizes = new Map<string, number>();
  for (const part of text.split(",")) {
    const [, letter, size] = /^\s*(\w+)=(\d+(?:\.\d+)?)\s*$/.exec(part) ?? [];
    if (!letter) {
      throw new ArgumentError(
        `--shape "${text}": "${part}" is not LETTER=NUMBER, as in B=2,T=33.`,
      );
    }
    if (sizes.has(letter)) {
      throw new ArgumentError(`--shape "${text}" gives ${letter} twice.`);
    }
    sizes.set(letter, Number(size));
  }
  return Object.fromEntries(sizes);
}
