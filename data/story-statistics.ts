import { average } from "../engine/rl/statistics.ts";
import { percent } from "./percent.ts";

/** A row of `data/stories/<split>.jsonl.gz`. Training reads the first three fields alone. */
export interface StoryPair {
  prompt: string;
  chosen: string;
  rejected: string;
  chosen_gold: number;
  rejected_gold: number;
  /** Tokens of a response, without the end-of-sequence token. */
  chosen_tokens: number;
  rejected_tokens: number;
}

/** A row of `data/stories/<split>-references.jsonl`: a response that won its pair. */
export interface StoryReference {
  prompt: string;
  response: string;
  gold: number;
  tokens: number;
}

export interface StorySplit {
  pairs: readonly StoryPair[];
  references: readonly StoryReference[];
}

/** Statistics of the splits as a Markdown table. The card holds it, and a test keeps it true. */
export function storyTable(splits: Record<string, StorySplit>): string {
  const columns = Object.values(splits).map(statistics);
  const rows = [
    ["", ...Object.keys(splits)],
    ["---", ...columns.map(() => "---:")],
    ...Object.keys(columns[0]).map((name) => [name, ...columns.map((column) => column[name])]),
  ];
  return rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function statistics({ pairs, references }: StorySplit): Record<string, string> {
  const responses = distinctResponses(pairs);
  const unequal = pairs.filter((pair) => pair.chosen_tokens !== pair.rejected_tokens);
  const wrong = share(pairs, (pair) => pair.chosen_gold < pair.rejected_gold);
  const longer = share(unequal, (pair) => pair.chosen_tokens > pair.rejected_tokens);
  return {
    "prompts": String(references.length),
    "responses": String(responses.length),
    "pairs": String(pairs.length),
    "mean gold of all responses": average(responses.map(({ gold }) => gold)).toFixed(3),
    "mean gold of the references": average(references.map(({ gold }) => gold)).toFixed(3),
    "responses of gold 0": percent(share(responses, ({ gold }) => gold === 0)),
    "wrong labels": percent(wrong),
    "longer response wins": percent(longer),
    "mean tokens of a response": average(responses.map(({ tokens }) => tokens)).toFixed(1),
    "mean tokens of a reference": average(references.map(({ tokens }) => tokens)).toFixed(1),
  };
}

/** All responses to all prompts, each once: where a prompt has pairs at all, each response is in one of them. */
function distinctResponses(pairs: readonly StoryPair[]): { gold: number; tokens: number }[] {
  const found = new Map<string, { gold: number; tokens: number }>();
  for (const pair of pairs) {
    found.set(JSON.stringify([pair.prompt, pair.chosen]), {
      gold: pair.chosen_gold,
      tokens: pair.chosen_tokens,
    });
    found.set(JSON.stringify([pair.prompt, pair.rejected]), {
      gold: pair.rejected_gold,
      tokens: pair.rejected_tokens,
    });
  }
  return [...found.values()];
}

function share<T>(items: readonly T[], holds: (item: T) => boolean): number {
  return items.filter(holds).length / items.length;
}
