import { availableVariants } from "../../engine/check/grid.ts";
import { describeSizes, type Op } from "../../engine/check/op.ts";
import { registry } from "../../engine/check/registry.ts";
import { readArguments } from "../host/arguments.ts";
import { openEngine } from "../host/engine.ts";

/** Prints every kernel: its files, its ops with their sizes and variants, and the shapes that are checked. */
export async function list(): Promise<void> {
  readArguments({
    usage: "npx bun scripts/kernel.ts list",
    summary: "Lists every kernel: its file, its shapes, its variants.",
    flags: {},
  });
  const { engine, adapter } = await openEngine();
  console.log(adapter.name);
  for (const { shaders, ops } of registry) {
    console.log(`\n${shaders.map((shader) => `shaders/${shader}.wgsl`).join(", ")}`);
    for (const op of ops) {
      const names = availableVariants(engine, op).flatMap(({ name }) => name ?? []);
      console.log(describeOp(op, names).join("\n"));
    }
  }
  engine.destroy();
}

function describeOp({ name, summary, letters, grid, typical, tolerance }: Op, variants: string[]) {
  const sizes = Object.entries(letters).map(([letter, { meaning, default: other }]) =>
    `${letter} ${meaning}${other === undefined ? "" : ` (${other} where left out)`}`
  );
  const gradient = tolerance.gradient === undefined ? "none" : `within ${tolerance.gradient}`;
  return [
    `  ${name}: ${summary}`,
    `    sizes     ${sizes.join("; ")}`,
    `    typical   ${describeSizes(typical)}`,
    `    checked   ${grid.map(describeSizes).join(" · ")}`,
    `    output within ${tolerance.output}, gradient ${gradient}`,
    ...variants.length ? [`    variants  ${variants.join(", ")}`] : [],
  ];
}
