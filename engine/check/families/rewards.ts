import { shapeRewards } from "../../ops/rewards.ts";
import { generatedPlaces, paddedRoles } from "../episodes.ts";
import { constant, type Family, integers, type Op } from "../op.ts";

const KL_COEFFICIENT = 0.3;

const rewardsOp: Op = {
  name: "shapeRewards",
  summary: "rewards of generated tokens: a penalty on divergence, and the score at the last",
  entries: ["shape_rewards"],
  letters: { B: { meaning: "episodes" }, T: { meaning: "tokens of the longest" } },
  typical: { B: 32, T: 68 },
  grid: [{ B: 1, T: 1 }, { B: 3, T: 7 }, { B: 65, T: 33 }, { B: 130, T: 20 }],
  tolerance: { output: 1e-6, reason: "a difference, a product and a sum a token" },
  problem({ B, T }) {
    const codes = paddedRoles(B, T, 1);
    return {
      inputs: {
        scores: constant([B], 2),
        logProbs: constant([B, T], 3),
        referenceLogProbs: constant([B, T], 4),
        roles: integers(codes, [B, T]),
      },
      run: ({ scores, logProbs, referenceLogProbs, roles }) => ({
        rewards: shapeRewards(
          { scores, logProbs, referenceLogProbs, roles },
          { klCoefficient: KL_COEFFICIENT },
        ),
      }),
      reference({ scores, logProbs, referenceLogProbs }) {
        const rewards = new Float64Array(B * T);
        for (const [row, places] of generatedPlaces(codes, T).entries()) {
          for (const i of places) {
            rewards[i] = -KL_COEFFICIENT * (logProbs[i] - referenceLogProbs[i]);
          }
          if (places.length) rewards[places.at(-1)!] += scores[row];
        }
        return { rewards };
      },
    };
  },
  cost: ({ B, T }) => ({ bytes: 16 * B * T }),
};

export const rewardsFamily: Family = { name: "rewards", shaders: ["rewards"], ops: [rewardsOp] };
