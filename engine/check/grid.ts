import type { Engine } from "../gpu/engine.ts";
import { checkOp, type Deviation } from "./check.ts";
import type { Family, Op, Sizes, Variant } from "./op.ts";

/** The check of one op at one shape by one kernel. */
export interface GridRow {
  op: Op;
  sizes: Sizes;
  /** Absent where the op has one kernel alone. */
  variant?: string;
  deviations: Deviation[];
}

/**
 * The variants of an op that this engine's adapter can run, at these sizes where some are given; a nameless one
 * where there is no choice.
 */
export function availableVariants(
  { features }: Engine,
  { variants }: Op,
  sizes?: Sizes,
): Partial<Variant>[] {
  return variants?.filter(({ available, fits }) =>
    (available?.(features) ?? true) && (!sizes || (fits?.(sizes) ?? true))
  ) ?? [{}];
}

/** Which of an op's shapes: a third of its grid, for slow places; its grid; or the larger ones too. */
export type Shapes = "few" | "grid" | "full";

function shapesOf({ grid, more = [] }: Op, shapes: Shapes): readonly Sizes[] {
  if (shapes === "few") return grid.filter((_, i) => i % 3 === 1 || i === grid.length - 1);
  return shapes === "full" ? [...grid, ...more] : grid;
}

/**
 * Checks ops over their shapes, one after the other.
 * @param families whose ops are checked
 * @param options `variant`: only the kernels of this name
 */
export async function* checkGrid(
  engine: Engine,
  families: readonly Family[],
  { shapes = "grid", variant }: { shapes?: Shapes; variant?: string } = {},
): AsyncGenerator<GridRow> {
  for (const op of families.flatMap(({ ops }) => ops)) {
    for (const sizes of shapesOf(op, shapes)) {
      for (const { name } of availableVariants(engine, op, sizes)) {
        if (variant !== undefined && name !== variant) continue;
        yield { op, sizes, variant: name, deviations: await checkOp(engine, op, sizes, name) };
      }
    }
  }
}
