import type { Model } from "../nn/model.ts";
import { responseLogProbs } from "./evaluation.ts";
import type { OnDone, Pair } from "./reward-model.ts";

/** A pair with the log probabilities of its responses under the reference model, in nats. */
export interface ReferencedPair extends Pair {
  referenceChosen: number;
  referenceRejected: number;
}

/** Asks the reference model; it does not change in training, so a pair is asked about once. */
export async function withReference(
  reference: Model,
  pairs: readonly Pair[],
  microTokens: number,
  onDone?: OnDone,
): Promise<ReferencedPair[]> {
  const [chosen, rejected] = await bothSides(reference, pairs, microTokens, onDone);
  return pairs.map((pair, i) => ({
    ...pair,
    referenceChosen: chosen[i],
    referenceRejected: rejected[i],
  }));
}

/**
 * How much more the policy has come to prefer the chosen response than the reference does, in nats: with β
 * before it the difference of DPO's implicit rewards. The label agrees where it is above 0.
 */
export async function preferenceMargins(
  policy: Model,
  pairs: readonly ReferencedPair[],
  microTokens: number,
  onDone?: OnDone,
): Promise<number[]> {
  const [chosen, rejected] = await bothSides(policy, pairs, microTokens, onDone);
  return pairs.map((pair, i) => marginOf(pair, chosen[i], rejected[i]));
}

export function marginOf(pair: ReferencedPair, chosen: number, rejected: number): number {
  return chosen - pair.referenceChosen - (rejected - pair.referenceRejected);
}

async function bothSides(
  model: Model,
  pairs: readonly Pair[],
  microTokens: number,
  onDone?: OnDone,
): Promise<[chosen: number[], rejected: number[]]> {
  const starts = pairs.map(({ promptIds }) => promptIds.length);
  const side = (ids: "chosenIds" | "rejectedIds") => {
    const sequences = pairs.map((pair) => [...pair.promptIds, ...pair[ids]]);
    return responseLogProbs(model, sequences, starts, 1, microTokens, onDone);
  };
  const chosen = await side("chosenIds");
  return [chosen, await side("rejectedIds")];
}
