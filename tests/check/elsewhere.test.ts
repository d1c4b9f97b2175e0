import { expect, test } from "bun:test";
import { registry } from "../../engine/check/registry.ts";
import { findChromium } from "../../scripts/host/chromium.ts";
import { checkElsewhere, type Elsewhere } from "../../scripts/kernel/elsewhere.ts";

const ops = registry.flatMap(({ ops }) => ops.map(({ name }) => name));

/** Every op at a few of its shapes; `kernel.ts check all --within …` goes through all of them. */
async function expectAllToHold(where: Elsewhere): Promise<void> {
  const { rows } = await checkElsewhere(where, { ops, shapes: "few" });
  expect(rows.filter(({ failed }) => failed)).toEqual([]);
  expect(rows.length).toBeGreaterThanOrEqual(ops.length);
}

test(
  "the op check holds in Deno's own WebGPU (wgpu, naga)",
  () => expectAllToHold("deno"),
  180_000,
);

const chromium = findChromium();
if (!chromium) console.log("The op check in Chromium is skipped: there is none, nor $CHROMIUM");
test.skipIf(!chromium)(
  "the op check holds in headless Chromium (Dawn over SwiftShader)",
  () => expectAllToHold("chromium"),
  180_000,
);
