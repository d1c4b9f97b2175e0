export interface NaturalPolicyGradientOptions {
  /** Step size η. */
  eta: number;
  /** Strength λ of the tie to the supervised policy. */
  lambda: number;
}

/**
 * One step of the analysed form of DR-PO (arXiv 2404.08495, Algorithm 2) for tabular policies, in
 * closed form: per state, π' ∝ π_sft^{ηλ/(1+ηλ)} · π^{1/(1+ηλ)} · exp(ηQ/(1+ηλ)).
 *
 * `sft` and `policy` are action probabilities [S, A], `q` action values [S, A]; returns π' [S, A]. An
 * action of probability zero keeps it.
 */
export function npgStep(
  sft: readonly (readonly number[])[],
  policy: readonly (readonly number[])[],
  q: readonly (readonly number[])[],
  { eta, lambda }: NaturalPolicyGradientOptions,
): number[][] {
  const tie = eta * lambda;
  return policy.map((probabilities, state) => {
    const scores = probabilities.map((probability, action) => {
      const fromSft = tie === 0 ? 0 : tie * Math.log(sft[state][action]); // 0 · log 0 is no number
      return (fromSft + Math.log(probability) + eta * q[state][action]) / (1 + tie);
    });
    const largest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - largest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  });
}
