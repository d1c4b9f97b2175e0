import { addInPlace } from "./add-in-place.ts";
import { Tensor } from "./tensor.ts";

/** Adds the gradients of one op's inputs. Handed to the op's backward function. */
export interface Sink {
  /** Whether anything that is being differentiated depends on `input`. */
  needs(input: Tensor): boolean;
  /**
   * Gives `gradient` as (part of) the gradient of `input`; it belongs to the tape from here on. It may
   * be the upstream gradient itself, for one input, after the last launch that reads it.
   */
  give(input: Tensor, gradient: Tensor): void;
  /**
   * Where a kernel writes the gradient of `input`: adding to what is there where `accumulate` says so,
   * over undefined contents otherwise. Saves a launch for inputs that several ops use.
   */
  destination(input: Tensor): { gradient: Tensor; accumulate: boolean };
  /** A zero-initialised tensor of `input`'s shape that the kernel adds the gradient of `input` to. */
  accumulator(input: Tensor): Tensor;
}

type Backward = (upstream: Tensor, sink: Sink) => void;
type BackwardOfMany = (upstreams: readonly (Tensor | null)[], sink: Sink) => void;

interface Node {
  op: string;
  outputs: readonly Tensor[];
  backward: BackwardOfMany;
}

/**
 * Records ops with their backward functions, and runs those in reverse (reverse-mode automatic
 * differentiation). Only ops on watched tensors, or on what depends on them, are recorded.
 */
export class Tape {
  #nodes: Node[] = [];
  #tracked = new Set<Tensor>();
  #gradients = new Map<Tensor, Tensor>();

  /** Differentiates with respect to `tensor`; gradients are added to `accumulator` where one is given. */
  watch(tensor: Tensor, accumulator?: Tensor): void {
    this.#tracked.add(tensor);
    if (accumulator) this.#gradients.set(tensor, accumulator);
  }

  /** Whether anything that is being differentiated leads to `tensor`. */
  tracks(tensor: Tensor): boolean {
    return this.#tracked.has(tensor);
  }

  /** Called by each op after its launch. */
  record(op: string, inputs: readonly Tensor[], output: Tensor, backward: Backward): void {
    this.recordMany(op, inputs, [output], ([upstream], sink) => backward(upstream!, sink));
  }

  /** `record` for an op of several outputs; the upstream gradient of an unused output is null. */
  recordMany(
    op: string,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    backward: BackwardOfMany,
  ): void {
    if (!inputs.some((input) => this.#tracked.has(input))) return;
    for (const output of outputs) this.#tracked.add(output);
    this.#nodes.push({ op, outputs, backward });
  }

  /** Runs backward from `output`, whose upstream gradient is `seed` (1 for a scalar loss). */
  backward(output: Tensor, seed: Tensor = output.engine.tensor([1])): void {
    this.backwardFrom([[output, seed]]);
  }

  /** Runs backward from several outputs at once, each with its upstream gradient. */
  backwardFrom(pairs: readonly (readonly [output: Tensor, seed: Tensor])[]): void {
    for (const [output, seed] of pairs) {
      if (!this.#tracked.has(output)) {
        throw new Error(
          `nothing that is being differentiated leads to the tensor of shape [${output.shape}]`,
        );
      }
      this.#gradients.set(output, seed);
    }
    for (const node of this.#nodes.reverse()) this.#step(node);
    this.#nodes = [];
  }

  /** The gradient found for a watched tensor; null where nothing depends on it. */
  gradient(tensor: Tensor): Tensor | null {
    return this.#gradients.get(tensor) ?? null;
  }

  #step({ outputs, backward }: Node): void {
    const upstreams = outputs.map((output) => this.#gradients.get(output) ?? null);
    if (upstreams.every((upstream) => upstream === null)) return; // the loss does not depend on it
    for (const output of outputs) this.#gradients.delete(output);
    backward(upstreams, this.#sink(upstreams));
    // Most of a backward pass's memory is upstream gradients; each is dead once its op has used it.
    const kept = new Set([...this.#gradients.values()].map((gradient) => gradient.storage));
    for (const upstream of upstreams) {
      if (upstream && !kept.has(upstream.storage)) upstream.engine.release(upstream);
    }
  }

  #sink(upstreams: readonly (Tensor | null)[]): Sink {
    return {
      needs: (input) => this.#tracked.has(input),
      give: (input, gradient) => {
        const existing = this.#gradients.get(input);
        const own = upstreams.some((upstream) => upstream?.storage === gradient.storage);
        if (!this.#tracked.has(input)) {
          if (!own) input.engine.release(gradient);
        } else if (existing) {
          addInPlace(existing, gradient);
          if (!own) input.engine.release(gradient);
        } else this.#gradients.set(input, gradient);
      },
      destination: (input) => {
        const existing = this.#gradients.get(input);
        if (existing) return { gradient: existing, accumulate: true };
        const gradient = input.engine.empty(input.shape);
        this.#gradients.set(input, gradient);
        return { gradient, accumulate: false };
      },
      accumulator: (input) => {
        let gradient = this.#gradients.get(input);
        if (!gradient) this.#gradients.set(input, gradient = input.engine.zeros(input.shape));
        return gradient;
      },
    };
  }
}
