import { headLogProbabilities } from "../nn/head.ts";
import { predictorStates, scoreHead } from "../nn/model.ts";
import { scatterValues } from "../ops/gather.ts";
import { policyLoss, valueLoss } from "../ops/ppo.ts";
import { Role } from "../ops/roles.ts";
import { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Episode, packEpisodes } from "./episodes.ts";
import type { Experience, Models } from "./experience.ts";
import { checkMasks } from "./gates.ts";
import { groupByTokens } from "./order.ts";

export interface ClippedSettings {
  temperature: number;
  clip: number;
  valueClip: number;
  /** Weight of the value loss. */
  valueCoefficient: number;
  /** Tokens of one micro-batch. */
  microTokens: number;
}

/** Losses of a minibatch, and its statistics by `PolicyStatistic` and `ValueStatistic`. */
export interface ClippedLosses {
  policy: Float64Array;
  value: Float64Array;
  policyLoss: number;
  valueLoss: number;
}

/**
 * Puts the gradients of PPO's clipped losses of episodes start … end−1 into the parameters' gradients. The
 * micro-batches are normalised by the generated tokens of all of them, so they add up to the minibatch.
 */
export async function clippedGradients(
  models: Models,
  episodes: readonly Episode[],
  experience: Experience,
  [start, end]: readonly [number, number],
  settings: ClippedSettings,
): Promise<ClippedLosses> {
  models.policy.parameters.clearGradients();
  models.value.parameters.clearGradients();
  const rows = episodes.slice(start, end);
  const count = rows.reduce((sum, { decodeLogProbs }) => sum + decodeLogProbs.length, 0);
  const groups = groupByTokens(rows.map(({ tokens }) => tokens.length), settings.microTokens);
  const parts = groups.map(([from, to]) =>
    accumulate(
      models,
      rows.slice(from, to),
      rowsOf(experience, start + from, start + to),
      count,
      settings,
    )
  );
  const losses: ClippedLosses = {
    policy: new Float64Array(6),
    value: new Float64Array(6),
    policyLoss: 0,
    valueLoss: 0,
  };
  for (const part of parts) {
    (await part.policy.read()).forEach((number, i) => losses.policy[i] += number);
    (await part.value.read()).forEach((number, i) => losses.value[i] += number);
    losses.policyLoss += (await part.policyLoss.read())[0];
    losses.valueLoss += (await part.valueLoss.read())[0];
    for (const tensor of Object.values(part)) tensor.engine.release(tensor);
  }
  return losses;
}

/** Adds the gradients of one micro-batch; `count` normalises. */
function accumulate(
  { policy, value }: Models,
  episodes: readonly Episode[],
  { roles, oldLogProbs, oldValues, advantages, returns }: Experience,
  count: number,
  { temperature, clip, valueClip, valueCoefficient }: ClippedSettings,
) {
  const { engine } = policy.parameters;
  return engine.scope(() => {
    const batch = packEpisodes(engine, episodes, roles.shape[1]);
    const tape = new Tape();
    policy.parameters.watch(tape);
    if (value !== policy) value.parameters.watch(tape);
    return engine.record(tape, () => {
      const states = predictorStates(policy, batch);
      const { config, parameters } = policy, { targets } = batch;
      const { logProb } = headLogProbabilities(config, parameters, states, targets, temperature);
      const logProbs = scatterValues(logProb, batch.places, batch.shape);
      const forPolicy = { logProbs, oldLogProbs, advantages, roles };
      const policyPart = policyLoss(forPolicy, { clip, count });

      const valueStates = value === policy ? states : predictorStates(value, batch);
      const values = scatterValues(scoreHead(value, valueStates), batch.places, batch.shape);
      const forValue = { values, oldValues, returns, roles };
      const valuePart = valueLoss(forValue, { clip: valueClip, count });
      tape.backwardFrom([
        [policyPart.loss, engine.tensor([1])],
        [valuePart.loss, engine.tensor([valueCoefficient])],
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

/**
 * The NaN test of the roles on the first micro-batch: with NaN in everything outside the generated tokens,
 * losses and gradients must stay the same to the bit. Throws a `GateError` otherwise.
 */
export async function checkRoles(
  models: Models,
  episodes: readonly Episode[],
  experience: Experience,
  settings: ClippedSettings,
): Promise<void> {
  const { engine } = models.policy.parameters;
  const lengths = episodes.map(({ tokens }) => tokens.length);
  const [range] = groupByTokens(lengths, settings.microTokens);
  const roles = await experience.roles.readIntegers();
  const poisoned: Partial<Experience> = {};
  for (const name of ["oldLogProbs", "oldValues", "advantages", "returns"] as const) {
    const values = await experience[name].read();
    const withNaN = values.map((x, i) => roles[i] === Role.GENERATED ? x : NaN);
    poisoned[name] = engine.tensor(withNaN, experience[name].shape);
  }
  const outcome = async (given: Experience) => {
    const losses = await clippedGradients(models, episodes, given, range, settings);
    const shards = [models.policy, models.value].flatMap(({ parameters }) => parameters.shards);
    const gradients = await Promise.all(shards.map((shard) => shard.gradients.read()));
    const numbers = [losses.policyLoss, losses.valueLoss, ...losses.policy, ...losses.value];
    return [Float32Array.from(numbers), ...gradients];
  };
  const clean = await outcome(experience);
  const withNaN = await outcome({ ...experience, ...poisoned });
  clean.forEach((numbers, i) => checkMasks(i === 0 ? "losses" : "gradient", numbers, withNaN[i]));
  for (const tensor of Object.values(poisoned)) engine.release(tensor);
}

/** Rows from … to−1 of every per-token tensor, as views. */
function rowsOf(experience: Experience, from: number, to: number): Experience {
  const rows = Object.entries(experience).map((
    [name, tensor],
  ) => [name, (tensor as Tensor).rows(from, to)]);
  return Object.fromEntries(rows) as Experience;
}
