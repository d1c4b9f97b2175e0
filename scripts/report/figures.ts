import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Estimate } from "../../engine/rl/statistics.ts";
import { formatNumber, mainScore, presentMethods } from "./measures.ts";
import { Markup, markup } from "./markup.ts";
import { type MethodName, methodTitles, type Metric, type Results, type Run } from "./types.ts";

/** Colours are the page's CSS variables, so that figures follow its light and dark scheme. */
const colour = (method: MethodName) => `var(--${method})`;
const labelStyle = {
  fontWeight: 650,
  fill: "currentColor",
  stroke: "var(--surface)",
  strokeWidth: 4,
};

type CurveKey = "reward" | "gold" | "kl";
type SpentKey = "episodes" | "generatedTokens";
type PolicyPhase = "ppo" | "drpo";

const policyPhases: PolicyPhase[] = ["ppo", "drpo"];
const spentLabels: Record<SpentKey, string> = {
  episodes: "episodes",
  generatedTokens: "generated tokens",
};
const curveLabels: Record<CurveKey, string> = {
  reward: "reward-model score",
  gold: "gold score",
  kl: "KL to SFT (nats per response)",
};

interface Point {
  method: PolicyPhase;
  x: number;
  y: number;
}

/** The training curve of each method: `y` over what was spent; null where there is no such data. */
export function curve(metrics: Metric[], y: CurveKey, x: SpentKey): Markup | null {
  const lines = policyPhases.map((method) => points(metrics, method, x, y))
    .filter((line) => line.length > 0);
  if (lines.length === 0) return null;
  return figure(curveLabels[y], {
    width: 500,
    height: 230,
    x: { label: spentLabels[x], tickFormat: thousands, ticks: 6, zero: true },
    y: { label: null, grid: true, nice: true, ticks: 5 },
    marks: lines.map((line) => {
      const stroke = colour(line[0]!.method);
      const strokeDasharray = line[0]!.method === "ppo" ? "6 3" : undefined;
      return [
        Plot.line(line, { x: "x", y: "y", stroke, strokeDasharray, strokeWidth: 2.2 }),
        Plot.dot([line.at(-1)!], { x: "x", y: "y", r: 3.5, fill: stroke }),
      ];
    }).flat(),
  });
}

/** PPO and DR-PO often end close to each other: their names stand on opposite sides. */
const labelPlaces = {
  sft: { dx: 11, dy: -12, textAnchor: "start" },
  ppo: { dx: -10, dy: 15, textAnchor: "end" },
  drpo: { dx: 10, dy: -13, textAnchor: "start" },
} as const;

/** The score bought for each nat of KL: the evaluated methods over the paths of their training. */
export function frontier({ results, metrics }: Pick<Run, "results" | "metrics">): Markup | null {
  const score = mainScore(results);
  const finals = presentMethods(results).flatMap(({ name: method, result }) => {
    const estimate = result[score.key];
    return estimate ? [{ method, kl: result.kl, score: estimate }] : [];
  });
  if (finals.length === 0) return null;
  const paths = policyPhases.flatMap((method) => points(metrics, method, "kl", score.key));
  return figure(`${score.name} against KL`, {
    width: 760,
    height: 380,
    marginRight: 70,
    x: { label: "KL to SFT (nats per response)", zero: true, nice: true, grid: true },
    y: { label: null, nice: true, grid: true },
    marks: [
      Plot.dot(paths, {
        x: "x",
        y: "y",
        r: 2.5,
        fill: ({ method }) => colour(method),
        fillOpacity: 0.4,
      }),
      ...finals.flatMap(({ method, kl, score }) => {
        const point = { x: kl.mean, y: score.mean };
        const bar = { stroke: colour(method), strokeWidth: 2 };
        const place = { x: "x", y: "y", ...labelPlaces[method] };
        return [
          Plot.ruleX([point], { x: "x", y1: score.low, y2: score.high, ...bar }),
          Plot.ruleY([point], { y: "y", x1: kl.low, x2: kl.high, ...bar }),
          Plot.dot([point], {
            x: "x",
            y: "y",
            r: 6.5,
            fill: colour(method),
            stroke: "var(--surface)",
          }),
          Plot.text([point], {
            ...place,
            text: () => methodTitles[method],
            ...labelStyle,
            fill: colour(method),
            fontSize: 13,
          }),
        ];
      }),
    ],
  });
}

export interface ForestRow {
  title: string;
  colour: string;
  estimate: Estimate;
}

/** Estimates under each other as dots with their intervals, the number above each. */
export function forest(title: string, rows: ForestRow[], digits: number, scale = 1): Markup {
  const data = rows.map(({ title, colour, estimate }) => ({
    title,
    colour,
    mean: estimate.mean * scale,
    low: estimate.low * scale,
    high: estimate.high * scale,
  }));
  const bar = { strokeWidth: 4, strokeLinecap: "round", strokeOpacity: 0.5 } as const;
  const mean = { x: "mean", y: "title" };
  return figure(title, {
    width: 318,
    height: 34 + 46 * rows.length,
    marginTop: 8,
    marginLeft: 58,
    marginBottom: 26,
    x: { label: null, nice: true, ticks: 5, insetLeft: 14, insetRight: 14 },
    y: { type: "band", domain: data.map(({ title }) => title), label: null },
    color: { type: "identity" },
    marks: [
      Plot.gridX({ ticks: 5 }),
      Plot.axisY({ tickSize: 0, fontSize: 12.5, fontWeight: 600, label: null }),
      Plot.link(data, { x1: "low", x2: "high", y: "title", stroke: "colour", ...bar }),
      Plot.dot(data, { ...mean, r: 6, fill: "colour" }),
      Plot.text(data, {
        ...mean,
        text: (row) => formatNumber(row.mean, digits),
        dy: -14,
        ...labelStyle,
      }),
    ],
  });
}

/** The three questions of a run in one row: is it better, is it still close, is it still varied. */
export function summary(results: Results): Markup[] {
  const { key, name } = mainScore(results);
  const panel = (title: string, key: "gold" | "reward" | "kl" | "distinct2", digits: number) => {
    const rows = presentMethods(results).flatMap(({ name: method, result }) => {
      const estimate = result[key];
      return estimate ? [{ title: methodTitles[method], colour: colour(method), estimate }] : [];
    });
    return rows.length ? [forest(title, rows, digits)] : [];
  };
  return [
    ...panel(`${name}: higher is better`, key, 3),
    ...panel("KL to SFT (nats): lower is better", "kl", 1),
    ...panel("distinct-2 (variety): higher is better", "distinct2", 2),
  ];
}

function points(
  metrics: Metric[],
  method: PolicyPhase,
  x: SpentKey | CurveKey,
  y: CurveKey,
): Point[] {
  return metrics.flatMap((record) => {
    const [px, py] = [record[x], record[y]];
    const missing = record.phase !== method || px === undefined || py === undefined;
    return missing ? [] : [{ method, x: px, y: py }];
  });
}

const thousands = (value: number) => value.toLocaleString("en");

/** A drawing under its title. */
function figure(title: string, options: Plot.PlotOptions): Markup {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const plot = Plot.plot({
    document,
    ariaLabel: title,
    marginTop: 12,
    marginBottom: 40,
    style: { fontSize: "12px", fontFamily: "inherit", background: "none" },
    ...options,
  });
  plot.setAttribute("role", "img");
  return markup`<figure><figcaption>${title}</figcaption>${new Markup(plot.outerHTML)}</figure>`;
}
