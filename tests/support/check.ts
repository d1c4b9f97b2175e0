import { expect, test } from "bun:test";
import { checkOp, failures } from "../../engine/check/check.ts";
import { describeSizes } from "../../engine/check/op.ts";
import { findFamily } from "../../engine/check/registry.ts";
import { testEngine } from "./engine.ts";

/** A test for each op, shape and variant of a family of the registry. */
export function checkFamily(name: string): void {
  for (const op of findFamily(name).ops) {
    for (const sizes of op.grid) {
      for (const { name, available } of op.variants ?? [{ name: undefined }]) {
        test(`${op.name} ${name ?? ""} ${describeSizes(sizes)}`, async () => {
          const engine = await testEngine();
          if (available && !available(engine.features)) return;
          expect(failures(await checkOp(engine, op, sizes, name))).toEqual([]);
        });
      }
    }
  }
}
