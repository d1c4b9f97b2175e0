// An op of the registry as something to time.
import { inputTensors, variables } from "../../engine/check/check.ts";
import { completeSizes, type Cost, type Op, type Sizes } from "../../engine/check/op.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { Tape } from "../../engine/tensor/tape.ts";

/** An op with its inputs on the GPU. */
export interface Work {
  forward(): void;
  /** Forward, then backward to all inputs that have a gradient; null where none has. */
  both: (() => void) | null;
  /** Of `forward`. */
  cost: Cost;
}

/** Puts the inputs of an op on the GPU; they belong to the innermost scope. */
export function prepareWork(engine: Engine, op: Op, sizes: Sizes, variant?: string): Work {
  const complete = completeSizes(op, sizes);
  const problem = op.problem(complete), tensors = inputTensors(engine, problem);
  const names = variables(problem);
  const both = () => {
    const tape = new Tape();
    for (const name of names) tape.watch(tensors[name]);
    const outputs = engine.record(tape, () => problem.run(tensors, variant));
    const { differentiable = Object.keys(outputs) } = problem;
    tape.backwardFrom(
      differentiable.map((name) => [outputs[name], engine.zeros(outputs[name].shape)] as const),
    );
  };
  return {
    forward: () => void problem.run(tensors, variant),
    both: names.length > 0 ? both : null,
    cost: op.cost?.(complete) ?? {},
  };
}
