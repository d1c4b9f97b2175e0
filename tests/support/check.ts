import { expect, test } from "bun:test";
import { checkOp, failures } from "../../engine/check/check.ts";
import { availableVariants } from "../../engine/check/grid.ts";
import { describeSizes, type Family } from "../../engine/check/op.ts";
import { findFamily } from "../../engine/check/registry.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { entryPoints } from "../../engine/gpu/shaders.ts";
import { testEngine } from "./engine.ts";

/** A test for each op, shape and variant of a family of the registry, and one that no entry point was left out. */
export function checkFamily(name: string): void {
  const family = findFamily(name), launched = new Set<string>();
  for (const op of family.ops) {
    for (const sizes of op.grid) {
      for (const { name } of op.variants ?? [{ name: undefined }]) {
        test(`${op.name} ${name ?? ""} ${describeSizes(sizes)}`, async () => {
          const engine = await testEngine();
          const variants = availableVariants(engine, op, sizes);
          if (!variants.some((variant) => variant.name === name)) return;
          const entries = new Set<string>();
          const deviations = await observed(
            engine,
            family,
            entries,
            () => checkOp(engine, op, sizes, name),
          );
          expect(failures(deviations)).toEqual([]);
          for (const entry of entries) {
            expect(op.entries).toContain(entry.split(".")[1]);
            launched.add(entry);
          }
        }, 20_000);
      }
    }
  }

  test(`every entry point of ${name} was checked`, async () => {
    const { features } = await testEngine();
    const unavailable = family.ops.flatMap(({ variants = [] }) => variants)
      .filter(({ available }) => available && !available(features)).map(({ shader }) => shader);
    const entries = family.shaders.filter((shader) => !unavailable.includes(shader))
      .flatMap((shader) => entryPoints(shader).map((entry) => `${shader}.${entry}`));
    expect(entries.filter((entry) => !launched.has(entry))).toEqual([]);
  });
}

/** Runs `body`, adding the entry points of the family's shaders that it launches to `entries`. */
async function observed<T>(
  engine: Engine,
  { shaders }: Family,
  entries: Set<string>,
  body: () => Promise<T>,
): Promise<T> {
  const { launch } = engine;
  engine.launch = (shader, entry, ...rest) => {
    if (shaders.includes(shader)) entries.add(`${shader}.${entry}`);
    launch.call(engine, shader, entry, ...rest);
  };
  try {
    return await body();
  } finally {
    engine.launch = launch;
  }
}
