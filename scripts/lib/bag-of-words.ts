/** Two responses of which a person chose the first. */
export interface TextPair {
  chosen: string;
  rejected: string;
}

/** Chosen by cross-validation on the rows of HH that no split of scripts/hh-reward.ts tests on. */
export const defaultBagOfWords: BagOfWordsSettings = { minCount: 10, penalty: 0.05 };

export interface BagOfWordsSettings {
  /** A word is a feature if the training responses hold it so often. */
  minCount: number;
  /** λ of the penalty λ/2·‖w‖². */
  penalty: number;
}

/** Bradley–Terry with a linear score: features of chosen minus features of rejected, by feature number. */
type Difference = ReadonlyMap<number, number>;

/**
 * The baseline a reward model must beat: logistic regression on the difference of two responses' word counts
 * and, as one more feature, of their lengths, all as log(1 + count). There is no intercept, for a pair has no
 * order.
 */
export class BagOfWords {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #weights: Float64Array;

  /** Fits to the optimum: the loss is strongly convex. */
  constructor(
    pairs: readonly TextPair[],
    { minCount, penalty }: BagOfWordsSettings = defaultBagOfWords,
  ) {
    this.#vocabulary = vocabularyOf(pairs, minCount);
    const differences = pairs.map((pair) => this.#difference(pair));
    this.#weights = fit(differences, this.#vocabulary.size + 1, penalty);
  }

  /** 1 where the chosen response scores higher, 0 where it scores lower, ½ where equal. */
  rank(pair: TextPair): number {
    return (Math.sign(dot(this.#weights, this.#difference(pair))) + 1) / 2;
  }

  /** What a word adds to the score, per unit of log(1 + count); 0 for one that is no feature. */
  weight(word: string): number {
    const feature = this.#vocabulary.get(word);
    return feature === undefined ? 0 : this.#weights[feature];
  }

  #difference({ chosen, rejected }: TextPair): Difference {
    const difference = this.#features(chosen);
    for (const [feature, value] of this.#features(rejected)) {
      difference.set(feature, (difference.get(feature) ?? 0) - value);
    }
    return difference;
  }

  #features(text: string): Map<number, number> {
    const all = words(text);
    const counts = new Map([[this.#vocabulary.size, all.length]]); // the last feature is the length
    for (const word of all) {
      const feature = this.#vocabulary.get(word);
      if (feature !== undefined) counts.set(feature, (counts.get(feature) ?? 0) + 1);
    }
    return new Map([...counts].map(([feature, count]) => [feature, Math.log(1 + count)]));
  }
}

function words(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9']+/g) ?? [];
}

function vocabularyOf(pairs: readonly TextPair[], minCount: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { chosen, rejected } of pairs) {
    for (const word of [...words(chosen), ...words(rejected)]) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  const kept = [...counts].filter(([, count]) => count >= minCount).map(([word]) => word);
  return new Map(kept.map((word, i) => [word, i]));
}

/**
 * Minimises mean −log σ(w·x) + λ/2·‖w‖² by Nesterov's method for strongly convex functions. Its rate is
 * 1 − √(λ/L) a step, with L at most mean ‖x‖²/4 + λ.
 */
function fit(differences: readonly Difference[], features: number, penalty: number): Float64Array {
  const square = (x: Difference) => [...x.values()].reduce((sum, value) => sum + value ** 2, 0);
  const smoothness = penalty +
    differences.reduce((sum, x) => sum + square(x), 0) / differences.length / 4;
  const ratio = Math.sqrt(penalty / smoothness);
  const momentum = (1 - ratio) / (1 + ratio);
  const steps = Math.ceil(Math.log(1e6) / ratio);

  let weights = new Float64Array(features), ahead = weights;
  for (let step = 0; step < steps; step++) {
    const gradient = ahead.map((weight) => penalty * weight);
    for (const x of differences) {
      const slope = -1 / (1 + Math.exp(dot(ahead, x))) / differences.length;
      for (const [feature, value] of x) gradient[feature] += slope * value;
    }
    const next = ahead.map((weight, i) => weight - gradient[i] / smoothness);
    ahead = next.map((weight, i) => weight + momentum * (weight - weights[i]));
    weights = next;
  }
  return weights;
}

function dot(weights: Float64Array, x: Difference): number {
  let sum = 0;
  for (const [feature, value] of x) sum += weights[feature] * value;
  return sum;
}
