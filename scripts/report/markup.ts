/** HTML that is safe to put into a page as it stands. Only this module and figures make it. */
export class Markup {
  constructor(readonly html: string) {}
}

type Content = Markup | string | number | Content[];

/**
 * A template whose values are escaped, as text and inside quoted attributes alike, unless they are
 * {@link Markup} already. Arrays are joined.
 */
export function markup(parts: TemplateStringsArray, ...values: Content[]): Markup {
  return new Markup(
    parts.map((part, index) => part + (index < values.length ? render(values[index]!) : ""))
      .join(""),
  );
}

export const nothing = new Markup("");

function render(value: Content): string {
  if (value instanceof Markup) return value.html;
  if (Array.isArray(value)) return value.map(render).join("");
  return escape(String(value));
}

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string) {
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
    // Control characters and halves of surrogate pairs may not stand in HTML.
    // deno-lint-ignore no-control-regex
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\p{Surrogate}/gu, "\ufffd");
}

/** A style element of the project's own CSS. */
export const trustedStyle = (css: string): Markup => new Markup(`<style>\n${css}</style>`);
