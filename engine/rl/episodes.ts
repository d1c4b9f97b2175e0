import type { Engine } from "../gpu/engine.ts";
import { generate, type GenerationOptions, type GenerationRequest } from "../nn/generation.ts";
import { type Model, packPredictions, type PredictionBatch } from "../nn/model.ts";
import { Role } from "../ops/roles.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ResetSource, Start } from "./resets.ts";

/** One rollout: PROMPT… FORCED… GENERATED…, with what is needed to replay and audit it. */
export interface Episode extends Start {
  tokens: number[];
  promptLength: number;
  /** Whether the policy chose an end token itself. */
  ended: boolean;
  /** Log probabilities of the generated tokens as decoding computed them. */
  decodeLogProbs: Float32Array;
}

/** Tokens from here on were generated. */
function generatedStart({ promptLength, prefixLength }: Episode): number {
  return promptLength + prefixLength;
}

/** What is asked of generation for episodes from these starts. */
export function rollOutRequests(
  sources: readonly ResetSource[],
  starts: readonly Start[],
  responseTokens: number,
): GenerationRequest[] {
  return starts.map(({ row, episode, prefixLength }) => {
    const { promptIds, referenceIds } = sources[row];
    const context = [...promptIds, ...referenceIds.slice(0, prefixLength)];
    return { context, newTokens: responseTokens - prefixLength, episode };
  });
}

/** Samples one episode from each start. A response has at most `responseTokens` tokens with its prefix. */
export async function rollOut(
  policy: Model,
  sources: readonly ResetSource[],
  starts: readonly Start[],
  responseTokens: number,
  options: GenerationOptions,
): Promise<Episode[]> {
  const requests = rollOutRequests(sources, starts, responseTokens);
  const drawn = await generate(policy, requests, options);
  return drawn.map(({ tokens, logProbs, ended }, i) => ({
    ...starts[i],
    tokens: [...requests[i].context, ...tokens],
    promptLength: sources[starts[i].row].promptIds.length,
    ended,
    decodeLogProbs: logProbs,
  }));
}

/**
 * Episodes on the GPU. Per-token quantities are [B, T] and sit at the index of the token they speak of;
 * models see the packed tokens, and `places` says where each of the G generated tokens stands in [B, T].
 */
export interface EpisodeBatch extends PredictionBatch {
  /** u32 [B, T]. */
  roles: Tensor;
  /** Flat place in [B, T] of each generated token, u32 [G]. */
  places: Tensor;
  /** [B, T]; T is a multiple of 64, so that a range of rows is an aligned view. */
  shape: readonly [number, number];
}

/** T for episodes of at most `longest` tokens. */
export function paddedLength(longest: number): number {
  return Math.ceil(longest / 64) * 64;
}

export function packEpisodes(
  engine: Engine,
  episodes: readonly Episode[],
  width: number,
): EpisodeBatch {
  const roles = new Uint32Array(episodes.length * width); // Role.PAD
  const places: number[] = [];
  for (const [b, episode] of episodes.entries()) {
    const start = generatedStart(episode);
    for (let t = 0; t < episode.tokens.length; t++) {
      const at = b * width + t;
      if (t >= start) places.push(at);
      roles[at] = t >= start
        ? Role.GENERATED
        : t >= episode.promptLength
        ? Role.FORCED
        : Role.PROMPT;
    }
  }
  const sequences = episodes.map(({ tokens }) => tokens);
  const ranges = episodes.map((episode) =>
    [generatedStart(episode), episode.tokens.length] as const
  );
  const shape = [episodes.length, width] as const;
  return {
    ...packPredictions(engine, sequences, ranges),
    roles: engine.tensor(roles, shape),
    places: engine.integers(places),
    shape,
  };
}
