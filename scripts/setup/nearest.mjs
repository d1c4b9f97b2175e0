/**
 * ` Did you mean …?` with the known name that is nearest to `name`; empty where none is near.
 * @param {string} name
 * @param {readonly string[]} known
 * @param {(name: string) => string} show
 * @returns {string}
 */
export function suggestion(name, known, show) {
  const distances = known.map((candidate) => ({ candidate, distance: edits(name, candidate) }));
  const nearest = distances.reduce((a, b) => (b.distance < a.distance ? b : a));
  return nearest.distance <= Math.max(2, name.length / 3)
    ? ` Did you mean ${show(nearest.candidate)}?`
    : "";
}

/**
 * Levenshtein distance.
 * @param {string} a
 * @param {string} b
 */
function edits(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
