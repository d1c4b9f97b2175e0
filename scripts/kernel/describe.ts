import { describeSizes, type Op } from "../../engine/check/op.ts";

/** What the registry says about an op, in lines: for `kernel.ts list` and docs/kernels. */
export function describeOp(op: Op): string[] {
  const { name, summary, entries, letters, typical, variants = [], tolerance } = op;
  const sizes = Object.entries(letters).map((
    [letter, { meaning, multiple, most, default: other }],
  ) =>
    [
      letter.padEnd(12) + meaning,
      multiple === undefined ? "" : `, a multiple of ${multiple}`,
      most === undefined ? "" : `, at most ${most}`,
      other === undefined ? "" : ` (${other} where left out)`,
    ].join("")
  );
  const names = variants.map(({ name, shader }) => shader ? `${name} (${shader}.wgsl)` : name);
  return [
    `${name}: ${summary}`,
    ...labelled("sizes", sizes),
    ...labelled("typical", [describeSizes(typical)]),
    ...labelled("entries", wrap(entries.join(", "), 86)),
    ...names.length ? labelled("variants", wrap(names.join(", "), 86)) : [],
    ...labelled("tolerance", [tolerances(op), ...wrap(tolerance.reason, 86)]),
    ...labelled("checked", wrap(op.grid.map(describeSizes).join(" · "), 86)),
    ...op.more?.length
      ? labelled("with --full", wrap(op.more.map(describeSizes).join(" · "), 86))
      : [],
  ];
}

function tolerances({ tolerance: { output, gradient } }: Op): string {
  const outputs = output === 0 ? "outputs exact" : `outputs within ${output.toExponential()}`;
  return gradient === undefined
    ? outputs
    : `${outputs}, gradients within ${gradient.toExponential()}`;
}

/** Lines under a label, all but the first indented below it. */
function labelled(label: string, lines: readonly string[]): string[] {
  return lines.map((line, i) => `  ${(i === 0 ? label : "").padEnd(12)}${line}`);
}

/** Breaks a text at spaces into lines of at most so many characters. */
function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!;
    if (last && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}
