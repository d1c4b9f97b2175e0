import { expect, test } from "bun:test";
import { formatEstimate, formatNumber } from "../../scripts/report/measures.ts";
import { renderTable } from "../../scripts/report/table.ts";
import { exampleRun } from "./run.ts";

test("every column starts at the same place in every row", () => {
  const lines = renderTable(exampleRun().results).split("\n");
  const header = lines.findIndex((line) => line.includes("DR-PO"));
  const starts = ["SFT", "PPO", "DR-PO"].map((title) => lines[header]!.indexOf(title));
  const rows = lines.slice(header + 1, lines.indexOf("", header));
  expect(rows.length).toBeGreaterThan(8);
  for (const row of rows) {
    for (const start of starts) {
      expect(row.slice(start - 2, start)).toBe("  ");
      expect(row[start]).toMatch(/[-\d]/);
    }
  }
});

test("cells are mean [low, high] in the unit of the row", () => {
  const table = renderTable(exampleRun().results);
  expect(table).toMatch(/Gold score \^ +0\.185 \[0\.155, 0\.215\]/);
  expect(table).toMatch(/Ends properly, % \^ +96\.0 \[94\.0, 98\.0\]/);
  expect(table).toMatch(/Wins against SFT, % \^ +- +78\.0/);
  expect(table).toMatch(/DR-PO - PPO, gold score, equal episodes +0\.012 \[-0\.038, 0\.062\]/);
  expect(table).toMatch(/450 held-out pairs +71\.0 \[67\.0, 75\.0\]/);
  const given = renderTable({ ...exampleRun().results, rewardModel: null });
  expect(given).toBe(table.slice(0, table.lastIndexOf("\n\n")));
});

test("a measure that no method has is left out", () => {
  const { results } = exampleRun();
  for (const method of Object.values(results.methods)) method.gold = null;
  results.comparisons = [];
  expect(renderTable(results)).not.toContain("Gold");
});

test("what rounds to zero has no sign", () => {
  expect(formatNumber(-0.0004, 3)).toBe("0.000");
  expect(formatNumber(-0.0006, 3)).toBe("-0.001");
  expect(formatEstimate({ mean: 0.5, low: -1, high: 2 }, 1, 10)).toBe("5.0 [-10.0, 20.0]");
});
