import { letterScripts, type ScriptShare } from "./letters.ts";

/** One kind of damage: texts that have it, and where it is first seen. */
export interface Damage {
  name: string;
  texts: number;
  /** Some characters around the first place; null where there is none. */
  example: string | null;
}

export interface TextHealth {
  /** Different prompts and responses that were looked at. */
  texts: number;
  damage: Damage[];
  /** Empty where there are no letters. */
  scripts: ScriptShare[];
  /** Rows whose prompt and response meet without white space between them. */
  glued: number;
  rows: number;
}

const KINDS: [name: string, pattern: RegExp][] = [
  // UTF-8 that was read as Windows-1252: Ã© for é, â€™ for ’, Â before a space or a sign, ð\u0178 of an emoji.
  ["mojibake", /[ÃÂ][\u0080-\u00bf\u0192\u02c6\u2018-\u2022\u2026]|â[€\u0080-\u00bf]|ðŸ|ï»¿/],
  ["replacement characters (U+FFFD)", /\ufffd/],
  // deno-lint-ignore no-control-regex -- to find them is the purpose
  ["control characters", /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/],
  ["escaped HTML (&amp; &lt; &#39;)", /&(?:amp|lt|gt|quot|nbsp|#x?[0-9a-f]{2,5});/i],
  ["HTML tags", /<\/?(?:p|br|div|span|a|b|i|li|ul|img)(?:\s[^<>]*)?\/?>/i],
  ["literal control tokens", /<\|(?:endoftext|im_start|im_end|eot_id)\|>|<\/?s>|\[\/?INST\]/],
];

/** Looks for damage of encoding and of extraction in the texts of rows. */
export function inspectTexts(
  rows: readonly { prompt: string; responses: readonly string[] }[],
): TextHealth {
  const texts = [...new Set(rows.flatMap(({ prompt, responses }) => [prompt, ...responses]))];
  return {
    texts: texts.length,
    damage: KINDS.map(([name, pattern]) => inspect(texts, name, pattern)),
    scripts: letterScripts(texts),
    glued:
      rows.filter(({ prompt, responses }) =>
        /\S$/.test(prompt) && responses.some((text) => /^[\p{Letter}\p{Number}]/u.test(text))
      ).length,
    rows: rows.length,
  };
}

function inspect(texts: readonly string[], name: string, pattern: RegExp): Damage {
  const damaged = texts.filter((text) => pattern.test(text));
  if (damaged.length === 0) return { name, texts: 0, example: null };
  const at = pattern.exec(damaged[0])!.index;
  return { name, texts: damaged.length, example: damaged[0].slice(Math.max(0, at - 20), at + 20) };
}
