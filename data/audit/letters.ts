/** Part of the letters that one script has. */
export interface ScriptShare {
  script: string;
  share: number;
}

const OTHERS = [
  ...["Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali", "Thai"],
  ...["Han", "Hiragana", "Katakana", "Hangul"],
].map((script) => [script, new RegExp(`\\p{Script=${script}}`, "gu")] as const);

/** What the letters of texts are written in, the most frequent first: as much as letters tell of a language. */
export function letterScripts(texts: readonly string[]): ScriptShare[] {
  const counts = new Map<string, number>();
  const add = (script: string, count: number) => {
    if (count > 0) counts.set(script, (counts.get(script) ?? 0) + count);
  };
  for (const text of texts) {
    const letters = text.match(/\p{Letter}/gu) ?? [];
    const rest = letters.filter((letter) => !/\p{Script=Latin}/u.test(letter)).join("");
    add("Latin", letters.length - [...rest].length);
    const known = OTHERS.map(([script, pattern]) => {
      const count = rest.match(pattern)?.length ?? 0;
      add(script, count);
      return count;
    });
    add("other", [...rest].length - known.reduce((sum, count) => sum + count, 0));
  }
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...counts].sort(([, a], [, b]) => b - a)
    .map(([script, count]) => ({ script, share: count / all }));
}
