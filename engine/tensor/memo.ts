import type { Scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/**
 * What ops derive from tensors that stay as they are for a while: during generation, weights laid out for the
 * product. While an engine remembers (`Engine.remember`), none of the tensors that products get on their right
 * may change.
 */
export class Memo {
  #derived = new Map<Tensor, Tensor>();

  /** @param scope owns what is derived */
  constructor(readonly scope: Scope) {}

  /** What was derived from `source` before, else what `make` returns. */
  get(source: Tensor, make: () => Tensor): Tensor {
    let derived = this.#derived.get(source);
    if (!derived) this.#derived.set(source, derived = source.engine.within(this.scope, make));
    return derived;
  }
}
