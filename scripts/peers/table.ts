// Rows, ratios and the table of scripts/bench.ts --peers.
import type { Ceilings } from "../lib/ceilings.ts";
import { timingOf } from "../lib/measure.ts";
import type { Details } from "./contender.ts";
import type { LeftOut, Measurement } from "./rounds.ts";
import {
  batchedForward,
  firstTokens,
  flopsOf,
  largestGeneration,
  type NamedWork,
  tokensOf,
} from "./works.ts";

export const OURS = "homeport";
/** What a user without a GPU has instead: shown beside the others, but no peer. */
export const PLAIN = "pytorch-cpu";

/** What --json prints of one work in one library. */
export interface Row extends Partial<Details> {
  work: string;
  shape: string;
  engine: string;
  medianMs: number;
  spreadMs: number;
  /** A time of each round. */
  samplesMs: number[];
  gflops?: number;
  tokensPerSecond?: number;
  /** Where the numbers come from when nothing was measured here. */
  quoted?: string;
}

/** What --json prints of a library that a work was not measured in. */
export interface LeftOutRow extends Omit<LeftOut, "work"> {
  work: string;
  shape: string;
}

// torchlette is in no registry, so it cannot be installed and measured beside the others.
const QUOTED = "issue 3: medians on a quiet machine of two cores over lavapipe; not measured here";
const quotedTokensPerSecond: Record<number, number> = { 1: 6.8, 16: 36 };

export function rowOf({ name, shape, work }: NamedWork, measurement: Measurement): Row {
  const { engine, medianMs, spreadMs, samplesMs, details } = measurement;
  const flops = flopsOf(work), tokens = tokensOf(work);
  return {
    work: name,
    shape,
    engine,
    medianMs,
    spreadMs,
    samplesMs,
    ...(flops && { gflops: flops / medianMs / 1e6 }),
    ...(tokens && { tokensPerSecond: tokens / medianMs * 1000 }),
    ...details,
  };
}

/** What others have measured of a work in a library that cannot be measured here. */
export function quotedRows({ name, shape, work }: NamedWork): Row[] {
  if (work.kind !== "generation") return [];
  const tokensPerSecond = quotedTokensPerSecond[work.sequences];
  if (tokensPerSecond === undefined) return [];
  const medianMs = work.sequences * work.newTokens / tokensPerSecond * 1000;
  return [{
    work: name,
    shape,
    engine: "torchlette",
    medianMs,
    spreadMs: 0,
    samplesMs: [],
    tokensPerSecond,
    quoted: QUOTED,
  }];
}

/**
 * How many times as fast as the best peer Homeport is, by work and shape. Ratios to quoted numbers are named so;
 * those to Homeport's own batched forward compare the rates at which tokens are drawn and pass at once.
 */
export function ratiosOf(rows: readonly Row[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const ours of rows.filter(({ engine }) => engine === OURS)) {
    const name = `${ours.work} ${ours.shape}`;
    const peers = rows.filter((row) =>
      row.engine !== OURS && row.engine !== PLAIN && row.work === ours.work &&
      row.shape === ours.shape
    );
    const measured = peers.filter(({ quoted }) => !quoted);
    if (measured.length) ratios[name] = fastest(measured) / ours.medianMs;
    else if (peers.length) ratios[`${name}, to a quoted number`] = fastest(peers) / ours.medianMs;
  }
  return { ...ratios, ...generationRatios(rows) };
}

/**
 * New tokens of the whole call, and of its steps alone, against as many tokens in one forward: the median over the
 * rounds, in each of which the machine had one pace.
 */
function generationRatios(rows: readonly Row[]): Record<string, number> {
  const find = (wanted: NamedWork) =>
    rows.find(({ engine, shape }) => engine === OURS && shape === wanted.shape)?.samplesMs;
  const whole = find(largestGeneration), first = find(firstTokens), forward = find(batchedForward);
  if (!whole || !first || !forward) return {};
  const { newTokens } = largestGeneration.work;
  const ofSteps = (newTokens - 1) / newTokens; // the first token comes with the prompts
  const name = `generation ${largestGeneration.shape}`;
  const ratio = (of: (round: number) => number) =>
    timingOf(forward.map((_, round) => of(round))).median;
  return {
    [`${name}, to one forward`]: ratio((i) => forward[i] / whole[i]),
    [`${name}, after the first, to one forward`]: ratio((i) =>
      forward[i] * ofSteps / (whole[i] - first[i])
    ),
  };
}

const fastest = (rows: readonly Row[]) => Math.min(...rows.map(({ medianMs }) => medianMs));

export function heading(adapter: string, { flops, bytes }: Ceilings): string[] {
  return [
    adapter,
    `ceilings in this run: ${giga(flops)} GFLOP/s of fused multiply-adds, ${
      giga(bytes)
    } GB/s copied`,
    "",
    line("work", "shape", "engine", "median ms", "rate", "ceiling", "ratio"),
  ];
}

/** Ratios that stand in no line of the table. */
export function ratioLines(ratios: Record<string, number>): string[] {
  const lines = Object.entries(ratios).filter(([name]) => name.includes(", to "));
  return lines.map(([name, ratio]) => `${name}: ${ratio.toFixed(2)}×`);
}

/** The lines of one work. The ratio, in our line, is that to the best peer. */
export function tableLines(rows: readonly Row[], { flops }: Ceilings): string[] {
  const ratios = ratiosOf(rows);
  return rows.map((row) => {
    const { work, shape, engine, medianMs, spreadMs, gflops, tokensPerSecond } = row;
    const rate = gflops !== undefined
      ? `${gflops.toFixed(1)} GFLOP/s`
      : `${(tokensPerSecond ?? 0).toFixed(0)} tokens/s`;
    const share = gflops === undefined ? "" : `${(gflops * 1e11 / flops).toFixed(0)} %`;
    const ratio = engine === OURS ? ratios[`${work} ${shape}`] : undefined;
    const time = `${medianMs.toFixed(2)} ± ${spreadMs.toFixed(2)}`;
    return line(work, shape, engine, time, rate, share, ratio ? `${ratio.toFixed(2)}×` : "") +
      detailText(row);
  });
}

export function leftOutLine({ work, shape, engine, reason }: LeftOutRow): string {
  return `${line(work, shape, engine)} ${reason}`;
}

function detailText(row: Row): string {
  if (row.quoted) return `  quoted, ${row.quoted}`;
  if (row.tokensPerSecond === undefined || row.scriptMs === undefined) return "";
  const { scriptMs, medianMs, buffersCreated, bindGroupsCreated, pipelinesCreated } = row;
  const share = (100 * scriptMs / medianMs).toFixed(1);
  return `  JavaScript ${
    scriptMs.toFixed(1)
  } ms (${share} %); created ${buffersCreated} buffers, ` +
    `${bindGroupsCreated} bind groups, ${pipelinesCreated} pipelines`;
}

/** Columns that are not given are left away. */
function line(...columns: string[]): string {
  const widths = [-19, -22, -11, 17, 15, 7, 7]; // negative ones are filled up on the right
  return columns.map((text, i) =>
    widths[i] < 0 ? text.padEnd(-widths[i]) : text.padStart(widths[i])
  ).join(" ");
}

const giga = (x: number) => (x / 1e9).toFixed(1);
