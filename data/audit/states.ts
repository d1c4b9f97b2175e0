/** Where episodes can start. */
export interface ResetStates {
  unit: "words" | "tokens";
  /** Different ones. */
  references: number;
  /** Different prompts among them. */
  prompts: number;
  /** Different states: a prompt with the first 0 … L−1 units of one of its references of L units. */
  states: number;
}

/** Counts the reset states of references whose responses are cut into units (words or token ids). */
export function countStates(
  references: readonly { prompt: string; units: readonly (string | number)[] }[],
  unit: ResetStates["unit"],
): ResetStates {
  const byPrompt = new Map<string, (readonly (string | number)[])[]>();
  for (const { prompt, units } of references) {
    byPrompt.set(prompt, [...byPrompt.get(prompt) ?? [], units]);
  }
  let states = 0, different = 0;
  for (const group of byPrompt.values()) {
    states += distinctPrefixes(group);
    different += new Set(group.map((units) => JSON.stringify(units))).size;
  }
  return { unit, references: different, prompts: byPrompt.size, states };
}

/** Different proper prefixes, the empty one included. */
function distinctPrefixes(responses: readonly (readonly (string | number)[])[]): number {
  const prefixes = new Set<string>();
  for (const units of responses) {
    let path = "";
    for (const unit of units) {
      prefixes.add(path);
      path += `${JSON.stringify(unit)},`;
    }
  }
  return prefixes.size;
}
