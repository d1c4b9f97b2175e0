import { exchanged, lanesCheck } from "../../gpu/self-test-lanes.ts";
import { constant, type Family, type Op } from "../op.ts";

const exchangeOp: Op = {
  name: "exchange",
  summary: "what lanes of a subgroup exchange, and that they go in step",
  entries: ["exchange"],
  letters: { rounds: { meaning: "rounds of writing and reading" } },
  typical: { rounds: 64 },
  grid: [{ rounds: 0 }, { rounds: 1 }, { rounds: 7 }, { rounds: 1000 }],
  variants: [{ name: "in step", available: ({ software, subgroups }) => software && subgroups }],
  tolerance: { output: 0, reason: "integers" },
  problem: ({ rounds }) => {
    let lanes = 0;
    return {
      inputs: { engine: constant([1], 1) },
      run({ engine: { engine } }) {
        lanes = engine.features.lanes;
        const { shader, entry, constants, bindings, parameters, grid } = lanesCheck(lanes, rounds);
        const bound = bindings(engine);
        engine.launch(shader, entry, bound, parameters, grid, constants);
        return { numbers: bound.numbers };
      },
      reference: () => ({ numbers: exchanged(lanes, rounds) }),
    };
  },
};

export const lanesFamily: Family = { name: "lanes", shaders: ["lanes"], ops: [exchangeOp] };
