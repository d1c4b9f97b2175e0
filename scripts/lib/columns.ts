/** Titled texts beside each other, wrapped at words to share `width` characters; at least 20 each. */
export function columns(
  texts: readonly { title: string; text: string }[],
  width: number,
): string {
  const gap = 3;
  const each = Math.max(20, Math.floor((width - gap * (texts.length - 1)) / texts.length));
  const cells = texts.map(({ title, text }) => [
    // Of a path the end says what it is.
    title.slice(-each),
    "-".repeat(Math.min(each, title.length)),
    ...text.split("\n").flatMap((line) => wrap(line, each)),
  ]);
  const height = Math.max(...cells.map(({ length }) => length));
  const rows = Array.from(
    { length: height },
    (_, y) => cells.map((lines) => pad(lines[y] ?? "", each)).join(" ".repeat(gap)).trimEnd(),
  );
  return rows.join("\n");
}

/** Lines of at most `width` characters, parted between words; a longer word is cut. */
function wrap(line: string, width: number): string[] {
  const pieces = new RegExp(`.{1,${width}}`, "gu");
  const lines: string[] = [];
  for (const word of line.split(" ").flatMap((word) => word.match(pieces) ?? [""])) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && size(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

const size = (text: string) => [...text].length;
const pad = (text: string, width: number) => text + " ".repeat(width - size(text));
