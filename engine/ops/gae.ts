import type { Tensor } from "../tensor/tensor.ts";
import { expectPerToken } from "./per-token.ts";

export interface AdvantageInputs {
  /** Rewards, [B, T]. */
  rewards: Tensor;
  /** Values of the state in which each token was chosen, [B, T]. */
  values: Tensor;
  /** Role codes, u32 [B, T]. */
  roles: Tensor;
}

/**
 * Generalised advantage estimation (Schulman et al. 2016, arXiv 1506.02438) over the generated tokens of
 * each row: advantages and returns (advantage + value), both [B, T] and 0 elsewhere. The value after the
 * last generated token is 0. Not differentiable: advantages and returns are data.
 */
export function generalizedAdvantage(
  { rewards, values, roles }: AdvantageInputs,
  { gamma, lambda }: { gamma: number; lambda: number },
): { advantages: Tensor; returns: Tensor } {
  const [rows, columns] = expectPerToken("generalizedAdvantage", roles, { rewards, values });
  const { engine } = roles;
  const advantages = engine.empty(roles.shape);
  const returns = engine.empty(roles.shape);
  engine.launch(
    "gae",
    "generalized_advantage",
    { rewards, values, roles, advantages, returns },
    { rows, columns, gamma, lambda },
    engine.grid(rows),
  );
  return { advantages, returns };
}
