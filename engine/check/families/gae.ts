import { generalizedAdvantage } from "../../ops/gae.ts";
import { generatedPlaces, paddedRoles } from "../episodes.ts";
import { constant, type Family, integers, type Op } from "../op.ts";

const GAMMA = 0.98, LAMBDA = 0.9;

/** The definition itself: A[t] = Σₖ (γλ)ᵏ δ[t + k] over the generated tokens of one row. */
function rowAdvantages(rewards: number[], values: number[]): number[] {
  const deltas = rewards.map((reward, t) => reward + GAMMA * (values[t + 1] ?? 0) - values[t]);
  return deltas.map((_, start) =>
    deltas.slice(start).reduce((sum, delta, k) => sum + (GAMMA * LAMBDA) ** k * delta, 0)
  );
}

const gaeOp: Op = {
  name: "generalizedAdvantage",
  summary: "advantages and returns over the generated tokens of each row",
  entries: ["generalized_advantage"],
  letters: { B: { meaning: "episodes" }, T: { meaning: "tokens of the longest" } },
  typical: { B: 32, T: 68 },
  grid: [{ B: 1, T: 1 }, { B: 3, T: 7 }, { B: 65, T: 33 }, { B: 130, T: 20 }],
  more: [{ B: 9, T: 1000 }],
  tolerance: { output: 1e-5, reason: "a recursion of T steps in f32" },
  problem({ B, T }) {
    const roles = paddedRoles(B, T, 1);
    return {
      inputs: {
        rewards: constant([B, T], 2),
        values: constant([B, T], 3),
        roles: integers(roles, [B, T]),
      },
      run: ({ rewards, values, roles }) => ({
        ...generalizedAdvantage({ rewards, values, roles }, { gamma: GAMMA, lambda: LAMBDA }),
      }),
      reference({ rewards, values }) {
        const advantages = new Float64Array(B * T), returns = new Float64Array(B * T);
        for (const places of generatedPlaces(roles, T)) {
          const at = (x: ArrayLike<number>) => places.map((i) => x[i]);
          rowAdvantages(at(rewards), at(values)).forEach((advantage, k) => {
            advantages[places[k]] = advantage;
            returns[places[k]] = advantage + values[places[k]];
          });
        }
        return { advantages, returns };
      },
    };
  },
  cost: ({ B, T }) => ({ bytes: 20 * B * T }),
};

export const gaeFamily: Family = { name: "gae", shaders: ["gae"], ops: [gaeOp] };
