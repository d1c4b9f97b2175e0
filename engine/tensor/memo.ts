import type { Scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/**
 * What ops derive from tensors that stay as they are for a while: during generation, weights laid out for the
 * product. While an engine remembers (`Engine.remember`), none of the tensors that products get on their right
 * may change.
 */
export class Memo {
  #derived = new Map<string, Tensor>();

  /** @param scope owns what is derived */
  constructor(readonly scope: Scope) {}

  /** What was derived from `source` before, else what `make` returns. */
  get(source: Tensor, make: () => Tensor): Tensor {
    // By place, for the blocks of a large table are views made anew at each use.
    const place = `${source.storage.id} ${source.offset} ${source.shape}`;
    let derived = this.#derived.get(place);
    if (!derived) this.#derived.set(place, derived = source.engine.within(this.scope, make));
    return derived;
  }
}
