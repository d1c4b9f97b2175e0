// Errors of what was computed against what is expected, by groups.

/** The worst tensor of a group: error is max|a − b| / max|b|. */
export interface Check {
  group: string;
  worst: string;
  error: number;
  tolerance: number;
  /** Tensors, or answers, compared. */
  count: number;
}

export const TOLERANCE = { logits: 1e-4, gradients: 2e-3, losses: 1e-4, exact: 0 };

/** Keeps the worst of each group. */
export class Groups {
  #checks = new Map<string, Check>();

  add(
    group: string,
    name: string,
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    tolerance: number,
  ): void {
    const error = actual.length === expected.length ? relativeError(actual, expected) : Infinity;
    const check = this.#checks.get(group);
    const count = (check?.count ?? 0) + 1;
    if (!check || error > check.error) {
      this.#checks.set(group, { group, worst: name, error, tolerance, count });
    } else check.count = count;
  }

  get all(): Check[] {
    return [...this.#checks.values()];
  }
}

function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0, largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    difference = d > difference || Number.isNaN(d) ? (Number.isNaN(d) ? Infinity : d) : difference;
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return largest > 0 ? difference / largest : difference;
}
