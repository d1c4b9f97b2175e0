import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectPerToken } from "./per-token.ts";

export interface RewardInputs {
  /** One score per episode, [B]. */
  scores: Tensor;
  /** Log-probability of each token under the policy that generated it, [B, T]. */
  logProbs: Tensor;
  /** The same under the reference policy, [B, T]. */
  referenceLogProbs: Tensor;
  /** Role codes, u32 [B, T]. */
  roles: Tensor;
}

/**
 * Rewards [B, T]: −klCoefficient · (log π − log π_ref) at each generated token, plus the score at the
 * last generated token of its row; 0 elsewhere. A row without a generated token gets no reward. Not
 * differentiable: rewards are data.
 */
export function shapeRewards(
  { scores, logProbs, referenceLogProbs, roles }: RewardInputs,
  { klCoefficient }: { klCoefficient: number },
): Tensor {
  const [rows, columns] = expectPerToken("shapeRewards", roles, { logProbs, referenceLogProbs });
  expectShape("shapeRewards", "scores", scores, [rows]);
  const { engine } = roles;
  const rewards = engine.empty(roles.shape);
  engine.launch(
    "rewards",
    "shape_rewards",
    { scores, log_probs: logProbs, reference_log_probs: referenceLogProbs, roles, rewards },
    { rows, columns, kl_coefficient: klCoefficient },
    engine.grid(rows),
  );
  return rewards;
}
