import { expect, test } from "bun:test";
import {
  leftOutLine,
  PLAIN,
  quotedRows,
  ratioLines,
  ratiosOf,
  rowOf,
  tableLines,
} from "../../scripts/peers/table.ts";
import {
  batchedForward,
  firstTokens,
  largestGeneration,
  type NamedWork,
  works,
} from "../../scripts/peers/works.ts";

const product = works.find(({ shape }) => shape === "512×512 · 512×512")!;

function row(work: NamedWork, engine: string, medianMs: number, samplesMs = [medianMs]) {
  return rowOf(work, { work: work.work, engine, medianMs, spreadMs: 0.5, samplesMs });
}

test("a row holds what --json promises", () => {
  expect(row(product, "tfjs", 100)).toEqual({
    work: "product",
    shape: "512×512 · 512×512",
    engine: "tfjs",
    medianMs: 100,
    spreadMs: 0.5,
    samplesMs: [100],
    gflops: 2 * 512 ** 3 / 0.1 / 1e9,
  });
  const training = works.find(({ name }) => name === "training")!;
  expect(row(training, "tfjs", 500).tokensPerSecond).toBe(4096);
});

test("ratios are those of the times to the best peer, and stand in our line of the table", () => {
  const rows = [row(product, "homeport", 10), row(product, "a", 40), row(product, "b", 25)];
  expect(ratiosOf(rows)).toEqual({ "product 512×512 · 512×512": 2.5 });
  const lines = tableLines(rows, { flops: 100e9, bytes: 1e9 });
  expect(lines[0]).toContain("2.50×");
  expect(lines[0]).toContain("27 %"); // 26.8 GFLOP/s of 100
  expect(lines[1]).not.toContain("×  ");
  expect(lines[1]).not.toContain("2.50×");
});

test("a work that no peer was measured in has no ratio", () => {
  expect(ratiosOf([row(product, "homeport", 10)])).toEqual({});
});

test("PyTorch on the CPU is shown, but is no peer", () => {
  const rows = [row(product, "homeport", 10), row(product, "a", 40), row(product, PLAIN, 5)];
  expect(ratiosOf(rows)).toEqual({ "product 512×512 · 512×512": 4 });
  expect(tableLines(rows, { flops: 100e9, bytes: 1e9 })[2]).toContain(PLAIN);
});

test("a library that did not finish has a line that says so", () => {
  const { name: work, shape } = product;
  expect(leftOutLine({ work, shape, engine: "tfjs", reason: "not finished in 150 s" }))
    .toMatch(/product +512×512 · 512×512 +tfjs +not finished in 150 s/);
});

test("quoted numbers are named as such, and never mixed with measured ones", () => {
  const generation = works.find(({ name, shape }) => name === "generation" && /^B16/.test(shape))!;
  const [quoted] = quotedRows(generation);
  expect(quoted.quoted).toContain("not measured here");
  const ours = row(generation, "homeport", quoted.medianMs / 20);
  const name = `generation ${generation.shape}`;
  expect(ratiosOf([ours, quoted])[`${name}, to a quoted number`]).toBeCloseTo(20);
  const measured = ratiosOf([ours, quoted, row(generation, "peer", ours.medianMs * 3)]);
  expect(measured).toEqual({ [name]: expect.closeTo(3) });
  expect(tableLines([quoted], { flops: 1, bytes: 1 })[0]).toContain("quoted, ");
});

test("generation, and its steps alone, are held against one forward of as many tokens", () => {
  const ratios = ratiosOf([
    row(largestGeneration, "homeport", 400),
    row(firstTokens, "homeport", 85),
    row(batchedForward, "homeport", 160),
  ]);
  // The 63 steps after the first tokens take 315; a forward over 63 of its 64 columns would take 157.5.
  expect(Object.values(ratios)).toEqual([0.4, 0.5]);
  expect(ratioLines(ratios)[1]).toContain("after the first, to one forward: 0.50×");
});

test("generation is held against the forward of the same round: the machine may change its pace", () => {
  const ratios = ratiosOf([
    row(largestGeneration, "homeport", 400, [400, 800, 800]),
    row(firstTokens, "homeport", 85, [85, 170, 170]),
    row(batchedForward, "homeport", 160, [160, 320, 320]),
  ]);
  expect(Object.values(ratios)).toEqual([0.4, 0.5]);
});
