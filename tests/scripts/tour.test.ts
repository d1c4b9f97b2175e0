import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = (file: string) => fileURLToPath(new URL(`../../${file}`, import.meta.url));
const page = readFileSync(path("docs/engine.md"), "utf8");

test("docs/engine.md shows scripts/tour.ts as it is, and the losses and launches that it prints", () => {
  expect(page).toContain(readFileSync(path("scripts/tour.ts"), "utf8"));
  const printed = execFileSync(process.execPath, [path("scripts/tour.ts")], { encoding: "utf8" });
  const updates = printed.match(/^update \d+: loss [\d.]+, \d+ launches;/gm) ?? [];
  expect(updates.length).toBe(5);
  for (const update of updates) expect(page).toContain(update);
  const warm = printed.trim().split("\n").slice(1);
  for (const line of warm) expect(line).toEndWith("new: 0 pipelines, 0 buffers, 0 bind groups");
});
