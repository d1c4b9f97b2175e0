import type { BufferPool, Storage } from "../gpu/buffers.ts";
import { Tensor } from "./tensor.ts";

/** Owns the buffers made while it is the innermost one, and gives them back to the pool when it closes. */
export class Scope {
  readonly owned = new Set<Storage>();
}

/** The stack of open scopes of one engine. A buffer made outside all scopes lives until it is released by name. */
export class ScopeStack {
  #stack: Scope[] = [];
  #owners = new Map<Storage, Scope>();

  constructor(readonly pool: BufferPool) {}

  own(storage: Storage): void {
    const scope = this.#stack.at(-1);
    if (!scope) return;
    scope.owned.add(storage);
    this.#owners.set(storage, scope);
  }

  /** Runs `body` and frees what it made, but for the tensors it returns; those pass to the scope around it. */
  run<T>(body: () => T): T {
    return this.within(new Scope(), body, true);
  }

  /** Runs `body` so that what it makes belongs to `scope`, which the caller closes later. */
  within<T>(scope: Scope, body: () => T, close = false): T {
    this.#stack.push(scope);
    let result: T | undefined;
    try {
      result = body();
      if (result instanceof Promise) {
        throw new TypeError(
          "a scope is synchronous: its body returned a Promise; hold an explicit Scope in asynchronous code",
        );
      }
      return result;
    } finally {
      this.#stack.pop();
      if (close) this.close(scope, result);
    }
  }

  /** Frees what `scope` owns, but for the tensors in `kept`, which pass to the innermost open scope. */
  close(scope: Scope, kept?: unknown): void {
    for (const storage of storagesIn(kept)) {
      if (scope.owned.has(storage)) {
        this.#disown(storage);
        this.own(storage);
      }
    }
    for (const storage of scope.owned) this.release(storage);
  }

  /** Frees one tensor's buffer now, whichever scope holds it. */
  release(storage: Storage): void {
    this.#disown(storage);
    this.pool.give(storage);
  }

  #disown(storage: Storage): void {
    this.#owners.get(storage)?.owned.delete(storage);
    this.#owners.delete(storage);
  }
}

function* storagesIn(value: unknown): Generator<Storage> {
  if (value instanceof Tensor) yield value.storage;
  else if (Array.isArray(value)) { for (const item of value) yield* storagesIn(item); }
  else if (value instanceof Map) { for (const item of value.values()) yield* storagesIn(item); }
  else if (
    value && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype
  ) {
    for (const item of Object.values(value)) yield* storagesIn(item);
  }
}
