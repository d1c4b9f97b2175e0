import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { runInDeno } from "../../scripts/host/deno.ts";
import { trainingLosses } from "./deno-training.ts";

test("a training step gives the same losses in Deno as in Bun", async () => {
  const script = fileURLToPath(new URL("deno-training.ts", import.meta.url));
  const inDeno = z.array(z.number()).parse(runInDeno(script));
  const inBun = await trainingLosses();
  expect(inDeno.length).toBe(inBun.length);
  for (const [step, loss] of inBun.entries()) {
    expect(Math.abs(inDeno[step] - loss)).toBeLessThan(1e-5);
  }
  expect(inBun[1]).toBeLessThan(inBun[0] - 0.05);
}, 120_000);
