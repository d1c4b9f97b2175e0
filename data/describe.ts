import { PLAIN_TURNS } from "./chat.ts";
import type { Dataset } from "./dataset.ts";

const CHAT = {
  plain: `Chat messages are written as plain turns (${PLAIN_TURNS})`,
  template: "Chat messages are written by the model's chat template; they are shown as plain turns",
};

const LONGEST = 300; // characters of one text

/** What a person should see before they trust the reading: the form, the counts and the first example. */
export function describeDataset(dataset: Dataset): string {
  const { name, form, chat, records, pairs, references, bad, equal } = dataset;
  const left = [
    equal.length > 0 ? `Left out, for both responses are equal: ${equal.length}` : "",
    bad.length > 0 ? `Bad rows skipped: ${bad.length}; ${bad[0].id}: ${bad[0].reason}` : "",
  ];
  return [
    `${name}: ${form.name} (${form.reads})`,
    `${records} rows, ${pairs.length} pairs, ${references.length} references`,
    ...left.filter((line) => line !== ""),
    ...chat === "none" ? [] : [CHAT[chat]],
    "The first example:",
    ...Object.entries(firstExample(dataset)).map(([key, text]) => `  ${key}: ${shorten(text)}`),
  ].join("\n");
}

function firstExample({ pairs, references, rated }: Dataset): Record<string, string> {
  if (pairs.length > 0) {
    const [{ prompt, chosen, rejected }] = pairs;
    return { prompt, chosen, rejected };
  }
  if (references.length > 0) {
    const [{ prompt, response }] = references;
    return { prompt, response };
  }
  if (rated.length === 0) return {}; // pairs of equal answers alone
  const [{ prompt, answers: [{ text, rating }] }] = rated;
  return { prompt, response: text, rating: String(rating) };
}

/** As JSON, so that leading spaces and line ends show; of a long text its ends. */
function shorten(text: string): string {
  const half = LONGEST / 2;
  return JSON.stringify(
    text.length <= LONGEST ? text : `${text.slice(0, half)} […] ${text.slice(-half)}`,
  );
}
