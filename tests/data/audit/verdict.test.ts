import { expect, test } from "bun:test";
import { auditData, type DataAudit } from "../../../data/audit/data-audit.ts";
import type { ModelAudit } from "../../../data/audit/model-audit.ts";
import { judge } from "../../../data/audit/verdict.ts";
import { readDataset } from "../../../data/dataset.ts";
import { bytesSource } from "../../../engine/nn/bytes.ts";
import { seededRandom } from "../../../engine/ops/seeded-random.ts";

const random = seededRandom(1);
const words = (count: number) =>
  Array.from({ length: count }, () => Math.floor(1e6 * random()).toString(36)).join(" ");

/** Sound data: chosen is as often the longer response as the shorter one. */
async function soundAudit(change: (row: Record<string, string>, i: number) => void = () => {}) {
  const rows = Array.from({ length: 1200 }, (_, i) => {
    const [longer, shorter] = [` ${words(9)}`, ` ${words(7)}`];
    const [chosen, rejected] = i % 2 ? [longer, shorter] : [shorter, longer];
    const row = { prompt: `Say ${words(4)}:`, chosen, rejected };
    change(row, i);
    return row;
  });
  const text = rows.map((row) => JSON.stringify(row)).join("\n");
  const file = bytesSource("rows.jsonl", new TextEncoder().encode(text));
  const dataset = await readDataset("rows", [file], { skipBadRows: true });
  const fractions = { train: 0.85, validation: 0.05, test: 0.1 };
  return auditData(dataset, { fractions, splitSeed: 1, seed: 1 });
}

const estimate = (mean: number, half = 0.01) => ({ mean, low: mean - half, high: mean + half });
const coverage = { references: 9, logProbability: estimate(-1), covered: estimate(0.9) };
const reward = {
  trainPairs: 1000,
  testPairs: 100,
  steps: 60,
  accuracy: estimate(0.7),
  bagOfWords: estimate(0.6),
  longer: estimate(0.5),
  advantage: estimate(0.5, 0.1),
  prompts: 48,
};
const SOUND: ModelAudit = { model: "m", coverage, reward };

test("sound data are fit, without and with a model, and nothing is held against them", async () => {
  const data = await soundAudit();
  expect(judge(data, null)).toEqual({ fitness: "fit", findings: [] });
  expect(judge(data, SOUND)).toEqual({ fitness: "fit", findings: [] });
});

const changes: [name: string, fitness: string, text: string, change: (data: DataAudit) => void][] =
  [
    ["few pairs", "fit with care", "999 preference pairs", (data) => data.counts.pairs = 999],
    ["hardly any", "not fit", "50 preference pairs", (data) => data.counts.pairs = 50],
    ["no pairs", "fit with care", "demonstrations", (data) => data.counts.pairs = 0],
    ["few prompts", "not fit", "5 different prompts", (data) => data.counts.prompts = 5],
    ["malformed rows", "fit with care", "2.0 % (24 of 1200)", (data) => data.counts.bad = 24],
    ["repeats", "not fit", "repeat another", (data) => data.counts.duplicates = 700],
    [
      "leaks",
      "fit with care",
      "share their prompt",
      (data) => Object.assign(data.leakage, { prompts: 1 }),
    ],
    [
      "memory",
      "not fit",
      "training rows hold too",
      (data) => Object.assign(data.leakage, { responses: 90 }),
    ],
    ["length", "not fit", "won by the longer", (data) => data.lengths.longerWins = estimate(0.95)],
    [
      "brevity",
      "fit with care",
      "won by the shorter",
      (data) => data.lengths.longerWins = estimate(0.3),
    ],
    ["one unit", "not fit", "reset states", (data) => data.states.states = data.states.references],
    [
      "overlong",
      "not fit",
      "longer than the run's",
      (data) => data.lengths.overlongResponses = 0.8,
    ],
    [
      "circles",
      "not fit",
      "circle",
      (data) => Object.assign(data.labels, { triples: 50, circular: 14 }),
    ],
  ];
for (const [name, fitness, text, change] of changes) {
  test(`${name}: ${fitness}`, async () => {
    const data = await soundAudit();
    change(data);
    const verdict = judge(data, null);
    expect(verdict.fitness as string).toBe(fitness);
    expect(verdict.findings.map((finding) => finding.text).join()).toContain(text);
    expect(verdict.findings.every(({ why }) => why.length > 20)).toBe(true);
  });
}

test("an interval that reaches into the middle says nothing about length", async () => {
  const data = await soundAudit();
  data.lengths.longerWins = estimate(0.65, 0.1);
  expect(judge(data, null).findings).toEqual([]);
});

test("what a model says: coverage, accuracy of both judges, advantage", async () => {
  const data = await soundAudit();
  const texts = (model: ModelAudit) => judge(data, model).findings.map(({ text }) => text).join();
  const covered = (share: number) => ({
    ...SOUND,
    coverage: { ...coverage, covered: estimate(share) },
  });
  expect(texts(covered(0.4))).toContain("covers only 40.0 %");
  expect(judge(data, covered(0.1)).fitness).toBe("not fit");
  const accuracy = estimate(0.5);
  expect(texts({ ...SOUND, reward: { ...reward, accuracy } })).toBe("");
  expect(texts({ ...SOUND, reward: { ...reward, accuracy, bagOfWords: accuracy } })).toContain(
    "coin",
  );
  const worse = { ...reward, advantage: estimate(-1) };
  expect(texts({ ...SOUND, reward: worse })).toContain("worse than the model's own answers");
  const weak = { ...worse, accuracy: estimate(0.57, 0.1) };
  expect(texts({ ...SOUND, reward: weak })).toBe("");
  const unclear = { ...reward, advantage: estimate(0.1, 0.2) };
  expect(texts({ ...SOUND, reward: unclear })).toContain("not clearly better");
});

test("what could not be measured asks for care, and names the reason", async () => {
  const data = await soundAudit();
  const unmeasured = { unmeasured: "the sky fell" };
  const partial: Partial<ModelAudit>[] = [
    { coverage: unmeasured },
    { reward: unmeasured },
    { reward: { ...reward, advantage: unmeasured } },
  ];
  for (const part of partial) {
    const { fitness, findings } = judge(data, { ...SOUND, ...part });
    expect(fitness).toBe("fit with care");
    expect(findings.map(({ text }) => text)).toEqual([
      expect.stringContaining("not measured: the sky fell"),
    ]);
  }
  data.leakage = unmeasured;
  expect(judge(data, SOUND)).toMatchObject({
    fitness: "not fit",
    findings: [{ text: "the sky fell" }],
  });
});

test("real damage in the rows reaches the verdict", async () => {
  const data = await soundAudit((row, i) => {
    if (i % 10 === 0) row["chosen"] = ` ${words(3)} donâ€™t ${words(4)}`;
  });
  expect(judge(data, null).findings[0].text).toContain("mojibake");
});
