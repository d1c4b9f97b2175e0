import { headWeight } from "../nn/llama.ts";
import { predictorStates, scoreHead } from "../nn/model.ts";
import { AdamW, type AdamWSettings } from "../nn/optimizer.ts";
import { scatterValues } from "../ops/gather.ts";
import { linearLogProbability } from "../ops/linear-logprob.ts";
import { policyLoss, PolicyStatistic, valueLoss, ValueStatistic } from "../ops/ppo.ts";
import { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Episode, packEpisodes, paddedLength, rollOut } from "./episodes.ts";
import {
  type Experience,
  type ExperienceSettings,
  type Models,
  scoreEpisodes,
  type ScoringReport,
} from "./experience.ts";
import { checkDecoding, checkFinite, checkFirstLook, checkLoss, checkMasks } from "./gates.ts";
import { BatchOrder, groupByTokens } from "./order.ts";
import { drawStart, type PrefixLaw, type ResetSource } from "./resets.ts";
import { Role } from "./roles.ts";
import { learningRate, type Schedule } from "./schedule.ts";
import {
  packState,
  type StepMetrics,
  type Trainer,
  trainingTensors,
  unpackState,
} from "./trainer.ts";

export interface PolicySettings extends ExperienceSettings {
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
  clip: number;
  valueClip: number;
  /** Weight of the value loss. */
  valueCoefficient: number;
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
      if (this.step === 0) await this.#checkMasks(episodes, experience);
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
    const starts = this.#order.indices(this.step).map((row, i) =>
      drawStart(sources[row], row, this.step * settings.episodes + i, settings)
    );
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
        const part = await this.#minibatch(
          episodes,
          experience,
          start,
          Math.min(start + size, episodes.length),
        );
        if (this.step === 0 && epoch === 0 && start === 0) {
          checkFirstLook(firstLook(part.policy, report));
        }
        this.#policyOptimizer.step(rate);
        this.#valueOptimizer?.step(rate);
        checkLoss("policy optimization", this.step, {
          policyLoss: part.policyLoss,
          valueLoss: part.valueLoss,
        });
        totals.norm += await checkFinite("policy", this.step, this.#policyOptimizer);
        if (this.#valueOptimizer) await checkFinite("value", this.step, this.#valueOptimizer);
        part.policy.forEach((value, i) => totals.policy[i] += value);
        part.value.forEach((value, i) => totals.value[i] += value);
        totals.loss += part.policyLoss;
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

  /** Gathers the gradients of episodes start … end−1, in micro-batches normalised by all their tokens. */
  async #minibatch(
    episodes: readonly Episode[],
    experience: Experience,
    start: number,
    end: number,
  ) {
    const { policy, value } = this.models;
    policy.parameters.clearGradients();
    value.parameters.clearGradients();
    const rows = episodes.slice(start, end);
    const count = rows.reduce((sum, { decodeLogProbs }) => sum + decodeLogProbs.length, 0);
    const groups = groupByTokens(
      rows.map(({ tokens }) => tokens.length),
      this.settings.microTokens,
    );
    const parts = groups.map(([from, to]) =>
      this.#accumulate(episodes, experience, start + from, start + to, count)
    );
    const result = {
      policy: new Float64Array(6),
      value: new Float64Array(6),
      policyLoss: 0,
      valueLoss: 0,
    };
    for (const part of parts) {
      (await part.policy.read()).forEach((number, i) => result.policy[i] += number);
      (await part.value.read()).forEach((number, i) => result.value[i] += number);
      result.policyLoss += (await part.policyLoss.read())[0];
      result.valueLoss += (await part.valueLoss.read())[0];
      for (const tensor of Object.values(part)) tensor.engine.release(tensor);
    }
    return result;
  }

  /** Adds the gradients of episodes from … to−1; `count` normalises. */
  #accumulate(
    episodes: readonly Episode[],
    experience: Experience,
    from: number,
    to: number,
    count: number,
  ) {
    const { settings, models: { policy, value } } = this;
    const { engine } = policy.parameters;
    const width = experience.roles.shape[1];
    const { roles, oldLogProbs, oldValues, advantages, returns } = rowsOf(experience, from, to);
    return engine.scope(() => {
      const batch = packEpisodes(engine, episodes.slice(from, to), width);
      const tape = new Tape();
      policy.parameters.watch(tape);
      if (value !== policy) value.parameters.watch(tape);
      return engine.record(tape, () => {
        const states = predictorStates(policy, batch);
        const head = headWeight(policy.config, policy.parameters);
        const { logProb } = linearLogProbability(states, head, batch.targets, settings);
        const logProbs = scatterValues(logProb, batch.places, batch.shape);
        const policyPart = policyLoss({ logProbs, oldLogProbs, advantages, roles }, {
          clip: settings.clip,
          count,
        });

        const valueStates = value === policy ? states : predictorStates(value, batch);
        const values = scatterValues(scoreHead(value, valueStates), batch.places, batch.shape);
        const valuePart = valueLoss({ values, oldValues, returns, roles }, {
          clip: settings.valueClip,
          count,
        });
        tape.backwardFrom([
          [policyPart.loss, engine.tensor([1])],
          [valuePart.loss, engine.tensor([settings.valueCoefficient])],
        ]);
        return {
          policy: policyPart.statistics,
          value: valuePart.statistics,
          policyLoss: policyPart.loss,
          valueLoss: valuePart.loss,
        };
      });
    });
  }

  /** The NaN test of the roles, on losses and gradients of the first micro-batch. */
  async #checkMasks(episodes: readonly Episode[], experience: Experience): Promise<void> {
    const { engine } = this.models.policy.parameters;
    const [[, end]] = groupByTokens(
      episodes.map(({ tokens }) => tokens.length),
      this.settings.microTokens,
    );
    const roles = await experience.roles.readIntegers();
    const poisoned: Partial<Experience> = {};
    for (const name of ["oldLogProbs", "oldValues", "advantages", "returns"] as const) {
      const values = await experience[name].read();
      poisoned[name] = engine.tensor(
        values.map((x, i) => roles[i] === Role.GENERATED ? x : NaN),
        experience[name].shape,
      );
    }
    const outcome = async (values: Experience) => {
      const losses = await this.#minibatch(episodes, values, 0, end);
      const { policy, value } = this.models;
      const gradients = await Promise.all(
        [policy, value].map(({ parameters }) => parameters.shards[0].gradients.read()),
      );
      const numbers = [losses.policyLoss, losses.valueLoss, ...losses.policy, ...losses.value];
      return [Float32Array.from(numbers), ...gradients];
    };
    const clean = await outcome(experience);
    const withNaN = await outcome({ ...experience, ...poisoned });
    clean.forEach((numbers, i) =>
      checkMasks(["losses", "policy gradient", "value gradient"][i], numbers, withNaN[i])
    );
    for (const tensor of Object.values(poisoned)) engine.release(tensor);
  }

  #describe(episodes: readonly Episode[], report: ScoringReport): StepMetrics {
    const mean = (values: ArrayLike<number>) =>
      Array.from(values).reduce((a, b) => a + b, 0) / values.length;
    const k1 = report.logProbs.map((x, i) => x - report.referenceLogProbs[i]);
    const share = (test: (episode: Episode) => boolean) =>
      episodes.filter(test).length / episodes.length;
    return {
      episodes: this.episodes,
      generatedTokens: this.generatedTokens,
      rolloutReward: mean(report.scores),
      rolloutKl: k1.reduce((a, b) => a + b, 0) / episodes.length,
      rolloutKlPerToken: mean(k1),
      entropy: mean(report.entropies),
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

/** Rows from … to−1 of every per-token tensor, as views. */
function rowsOf(experience: Experience, from: number, to: number): Experience {
  const rows = Object.entries(experience).map((
    [name, tensor],
  ) => [name, (tensor as Tensor).rows(from, to)]);
  return Object.fromEntries(rows) as Experience;
}

function firstLook(policy: Float64Array, report: ScoringReport) {
  const tokens = policy[PolicyStatistic.TOKENS];
  const difference = report.logProbs.reduce(
    (sum, x, i) => sum + x - report.referenceLogProbs[i],
    0,
  );
  return {
    ratio: policy[PolicyStatistic.RATIO] / tokens,
    ratioDeviation: Math.sqrt(policy[PolicyStatistic.RATIO_DEVIATION] / tokens),
    approximateKl: policy[PolicyStatistic.KL] / tokens,
    kl: difference / report.logProbs.length,
  };
}
