// `--memory`: the phases of scripts/lib/phases.ts gone through without computing, before they start.
import type { LoraOptions } from "../../engine/nn/adapter.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import type { GenerationRequest } from "../../engine/nn/generation.ts";
import type { Model } from "../../engine/nn/model.ts";
import type { BatchSettings } from "../../engine/rl/batch-trainer.ts";
import { type DirectPreferenceSettings, DirectPreferenceTrainer } from "../../engine/rl/dpo.ts";
import type { EvaluationPrompt, EvaluationSettings } from "../../engine/rl/evaluation.ts";
import { rollOutRequests } from "../../engine/rl/episodes.ts";
import {
  fullestMicroBatch,
  longestStarts,
  Rehearsal,
  rehearseUpdate,
} from "../../engine/rl/rehearsal.ts";
import type { ResetSource } from "../../engine/rl/resets.ts";
import {
  type Pair,
  pairTokens,
  type RewardSettings,
  RewardTrainer,
} from "../../engine/rl/reward-model.ts";
import { type Demonstration, demonstrationTokens, SupervisedTrainer } from "../../engine/rl/sft.ts";
import type { Output } from "../host/output.ts";
import { trainable } from "./adapters.ts";
import { checkPlan, renderPlan } from "./memory-table.ts";
import { policyAlone, policyModels, rewardOn } from "./phases.ts";
import { evaluationSettings, type RunSettings } from "./settings.ts";
import type { Task } from "./task.ts";
import { titles } from "./train.ts";

/**
 * Where `--memory` is given: goes through a run's phases and prints what they take. Throws where that is more.
 */
export async function planMemory(
  { memory }: { memory?: number },
  { note }: Output,
  engine: Engine,
  phases: (rehearsal: Rehearsal) => Promise<unknown>,
): Promise<void> {
  if (memory === undefined) return;
  const rehearsal = new Rehearsal(engine);
  await phases(rehearsal);
  note(renderPlan(rehearsal.phases, memory));
  checkPlan(rehearsal.phases, memory);
}

export async function planSft(
  rehearsal: Rehearsal,
  base: Model,
  data: readonly Demonstration[],
  settings: BatchSettings,
  lora: LoraOptions | null,
): Promise<Model> {
  const model = trainable(base, lora, settings.seed);
  const rows = fullestMicroBatch(data, demonstrationTokens, settings);
  const trainer = new SupervisedTrainer(model, rows, inOnePiece(settings, rows));
  await rehearsal.run({ phase: titles.sft, models: [base, model], train: () => trainer.advance() });
  return model;
}

export async function planReward(
  rehearsal: Rehearsal,
  start: Model,
  pairs: readonly Pair[],
  settings: RewardSettings,
  lora: LoraOptions | null,
): Promise<Model> {
  const model = rewardOn(start, lora, settings.seed);
  const rows = fullestMicroBatch(pairs, pairTokens, settings);
  const trainer = new RewardTrainer(model, rows, inOnePiece(settings, rows));
  const models = [start, model];
  await rehearsal.run({ phase: titles.reward, models, train: () => trainer.advance() });
  return model;
}

export async function planDpo(
  rehearsal: Rehearsal,
  base: Model,
  { pairs, prompts }: { pairs: readonly Pair[]; prompts: readonly EvaluationPrompt[] },
  settings: DirectPreferenceSettings,
  answers: EvaluationSettings,
  lora: LoraOptions | null,
): Promise<void> {
  const model = trainable(base, lora, settings.seed);
  const rows = fullestMicroBatch(pairs, pairTokens, settings);
  const trainer = new DirectPreferenceTrainer(model, base, rows, inOnePiece(settings, rows));
  await rehearsal.run({
    phase: titles.dpo,
    models: [base, model],
    train: () => trainer.advance(),
    generator: model,
    requests: [answerRequests(prompts, answers)],
  });
}

/** What a plan of policy optimization looks at. */
export interface PolicyPlan {
  reference: Model;
  reward: Model;
  resets: readonly ResetSource[];
  /** All prompts that are answered on the way and at the end. */
  prompts: readonly EvaluationPrompt[];
  lora: LoraOptions | null;
}

export async function planPolicy(
  rehearsal: Rehearsal,
  method: "drpo" | "ppo",
  { reference, reward, resets, prompts, lora }: PolicyPlan,
  run: RunSettings,
): Promise<void> {
  const { policy: settings } = run;
  const models = policyModels({ reference, reward, lora }, run);
  const starts = longestStarts(resets, settings);
  await rehearsal.run({
    phase: titles[method],
    models: [reference, reward, models.policy, models.value],
    train: () => rehearseUpdate(models, resets, starts, settings),
    generator: models.policy,
    requests: [
      rollOutRequests(resets, starts, settings.responseTokens),
      answerRequests(prompts, evaluationSettings(run)),
    ],
  });
  rehearsal.forget(models.value);
  const alone = policyAlone(models);
  rehearsal.keep(alone);
}

/** The whole method of scripts/main.ts, whose models stay until it ends. */
export async function planMain(
  rehearsal: Rehearsal,
  base: Model,
  { references, pairs, resets, validation, test }: Task,
  run: RunSettings,
  lora: LoraOptions | null,
): Promise<void> {
  const start = rehearsal.model(base);
  const reference = await planSft(rehearsal, start, references, run.sft, lora);
  const reward = await planReward(rehearsal, reference, pairs.train, run.reward, lora);
  const prompts = [
    ...validation.slice(0, run.validationPrompts),
    ...test.slice(0, run.testPrompts),
  ];
  const from = { reference, reward, resets, prompts, lora };
  await planPolicy(rehearsal, "drpo", from, run);
  await planPolicy(rehearsal, "ppo", from, { ...run, policy: { ...run.policy, beta: 0 } });
}

/** Settings under which all `rows` are one micro-batch. */
function inOnePiece<S extends BatchSettings>(settings: S, rows: readonly unknown[]): S {
  return { ...settings, batchSize: rows.length, microTokens: Infinity };
}

/** The batch of answers with the longest prompts. */
function answerRequests(
  prompts: readonly EvaluationPrompt[],
  { batchRows, responseTokens: newTokens }: EvaluationSettings,
): GenerationRequest[] {
  return prompts.toSorted((a, b) => b.promptIds.length - a.promptIds.length).slice(0, batchRows)
    .map(({ promptIds: context }, episode) => ({ context, newTokens, episode }));
}
