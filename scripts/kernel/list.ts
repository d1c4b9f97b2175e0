import { registry } from "../../engine/check/registry.ts";
import { readArguments } from "../host/arguments.ts";
import { describeOp } from "./describe.ts";

/** Prints every kernel: its files, its ops with their sizes and variants, and the shapes that are checked. */
export function list(): void {
  readArguments({
    usage: "npx bun scripts/kernel.ts list",
    summary: "Lists every kernel: its file, its shapes, its variants.",
    flags: {},
  });
  for (const { shaders, ops } of registry) {
    console.log(`\n${shaders.map((shader) => `shaders/${shader}.wgsl`).join(", ")}`);
    for (const op of ops) console.log(describeOp(op).map((line) => `  ${line}`).join("\n"));
  }
}
