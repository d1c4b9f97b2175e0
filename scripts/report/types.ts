import { z } from "zod";
import type { Estimate } from "../../engine/rl/statistics.ts";

/** The policies that a run compares, in the order in which every table and figure shows them. */
export const methodNames = ["sft", "ppo", "drpo"] as const;
export type MethodName = typeof methodNames[number];
export const methodTitles: Record<MethodName, string> = { sft: "SFT", ppo: "PPO", drpo: "DR-PO" };

const finite = z.number();
const count = z.int().nonnegative();

/** A mean with the ends of its interval. */
const estimateSchema: z.ZodType<Estimate> = z.object({ mean: finite, low: finite, high: finite });

const methodResultSchema = z.object({
  /** The task's true score, where it has one. */
  gold: estimateSchema.nullable(),
  /** Reward-model score; references average 0. */
  reward: estimateSchema,
  /** KL to the SFT policy on the method's own samples (k1), nats summed over a response. */
  kl: estimateSchema,
  klPerToken: estimateSchema,
  /** Generated tokens per response. */
  length: estimateSchema,
  /** Share of responses that end with an end-of-sequence token, 0 to 1. */
  ended: estimateSchema,
  /** Share of distinct bigrams among all bigrams, 0 to 1. */
  distinct2: estimateSchema,
  /** Share of 4-grams that repeat an earlier one of the same response, 0 to 1. */
  repetition: estimateSchema,
  /** Win rate against the SFT policy on the same prompts, ties counting half; null for SFT. */
  winRate: estimateSchema.nullable(),
  /** The same against the references; null where the task has none. */
  winRateReferences: estimateSchema.nullable(),
  /** Tokens sampled in training. */
  generatedTokens: count,
  /** Wall-clock seconds of training. */
  seconds: finite,
});

/** The difference between two methods on the same prompts, `of` minus `against`. */
const comparisonSchema = z.object({
  of: z.enum(methodNames),
  against: z.enum(methodNames),
  measure: z.enum(["gold", "reward"]),
  /** What the two methods had spent alike when they were compared. */
  at: z.enum(["episodes", "generatedTokens"]),
  difference: estimateSchema,
});

/** `results.json`: what a run found out, measured on prompts that trained and tuned nothing. */
export const resultsSchema = z.object({
  task: z.string(),
  seed: z.int(),
  adapter: z.object({ name: z.string(), software: z.boolean() }),
  /** Wall-clock seconds of the whole run; of its last part, where it was stopped and resumed. */
  seconds: finite,
  warnings: z.array(z.string()).optional(),
  /** What the gold score is, for example "VADER sentiment"; null where the task has none. */
  goldName: z.string().nullable(),
  /** Held-out prompts that the methods were evaluated on. */
  prompts: count,
  /** Which score decided the win rates. */
  winRateBy: z.enum(["gold", "reward"]),
  /** A method that was not run is absent. */
  methods: z.partialRecord(z.enum(methodNames), methodResultSchema),
  /** Null where a run was given its reward model. */
  rewardModel: z.object({
    /** Share of held-out pairs in which the chosen response scores higher. */
    accuracy: estimateSchema,
    /** Share in which the longer response is the chosen one: what counting words would get. */
    longerWins: estimateSchema,
    pairs: count,
  }).nullable(),
  comparisons: z.array(comparisonSchema),
  /** Counts of the data as read; a task may add its own. */
  data: z.object({ rows: count, promptsCut: count, dropped: count, skippedBadRows: count })
    .catchall(count),
});

/**
 * A line of `metrics.jsonl`: one step. Policy phases give `episodes` and `generatedTokens` (totals so
 * far) and, now and then, the mean `reward`, `kl` (nats per response) and `gold` on validation prompts.
 */
export interface Metric {
  phase: "pretrain" | "sft" | "reward" | "dpo" | "ppo" | "drpo";
  step: number;
  episodes?: number;
  generatedTokens?: number;
  reward?: number;
  kl?: number;
  gold?: number;
  loss?: number;
  /** Whatever else a phase wants to record. */
  [extra: string]: number | string | undefined;
}

export const metricSchema: z.ZodType<Metric> = z.object({
  phase: z.enum(["pretrain", "sft", "reward", "dpo", "ppo", "drpo"]),
  step: count,
  episodes: count.optional(),
  generatedTokens: count.optional(),
  reward: finite.optional(),
  kl: finite.optional(),
  gold: finite.optional(),
  loss: finite.optional(),
}).catchall(z.union([finite, z.string()]));

/** A line of `samples.jsonl`: one response to one prompt. */
export const sampleSchema = z.object({
  method: z.enum(methodNames),
  /** `test`: evaluation without resets. `train`: an episode of training. */
  split: z.enum(["test", "train"]),
  /** The update that the episode belonged to (training episodes). */
  step: count.optional(),
  prompt: z.string(),
  /** The generated text: what follows `reset.prefix`, where there is a reset. */
  response: z.string(),
  gold: finite.optional(),
  reward: finite,
  /** Nats over the generated tokens. */
  kl: finite,
  ended: z.boolean(),
  /** The response of the data to the same prompt. */
  reference: z.string().optional(),
  /** Where the episode was reset to: the data row, how many of its tokens, and their text. */
  reset: z.object({ row: count, prefixLength: count, prefix: z.string() }).optional(),
});

export const configSchema = z.record(z.string(), z.unknown());

export type MethodResult = z.infer<typeof methodResultSchema>;
export type Comparison = z.infer<typeof comparisonSchema>;
export type Results = z.infer<typeof resultsSchema>;
export type Sample = z.infer<typeof sampleSchema>;
export type Config = z.infer<typeof configSchema>;

/** Everything that a report is made from. */
export interface Run {
  results: Results;
  metrics: Metric[];
  samples: Sample[];
  config: Config;
}
