/** From where on a finding asks for care, and from where on it says that data are not fit. */
export interface Threshold {
  care: number;
  /** Absent where no value alone makes data unfit. */
  unfit?: number;
  why: string;
}

/** Every judgement of the audit, with its reason. Shares are of 1; a share above the number, or a count below it, is found. */
export const thresholds = {
  pairs: {
    care: 1000,
    unfit: 100,
    why: "A tenth is held out: 100 test pairs tell an accuracy to ±10 points, 10 tell nothing.",
  },
  prompts: {
    care: 200,
    unfit: 20,
    why: "A run is judged on a tenth of the prompts, and few prompts are learnt by heart.",
  },
  bad: {
    care: 0.01,
    unfit: 0.5,
    why: "Many malformed rows mean that the file is not what it seems.",
  },
  duplicates: { care: 0.02, unfit: 0.5, why: "A repeated row counts twice and tells nothing new." },
  equal: { care: 0.02, unfit: 0.5, why: "Pairs of equal responses carry no preference." },
  empty: { care: 0, unfit: 0.1, why: "An empty response teaches the policy to say nothing." },
  leakedPrompts: {
    care: 0,
    unfit: 0.2,
    why: "A prompt on both sides makes the test easier than the world; runs leave such rows out.",
  },
  leakedResponses: {
    care: 0.02,
    unfit: 0.3,
    why: "A test response that training has read is scored from memory.",
  },
  longerWins: {
    care: 0.6,
    unfit: 0.9,
    why:
      "Where length (or shortness) decides, a reward model learns length and the policy pads or cuts.",
  },
  contradictory: {
    care: 0.1,
    unfit: 0.4,
    why: "Labels that contradict themselves bound what any reward model can get right.",
  },
  circular: {
    care: 0.1,
    unfit: 0.25,
    why: "A coin makes a quarter of all triples circular: near that the labels hold no order.",
  },
  damaged: {
    care: 0.005,
    unfit: 0.2,
    why: "The policy learns to write what the references hold, damage included.",
  },
  nonLatin: {
    care: 0.1,
    why:
      "Most small models and their tokenizers know little but Latin text: look at tokens per word.",
  },
  glued: {
    care: 0.05,
    why:
      "Prompt and response meet inside a word; a response should open with a space or a new line.",
  },
  overlong: {
    care: 0.05,
    unfit: 0.5,
    why: "Rows whose response exceeds a run's limit are dropped, and the rest is a biased sample.",
  },
  cutPrompts: {
    care: 0.1,
    unfit: 0.7,
    why: "A prompt that loses its start may no longer say what was asked.",
  },
  statesPerReference: {
    care: 5,
    unfit: 1.5,
    why: "References of one or two units leave DR-PO nothing to reset into: it is PPO.",
  },
  covered: {
    care: 0.5,
    unfit: 0.2,
    why:
      "Where the next token lies outside the model's top 90 %, the model would hardly have come " +
      "that way, and what it learns there it can hardly use: SFT comes first.",
  },
  rewardAccuracy: {
    care: 0.55,
    why: "A reward model near one half gives the policy noise to climb.",
  },
} as const satisfies Record<string, Threshold>;
