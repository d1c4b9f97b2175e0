import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { copyModel } from "../../engine/nn/model.ts";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { type Answer, answerPrompts, summarize } from "../../engine/rl/evaluation.ts";
import { newRewardModel, scoreSequences } from "../../engine/rl/reward-model.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { testEngine } from "../support/engine.ts";
import { storyteller, tinySources } from "../support/tiny.ts";

const settings = { temperature: 1, responseTokens: 6, microTokens: 50, batchRows: 3, seed: 2 };

async function setUp() {
  const base = await storyteller(await testEngine());
  const folder = openFolder(fileURLToPath(new URL("../../data/storyteller", import.meta.url)));
  const judges = {
    reference: base,
    reward: newRewardModel(base, 1),
    tokenizer: await loadTokenizer(folder),
    gold: (text: string) => text.length,
  };
  const prompts = tinySources(7).map((source, i) => ({ ...source, prompt: `${i}`, reference: "" }));
  return { base, judges, prompts };
}

test("the policy's KL to itself is 0, and the rewards are those of the whole sequences", async () => {
  const { base, judges, prompts } = await setUp();
  const answers = await answerPrompts(base, prompts, judges, settings);
  expect(answers.length).toBe(7);
  for (const { kl, text, gold, tokens, ended } of answers) {
    expect(Math.abs(kl)).toBeLessThan(1e-3);
    expect(gold).toBe(text.length);
    expect(tokens.length).toBeLessThanOrEqual(6);
    expect(ended).toBe(tokens.at(-1) === 0);
    expect(text).toBe(judges.tokenizer.decodeContinuation(tokens));
  }
  const sequences = answers.map(({ tokens }, i) => [...prompts[i].promptIds, ...tokens]);
  const scores = await scoreSequences(judges.reward, sequences, 1000);
  answers.forEach(({ reward }, i) => expect(Math.abs(reward - scores[i])).toBeLessThan(1e-4));
});

test("answers do not depend on how the prompts are batched, and KL sees another policy", async () => {
  const { base, judges, prompts } = await setUp();
  const other = copyModel(base);
  const norm = other.parameters.get("model.norm.weight");
  other.parameters.engine.write(norm, (await norm.read()).map((x) => 1.5 * x));
  const one = await answerPrompts(other, prompts, judges, { ...settings, batchRows: 100 });
  const two = await answerPrompts(other, prompts, judges, { ...settings, batchRows: 2 });
  expect(two.map(({ tokens }) => tokens)).toEqual(one.map(({ tokens }) => tokens));
  expect(one.reduce((sum, { kl }) => sum + kl, 0)).toBeGreaterThan(0.1);
});

test("a summary is the mean over prompts with its interval; without gold it has none", () => {
  const answer = (i: number): Answer => ({
    text: "",
    tokens: [i, 5, i, 5, 6],
    ended: i % 4 !== 0,
    reward: i,
    kl: 2 * i,
    gold: null,
  });
  const summary = summarize(Array.from({ length: 40 }, (_, i) => answer(i)), 1);
  expect(summary.gold).toBeNull();
  expect(summary.reward.mean).toBeCloseTo(19.5);
  expect(summary.reward.low).toBeLessThan(19.5);
  expect(summary.klPerToken.mean).toBeCloseTo(2 * 19.5 / 5);
  expect(summary.ended.mean).toBeCloseTo(0.75);
  // Of 160 bigrams: (i 5) and (5 i) of 38 answers, (5 5) once, (6 5) once, and (5 6) once for all.
  expect(summary.distinct2.mean).toBeCloseTo(79 / 160);
});
