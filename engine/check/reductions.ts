import { reductionVariants, withReductions } from "../ops/row-reduction.ts";
import type { Op, Variant } from "./op.ts";

const variants: readonly Variant[] = reductionVariants.map((name) => ({
  name,
  available: ({ subgroups }) => name === "workgroup" || subgroups,
}));

/** An op whose kernels reduce rows, in both of the ways in which they can. */
export function reducingRows(op: Op): Op {
  return {
    ...op,
    variants,
    problem(sizes) {
      const problem = op.problem(sizes);
      return {
        ...problem,
        run(tensors, variant) {
          const { engine } = Object.values(tensors)[0];
          return withReductions(engine, variant, () => problem.run(tensors));
        },
      };
    },
  };
}
