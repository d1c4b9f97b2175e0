// The pages of docs/kernels: sections written from the registry and the WGSL files, among prose written by hand.
import type { Family } from "../../engine/check/op.ts";
import { includesOf, shaderText } from "../../engine/gpu/shaders.ts";
import { describeOp } from "./describe.ts";

/** A page's text, with its sections of these names replaced; those it lacks are added at its end. */
export function withSections(page: string, sections: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(sections)) {
    const begin = `<!-- ${name}: written by kernel.ts docs -->`, end = `<!-- end of ${name} -->`;
    const section = `${begin}\n\n${text}\n\n${end}`;
    const [from, to] = [page.indexOf(begin), page.indexOf(end)];
    if (from < 0) page = `${page.trimEnd()}\n\n${section}\n`;
    else if (to < from) throw new Error(`the section ${name} begins and does not end with ${end}`);
    else page = page.slice(0, from) + section + page.slice(to + end.length);
  }
  return page;
}

/** The page of a family, made new or brought up to date. */
export function kernelPage(family: Family, page = `# ${family.name}\n`): string {
  return withSections(page, {
    mathematics: filesOf(family).map(headComment).join("\n\n"),
    ops: family.ops.map((op) => fenced("text", describeOp(op))).join("\n\n"),
  });
}

/** A family's shaders, and then what they include, each once. */
function filesOf({ shaders }: Family): { name: string; text: string }[] {
  const own = shaders.map((name) => ({ name, text: shaderText(name) }));
  const all = [...own, ...shaders.flatMap(includesOf)];
  return all.filter(({ name }, i) => all.findIndex((file) => file.name === name) === i);
}

/** The comment that opens a WGSL file: the mathematics, and how the work is shared out. */
function headComment({ name, text }: { name: string; text: string }): string {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  const comment = lines.slice(0, end).map((line) => line.replace(/^\/\/ ?/, ""));
  return `[shaders/${name}.wgsl](../../shaders/${name}.wgsl):\n\n${fenced("text", comment)}`;
}

/** The page that lists the others. */
export function indexPage(families: readonly Family[], page: string): string {
  const rows = families.flatMap(({ name, ops }) =>
    ops.map((op) => [`[${name}](${name}.md)`, `\`${op.name}\``, op.summary])
  );
  return withSections(page, { families: table(["family", "op", "what it computes"], rows) });
}

function table(head: string[], rows: string[][]): string {
  const widths = head.map((name, c) => Math.max(name.length, ...rows.map((row) => row[c].length)));
  const line = (cells: string[]) =>
    `| ${cells.map((cell, c) => cell.padEnd(widths[c])).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

export function fenced(language: string, lines: readonly string[]): string {
  return ["```" + language, ...lines, "```"].join("\n");
}
