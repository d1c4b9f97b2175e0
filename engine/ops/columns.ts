import { expectShape, type Tensor } from "../tensor/tensor.ts";

// A range of a matrix's columns, out of it and back. Neither is recorded on the tape.

/** narrow [N, c] ← columns first … first + c − 1 of wide [N, C]. */
export function takeColumns(wide: Tensor, narrow: Tensor, first: number): void {
  const { engine, size } = narrow;
  const parameters = columnParameters("takeColumns", wide, narrow, first);
  engine.launch(
    "gather",
    "take_columns",
    { wide, narrow_out: narrow },
    parameters,
    engine.grid(size),
  );
}

/** Columns first … first + c − 1 of wide [N, C] ← narrow [N, c]. */
export function placeColumns(narrow: Tensor, wide: Tensor, first: number): void {
  const { engine, size } = narrow;
  const parameters = columnParameters("placeColumns", wide, narrow, first);
  engine.launch(
    "gather",
    "place_columns",
    { narrow, wide_out: wide },
    parameters,
    engine.grid(size),
  );
}

function columnParameters(op: string, wide: Tensor, narrow: Tensor, first: number) {
  const [rows, wide_columns] = wide.shape;
  expectShape(op, "narrow", narrow, [rows, null]);
  const [, columns] = narrow.shape;
  if (first + columns > wide_columns) {
    throw new RangeError(
      `${op}: columns ${first} … ${
        first + columns - 1
      } are not all among the ${wide_columns} of wide`,
    );
  }
  return { rows, columns, wide_columns, first };
}
