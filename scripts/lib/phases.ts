// The phases of the method, each from models and token ids to a trained model with its metrics and checkpoints.
import type { LoraOptions } from "../../engine/nn/adapter.ts";
import { copyModel, type Model } from "../../engine/nn/model.ts";
import type { Tokenizer } from "../../engine/nn/tokenizer.ts";
import type { BatchSettings } from "../../engine/rl/batch-trainer.ts";
import {
  type Answer,
  answerPrompts,
  type EvaluationPrompt,
  type EvaluationSettings,
  type Judges,
} from "../../engine/rl/evaluation.ts";
import { PolicyTrainer } from "../../engine/rl/policy-trainer.ts";
import type { ResetSource } from "../../engine/rl/resets.ts";
import {
  centreScores,
  newRewardModel,
  type Pair,
  rankPairs,
  type RewardSettings,
  RewardTrainer,
} from "../../engine/rl/reward-model.ts";
import { type Demonstration, SupervisedTrainer } from "../../engine/rl/sft.ts";
import { type ProgressOutput, withProgress } from "../host/progress.ts";
import type { RunFolder } from "../host/run-folder.ts";
import { trainable } from "./adapters.ts";
import { type Cost, curvePoint, episodeSamples } from "./results.ts";
import type { RunSettings } from "./settings.ts";
import { wholeSequence } from "./task.ts";
import { train } from "./train.ts";

/** Where a phase writes. */
export interface Place {
  folder: RunFolder;
  progress: ProgressOutput;
}

/** SFT from `base`. */
export async function trainSft(
  { folder, progress }: Place,
  base: Model,
  data: readonly Demonstration[],
  settings: BatchSettings,
  lora: LoraOptions | null,
): Promise<{ model: Model; seconds: number }> {
  const model = trainable(base, lora, settings.seed);
  const trainer = new SupervisedTrainer(model, data, settings);
  return { model, seconds: await train(folder, "sft", trainer, 20, undefined, progress) };
}

/** A reward model on the trunk of `start`; its scores are shifted so that the references average 0. */
export async function trainReward(
  { folder, progress }: Place,
  start: Model,
  pairs: readonly Pair[],
  references: readonly ResetSource[],
  settings: RewardSettings,
  lora: LoraOptions | null,
): Promise<{ model: Model; seconds: number }> {
  const model = rewardOn(start, lora, settings.seed);
  const trainer = new RewardTrainer(model, pairs, settings);
  const seconds = await train(folder, "reward", trainer, 50, undefined, progress);
  const sequences = references.map(wholeSequence);
  await withProgress(
    "centring scores",
    sequences.length,
    "references",
    (advance) => centreScores(model, sequences, settings.microTokens, advance),
    progress,
  );
  return { model, seconds };
}

/** A reward model to train on the trunk of `start`. */
export function rewardOn(start: Model, lora: LoraOptions | null, seed: number): Model {
  if (!lora) return newRewardModel(start, seed);
  const trunk = trainable(start, lora, seed);
  const model = newRewardModel(trunk, seed);
  trunk.parameters.release();
  return model;
}

/** Which held-out pairs a reward model ranks as the label says, by `rankPairs`. */
export function rankHeldOut(
  { progress }: Pick<Place, "progress">,
  reward: Model,
  pairs: readonly Pair[],
  microTokens: number,
): Promise<number[]> {
  const work = (advance: (units: number) => void) => rankPairs(reward, pairs, microTokens, advance);
  return withProgress("held-out pairs", 2 * pairs.length, "answers", work, progress);
}

/** Samples and measures responses without resets; with a `title` under a progress bar. */
export type Answering = (
  policy: Model,
  prompts: readonly EvaluationPrompt[],
  title?: string,
) => Promise<Answer[]>;

/** The score where there is no reward model; it is left out of all results. */
export const unscored = (): number => 0;

export function answering(
  { progress }: Pick<Place, "progress">,
  judges: Judges,
  settings: EvaluationSettings,
): Answering {
  return (policy, prompts, title) => {
    if (title === undefined) return answerPrompts(policy, prompts, judges, settings);
    const work = (advance: (units: number) => void) =>
      answerPrompts(policy, prompts, judges, settings, advance);
    return withProgress(`${title} on test prompts`, prompts.length, "prompts", work, progress);
  };
}

/** What policy optimization starts from and looks at. */
export interface PolicyStart {
  /** The policy starts from the reference. */
  reference: Model;
  reward: Model;
  resets: readonly ResetSource[];
  /** Prompts for the curves. */
  validation: readonly EvaluationPrompt[];
  tokenizer: Tokenizer;
  gold: ((response: string) => number) | null;
  answer: Answering;
  /** What is trained of policy and critic: adapters, or all weights where null. */
  lora: LoraOptions | null;
}

type PolicyPhase = Pick<
  RunSettings,
  "policy" | "sharedTrunk" | "evaluateEvery" | "checkpointEvery"
>;

/**
 * PPO from the reference policy whose episodes are reset with probability β: DR-PO. The critic starts from the
 * reward model, unless it shares the policy's trunk.
 */
export async function trainPolicy(
  { folder, progress }: Place,
  method: "drpo" | "ppo",
  { reference, reward, resets, validation, tokenizer, gold, answer, lora }: PolicyStart,
  { policy: settings, sharedTrunk, evaluateEvery, checkpointEvery }: PolicyPhase,
  onUpdate?: (trainer: PolicyTrainer) => Promise<void>,
): Promise<{ policy: Model; cost: Cost }> {
  const models = policyModels({ reference, reward, lora }, { policy: settings, sharedTrunk });
  const trainer = new PolicyTrainer(models, resets, settings);
  const seconds = await train(folder, method, trainer, checkpointEvery, async (step) => {
    await onUpdate?.(trainer);
    for (const sample of episodeSamples(method, trainer, tokenizer, gold)) folder.sample(sample);
    const look = step % evaluateEvery === 0 || step === trainer.steps;
    const { episodes, generatedTokens } = trainer;
    const spent = { episodes, generatedTokens };
    return look ? { ...spent, ...curvePoint(await answer(models.policy, validation)) } : spent;
  }, progress);
  const cost = { generatedTokens: trainer.generatedTokens, seconds };
  return { policy: policyAlone(models), cost };
}

/** The models of policy optimization: policy and critic are new, and one where they share a trunk. */
export function policyModels(
  { reference, reward, lora }: Pick<PolicyStart, "reference" | "reward" | "lora">,
  { policy: { seed }, sharedTrunk }: Pick<RunSettings, "policy" | "sharedTrunk">,
) {
  const start = trainable(reference, lora, seed);
  if (!sharedTrunk) {
    return { policy: start, value: trainable(reward, lora, seed), reference, reward };
  }
  const policy = copyModel(start, { score: true });
  start.parameters.release();
  return { policy, value: policy, reference, reward };
}

/**
 * What is left when training is over: the policy. The critic's head is of no use to those who load it, and makes
 * it look like a reward model.
 */
export function policyAlone({ policy, value }: Record<"policy" | "value", Model>): Model {
  const alone = value === policy ? copyModel(policy, { score: false, trainable: false }) : policy;
  value.parameters.release();
  return alone;
}
