import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { availableVariants } from "../../engine/check/grid.ts";
import { describeSizes, type Family } from "../../engine/check/op.ts";
import { registry } from "../../engine/check/registry.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { readArguments } from "../host/arguments.ts";
import { openEngine } from "../host/engine.ts";
import { type Ceilings, measureCeilings } from "../lib/ceilings.ts";
import { type Clock, gpuClock, measure, wallClock } from "../lib/measure.ts";
import { formatRates, formatTiming, giga, roofline } from "./format.ts";
import { fenced, indexPage, kernelPage, withSections } from "./pages.ts";
import { prepareWork } from "./work.ts";

/** Where the page of a family, or with "README" their list, lies. */
export function pagePath(name: string): string {
  return fileURLToPath(new URL(`../../docs/kernels/${name}.md`, import.meta.url));
}

/** Writes docs/kernels from the registry and the WGSL files; measured numbers stay unless they are asked for. */
export async function docs(): Promise<void> {
  const { measure: asked } = readArguments({
    usage: "npx bun scripts/kernel.ts docs",
    summary: "Brings docs/kernels up to date with the registry and the WGSL files.",
    flags: { measure: { type: "boolean", help: "Measure the kernels again, too." } },
  });
  const speeds = asked ? await measureFamilies() : null;
  for (const family of registry) {
    const path = pagePath(family.name);
    const page = kernelPage(family, await textOf(path));
    await writeFile(path, speeds ? withSections(page, { speed: speeds.get(family)! }) : page);
  }
  const path = pagePath("README");
  await writeFile(path, indexPage(registry, await textOf(path) ?? "# Kernels\n"));
  console.log(`wrote docs/kernels: ${registry.length} families`);
}

async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(() => undefined);
}

/** The section on speed of each family, all measured in one run. */
async function measureFamilies(): Promise<Map<Family, string>> {
  const { engine, adapter } = await openEngine();
  const clock = engine.features.timestamps ? gpuClock : wallClock;
  const ceilings = await measureCeilings(engine, (engine, body) => measure(engine, body, clock));
  const head = [
    `${adapter.name}, ${
      clock === gpuClock ? "GPU timestamps" : "wall clock"
    }; ceilings in the same run:`,
    `${giga(ceilings.flops)} GFLOP/s of multiply-adds, ${giga(ceilings.bytes)} GB/s of copying`,
    "",
  ];
  const sections = new Map<Family, string>();
  for (const family of registry) {
    const lines = await speedLines(engine, family, clock, ceilings);
    sections.set(family, fenced("text", [...head, ...lines]));
    console.log([family.name, ...lines].join("\n"));
  }
  return sections;
}

async function speedLines(engine: Engine, { ops }: Family, clock: Clock, ceilings: Ceilings) {
  const lines: string[] = [];
  for (const op of ops) {
    for (const { name } of availableVariants(engine, op, op.typical)) {
      const scope = engine.openScope();
      const work = engine.within(scope, () => prepareWork(engine, op, op.typical, name));
      const forward = await measure(engine, work.forward, clock);
      const both = work.both ? await measure(engine, work.both, clock) : null;
      engine.close(scope);
      const share = 100 * roofline(work.cost, ceilings).least / forward.median;
      const rates = formatRates(work.cost, forward);
      lines.push(
        [op.name, name, describeSizes(op.typical)].filter(Boolean).join(" "),
        `  forward           ${formatTiming(forward)}  ${
          rates && `${rates}, ${share.toFixed(0)} % of the ceiling`
        }`.trimEnd(),
        ...both ? [`  forward+backward  ${formatTiming(both)}`] : [],
      );
    }
  }
  return lines;
}
