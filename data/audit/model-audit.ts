import type { Estimate } from "../../engine/rl/statistics.ts";
import type { Measured } from "./measured.ts";

/** How likely a model finds the references. */
export interface Coverage {
  references: number;
  /** Log probability per token, in nats; intervals by reference. */
  logProbability: Estimate;
  /** Share of reset states whose next token lies within the model's top-p of 0.9. */
  covered: Estimate;
}

/** What a reward model of a few steps makes of the data. */
export interface QuickReward {
  trainPairs: number;
  testPairs: number;
  steps: number;
  /** Shares of held-out pairs ranked as the label says. */
  accuracy: Estimate;
  bagOfWords: Estimate;
  longer: Estimate;
  /** Score of references minus score of the model's own answers to the same held-out prompts. */
  advantage: Measured<Estimate>;
  prompts: number;
}

export interface ModelAudit {
  model: string;
  coverage: Measured<Coverage>;
  /** Null where the data hold no pairs. */
  reward: Measured<QuickReward> | null;
}
