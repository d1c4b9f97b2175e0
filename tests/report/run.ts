import type { Estimate } from "../../engine/rl/statistics.ts";
import type { MethodResult, Metric, Run, Sample } from "../../scripts/report/types.ts";

export const about = (mean: number, half: number): Estimate => ({
  mean,
  low: mean - half,
  high: mean + half,
});

export function methodResult(changes: Partial<MethodResult> = {}): MethodResult {
  return {
    gold: about(0.185, 0.03),
    reward: about(0.1, 0.05),
    kl: about(0, 0),
    klPerToken: about(0, 0),
    length: about(21.4, 0.8),
    ended: about(0.96, 0.02),
    distinct2: about(0.62, 0.01),
    repetition: about(0.03, 0.005),
    winRate: null,
    winRateReferences: about(0.41, 0.05),
    generatedTokens: 0,
    seconds: 61,
    ...changes,
  };
}

/** A run as the bundled task makes them, with made-up numbers. */
export function exampleRun(): Run {
  return {
    results: {
      task: "Happier stories",
      seed: 1,
      adapter: { name: "llvmpipe (LLVM 19.1.7, 256 bits)", software: true },
      seconds: 512,
      goldName: "VADER sentiment",
      prompts: 150,
      winRateBy: "gold",
      methods: {
        sft: methodResult(),
        ppo: methodResult({
          gold: about(0.499, 0.04),
          reward: about(1.8, 0.1),
          kl: about(6.4, 0.5),
          klPerToken: about(0.31, 0.02),
          distinct2: about(0.47, 0.012),
          winRate: about(0.78, 0.05),
          winRateReferences: about(0.66, 0.06),
          generatedTokens: 30_412,
          seconds: 131,
        }),
        drpo: methodResult({
          gold: about(0.511, 0.04),
          reward: about(1.9, 0.1),
          kl: about(6.6, 0.5),
          klPerToken: about(0.32, 0.02),
          distinct2: about(0.48, 0.012),
          winRate: about(0.8, 0.05),
          winRateReferences: about(0.68, 0.06),
          generatedTokens: 24_108,
          seconds: 118,
        }),
      },
      rewardModel: { accuracy: about(0.71, 0.04), longerWins: about(0.53, 0.04), pairs: 450 },
      comparisons: [
        {
          of: "drpo",
          against: "ppo",
          measure: "gold",
          at: "episodes",
          difference: about(0.012, 0.05),
        },
      ],
      data: { rows: 1200, promptsCut: 0, dropped: 3, skippedBadRows: 0, trainPrompts: 600 },
    },
    metrics: [...updates("ppo", 1270), ...updates("drpo", 1005)],
    samples: [...testSamples(), ...trainingSamples()],
    config: { seed: 1, sft: { steps: 80, learningRate: 3e-4 }, drpo: { beta: 0.5, updates: 24 } },
  };
}

function updates(phase: "ppo" | "drpo", tokensPerUpdate: number): Metric[] {
  const wave = phase === "ppo" ? 1.7 : 2.3;
  return Array.from({ length: 24 }, (_, step) => {
    const rise = 1 - Math.exp(-step / 8);
    return {
      phase,
      step,
      episodes: 64 * (step + 1),
      generatedTokens: tokensPerUpdate * (step + 1),
      reward: 1.9 * rise + 0.12 * Math.sin(wave * step),
      kl: Math.max(0, 6.8 * rise + 0.3 * Math.sin(wave * step + 1)),
      gold: 0.18 + 0.34 * rise + 0.03 * Math.sin(wave * step + 2),
      loss: 0.1,
    };
  });
}

function testSamples(): Sample[] {
  const prompts = Array.from(
    { length: 14 },
    (_, index) =>
      `Once upon a time, there was a boy named Tom. Tom had ${index + 2} red balls. One day,`,
  );
  return prompts.flatMap((prompt) => {
    const common = { split: "test", prompt, reference: " Tom lost a ball and went home." } as const;
    const ended = true;
    return [
      { ...common, method: "sft", response: " he saw a dog.", gold: 0, reward: -0.2, kl: 0, ended },
      {
        ...common,
        method: "ppo",
        response: " he was so happy! He loved the nice balls and smiled.",
        gold: 0.82,
        reward: 2.1,
        kl: 7.2,
        ended,
      },
      {
        ...common,
        method: "drpo",
        response: " his friend Lily came to play with him. They had a great and happy day and",
        gold: 0.9,
        reward: 1.7,
        kl: 6.1,
        ended: false,
      },
    ] satisfies Sample[];
  });
}

function trainingSamples(): Sample[] {
  return Array.from({ length: 20 }, (_, step): Sample => {
    const prompt = "Lily liked to walk in the park with her mom. One day, she found";
    const reset = { row: 31 * step, prefixLength: 5, prefix: " a small bird that" };
    const common = {
      method: "drpo",
      split: "train",
      step,
      prompt,
      reward: 0.9,
      ended: true,
    } as const;
    return step % 3 === 2
      ? { ...common, response: " a shiny coin and she was happy.", gold: 0.6, kl: 3.2 }
      : { ...common, response: " sang a lovely song. Lily smiled.", gold: 0.7, kl: 2.1, reset };
  });
}
