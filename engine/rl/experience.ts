import { logProbabilities, type Model, predictorStates, scoreHead } from "../nn/model.ts";
import { generalizedAdvantage } from "../ops/gae.ts";
import { scatterValues } from "../ops/gather.ts";
import { shapeRewards } from "../ops/rewards.ts";
import { whiten } from "../ops/whiten.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Episode, type EpisodeBatch, packEpisodes } from "./episodes.ts";
import { groupByTokens } from "./order.ts";
import { scoreSequences } from "./reward-model.ts";

/** The models an update looks at. Policy and value may share a trunk: then they are the same model. */
export interface Models {
  policy: Model;
  value: Model;
  reference: Model;
  /** A reward model, or what else tells how good an episode's response is, its forced prefix included. */
  reward: Model | ((episode: Episode) => number);
}

export interface ExperienceSettings {
  temperature: number;
  klCoefficient: number;
  gamma: number;
  lambda: number;
  /** Replaces the score of a response that does not end. */
  missingEndScore: number;
  whitenRewards: boolean;
  whitenAdvantages: boolean;
  microTokens: number;
}

/** Everything the losses need, [B, T] each. */
export interface Experience {
  roles: Tensor;
  oldLogProbs: Tensor;
  oldValues: Tensor;
  advantages: Tensor;
  returns: Tensor;
  rewards: Tensor;
}

/** What the scoring of a batch of episodes found, on the CPU. */
export interface ScoringReport {
  /** Score of each episode by `Models.reward`, before a missing end replaces it. */
  scores: number[];
  /** Log probability of each generated token under the policy and under the reference, all episodes in a row. */
  logProbs: Float32Array;
  referenceLogProbs: Float32Array;
  /** Entropy of the policy at each generated token, in nats. */
  entropies: Float32Array;
}

/**
 * Scores episodes with the training forward of all models, and turns scores into advantages: reward at
 * the last generated token less the KL penalty of each token, then GAE, then whitening.
 */
export async function scoreEpisodes(
  models: Models,
  episodes: readonly Episode[],
  width: number,
  settings: ExperienceSettings,
): Promise<{ experience: Experience; report: ScoringReport }> {
  const { engine } = models.policy.parameters;
  const groups = groupByTokens(episodes.map(({ tokens }) => tokens.length), settings.microTokens);
  const parts = groups.map(([start, end]) =>
    engine.scope(() =>
      scorePart(
        models,
        packEpisodes(engine, episodes.slice(start, end), width),
        settings.temperature,
      )
    )
  );
  const read = (name: keyof typeof parts[number]) => joined(parts.map((part) => part[name]));
  const report = {
    scores: await scoresOf(models.reward, episodes, settings.microTokens),
    logProbs: await read("logProb"),
    referenceLogProbs: await read("reference"),
    entropies: await read("entropy"),
  };
  const values = await read("values");
  const experience = engine.scope(() => {
    const { roles, places, shape } = packEpisodes(engine, episodes, width);
    const perToken = (numbers: Float32Array) =>
      scatterValues(engine.tensor(numbers), places, shape);
    const scores = episodes.map(({ ended }, i) =>
      ended ? report.scores[i] : settings.missingEndScore
    );
    const oldLogProbs = perToken(report.logProbs);
    const referenceLogProbs = perToken(report.referenceLogProbs);
    const shaped = shapeRewards(
      { scores: engine.tensor(scores), logProbs: oldLogProbs, referenceLogProbs, roles },
      { klCoefficient: settings.klCoefficient },
    );
    const rewards = settings.whitenRewards ? whiten(shaped, roles, { keepMean: true }) : shaped;
    const oldValues = perToken(values);
    const found = generalizedAdvantage({ rewards, values: oldValues, roles }, settings);
    const advantages = settings.whitenAdvantages
      ? whiten(found.advantages, roles)
      : found.advantages;
    return { roles, oldLogProbs, oldValues, advantages, returns: found.returns, rewards };
  });
  return { experience, report };
}

async function scoresOf(
  reward: Models["reward"],
  episodes: readonly Episode[],
  microTokens: number,
): Promise<number[]> {
  if (typeof reward === "function") return episodes.map(reward);
  return await scoreSequences(reward, episodes.map(({ tokens }) => tokens), microTokens);
}

function scorePart(
  { policy, value, reference }: Models,
  batch: EpisodeBatch,
  temperature: number,
) {
  const { logProb, entropy } = logProbabilities(policy, batch, temperature);
  return {
    logProb,
    entropy,
    reference: logProbabilities(reference, batch, temperature).logProb,
    values: scoreHead(value, predictorStates(value, batch)),
  };
}

/** Reads tensors to the CPU, end to end, and frees them. */
async function joined(parts: readonly Tensor[]): Promise<Float32Array> {
  const arrays: Float32Array[] = [];
  for (const part of parts) {
    arrays.push(await part.read());
    part.engine.release(part);
  }
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const array of arrays) {
    all.set(array, offset);
    offset += array.length;
  }
  return all;
}
