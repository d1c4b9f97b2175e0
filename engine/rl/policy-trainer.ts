import { AdamW, type AdamWSettings } from "../nn/optimizer.ts";
import { PolicyStatistic, ValueStatistic } from "../ops/ppo.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkRoles, clippedGradients, type ClippedSettings } from "./clipped-update.ts";
import { type Episode, paddedLength, rollOut } from "./episodes.ts";
import {
  type Experience,
  type ExperienceSettings,
  type Models,
  scoreEpisodes,
  type ScoringReport,
} from "./experience.ts";
import { checkDecoding, checkFinite, checkFirstLook, checkLoss } from "./gates.ts";
import { BatchOrder } from "./order.ts";
import { drawStarts, type PrefixLaw, type ResetSource } from "./resets.ts";
import { learningRate, type Schedule } from "./schedule.ts";
import { average, sum } from "./statistics.ts";
import {
  packState,
  type StepMetrics,
  type Trainer,
  trainingTensors,
  unpackState,
} from "./trainer.ts";

export interface PolicySettings extends ExperienceSettings, ClippedSettings {
  /** Probability that an episode is reset into an offline response; 0 is PPO, 1 the paper's DR-PO. */
  beta: number;
  law: PrefixLaw;
  updates: number;
  /** Episodes of one update. */
  episodes: number;
  /** Passes over the episodes of an update, and parts a pass is cut into. */
  epochs: number;
  minibatches: number;
  /** Longest response, with its forced prefix and its end token. */
  responseTokens: number;
  schedule: Schedule;
  optimizer: AdamWSettings;
  seed: number;
}

interface Counters {
  step: number;
  episodes: number;
  generatedTokens: number;
}

/**
 * DR-PO (Chang et al. 2024, arXiv:2404.08495): PPO whose episodes start, with probability β, inside an
 * offline response; with β = 0 it is PPO. One step is one update: starts, rollouts, scores, advantages,
 * then `epochs` passes of the clipped objective. Where `models.value` is `models.policy`, both share a trunk.
 */
export class PolicyTrainer implements Trainer {
  step = 0;
  readonly steps: number;
  episodes = 0;
  generatedTokens = 0;
  /** Episodes of the last update, for samples. */
  latest: { episodes: Episode[]; report: ScoringReport } | null = null;
  #policyOptimizer: AdamW;
  #valueOptimizer: AdamW | null;
  #order: BatchOrder;

  /** Trains `models.policy` and `models.value` in place. */
  constructor(
    readonly models: Models,
    readonly sources: readonly ResetSource[],
    readonly settings: PolicySettings,
  ) {
    this.steps = settings.updates;
    this.#policyOptimizer = new AdamW(models.policy.parameters, settings.optimizer);
    const shared = models.value === models.policy;
    this.#valueOptimizer = shared ? null : new AdamW(models.value.parameters, settings.optimizer);
    this.#order = new BatchOrder(sources.length, settings.episodes, settings.seed);
  }

  async advance(): Promise<StepMetrics> {
    const { settings, models } = this;
    const episodes = await this.#rollOut();
    const width = paddedLength(Math.max(...episodes.map(({ tokens }) => tokens.length)));
    const { experience, report } = await scoreEpisodes(models, episodes, width, settings);
    try {
      checkDecoding(episodes.flatMap(({ decodeLogProbs }) => [...decodeLogProbs]), report.logProbs);
      if (this.step === 0) await checkRoles(models, episodes, experience, settings);
      const losses = await this.#optimize(episodes, experience, report);
      this.latest = { episodes, report };
      this.episodes += episodes.length;
      this.generatedTokens += report.logProbs.length;
      this.step++;
      return { ...this.#describe(episodes, report), ...losses };
    } finally {
      for (const tensor of Object.values(experience)) tensor.engine.release(tensor);
    }
  }

  #rollOut(): Promise<Episode[]> {
    const { settings, sources, models: { policy } } = this;
    const starts = drawStarts(sources, this.#order, this.step, settings);
    const { temperature, seed } = settings;
    const { endTokens } = policy.config;
    return rollOut(policy, sources, starts, settings.responseTokens, {
      temperature,
      seed,
      endTokens,
    });
  }

  async #optimize(
    episodes: readonly Episode[],
    experience: Experience,
    report: ScoringReport,
  ): Promise<StepMetrics> {
    const { settings } = this;
    const rate = learningRate(settings.schedule, this.step, this.steps);
    const size = Math.ceil(episodes.length / settings.minibatches);
    const totals = {
      policy: new Float64Array(6),
      value: new Float64Array(6),
      loss: 0,
      norm: 0,
      passes: 0,
    };
    for (let epoch = 0; epoch < settings.epochs; epoch++) {
      for (let start = 0; start < episodes.length; start += size) {
        const range = [start, Math.min(start + size, episodes.length)] as const;
        const part = await clippedGradients(this.models, episodes, experience, range, settings);
        const { policyLoss, valueLoss } = part;
        const { policy, value } = this.models;
        await checkLoss("policy", this.step, { policyLoss }, policy.parameters);
        await checkLoss("value", this.step, { valueLoss }, value.parameters);
        if (this.step === 0 && epoch === 0 && start === 0) {
          checkFirstLook(firstLook(part.policy, report));
        }
        this.#policyOptimizer.step(rate);
        this.#valueOptimizer?.step(rate);
        totals.norm += await checkFinite("policy", this.step, this.#policyOptimizer);
        if (this.#valueOptimizer) await checkFinite("value", this.step, this.#valueOptimizer);
        part.policy.forEach((value, i) => totals.policy[i] += value);
        part.value.forEach((value, i) => totals.value[i] += value);
        totals.loss += policyLoss;
        totals.passes++;
      }
    }
    const { policy, value, passes } = totals;
    return {
      policyLoss: totals.loss / passes,
      valueError: value[ValueStatistic.SQUARED_ERROR] / value[ValueStatistic.TOKENS],
      approximateKl: policy[PolicyStatistic.KL] / policy[PolicyStatistic.TOKENS],
      clipFraction: policy[PolicyStatistic.CLIPPED] / policy[PolicyStatistic.TOKENS],
      ratio: policy[PolicyStatistic.RATIO] / policy[PolicyStatistic.TOKENS],
      gradientNorm: totals.norm / passes,
      learningRate: rate,
    };
  }

  #describe(episodes: readonly Episode[], report: ScoringReport): StepMetrics {
    const k1 = report.logProbs.map((x, i) => x - report.referenceLogProbs[i]);
    const share = (test: (episode: Episode) => boolean) =>
      episodes.filter(test).length / episodes.length;
    return {
      episodes: this.episodes,
      generatedTokens: this.generatedTokens,
      rolloutReward: average(report.scores),
      rolloutKl: sum(k1) / episodes.length,
      rolloutKlPerToken: average(k1),
      entropy: average(report.entropies),
      ended: share(({ ended }) => ended),
      resets: share(({ prefixLength }) => prefixLength > 0),
      tokensPerEpisode: report.logProbs.length / episodes.length,
    };
  }

  #tensors(): [string, Tensor][] {
    const value = this.#valueOptimizer ? trainingTensors("value", this.#valueOptimizer) : [];
    return [...trainingTensors("policy", this.#policyOptimizer), ...value];
  }

  save(): Promise<Uint8Array> {
    const { step, episodes, generatedTokens } = this;
    return packState(this.#tensors(), { step, episodes, generatedTokens } satisfies Counters);
  }

  async load(state: Uint8Array): Promise<void> {
    const { step, episodes, generatedTokens } = await unpackState<Counters>(this.#tensors(), state);
    Object.assign(this, { step, episodes, generatedTokens });
  }
}

function firstLook(policy: Float64Array, report: ScoringReport) {
  const tokens = policy[PolicyStatistic.TOKENS];
  const difference = report.logProbs.reduce(
    (sum, x, i) => sum + Math.abs(x - report.referenceLogProbs[i]),
    0,
  );
  return {
    ratio: policy[PolicyStatistic.RATIO] / tokens,
    ratioDeviation: Math.sqrt(policy[PolicyStatistic.RATIO_DEVIATION] / tokens),
    approximateKl: policy[PolicyStatistic.KL] / tokens,
    kl: difference / report.logProbs.length,
  };
}
