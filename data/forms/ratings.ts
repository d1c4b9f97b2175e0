import { z } from "zod";
import {
  BadRow,
  type Columns,
  type Form,
  has,
  renderAnswer,
  show,
  textOrMessages,
} from "./form.ts";

const DIGITS = /^\s*[-+.\d]\S*\s*$/; // Number("") would be 0

const number = z.unknown().transform((value, { addIssue }) => {
  const given = typeof value === "string" && DIGITS.test(value) ? Number(value) : value;
  if (typeof given === "boolean" || Number.isFinite(given)) return Number(given);
  addIssue(`expected a finite number, got ${show(value)}`);
  return z.NEVER;
});

const listSchema = z.looseObject({
  prompt: textOrMessages,
  responses: z.array(textOrMessages).min(2, "a ranking needs two responses or more"),
  ranks: z.array(number).nullish(),
  ratings: z.array(number).nullish(),
});

/** Several answers to a prompt, best first, or with ranks (1 is best) or ratings (higher is better). */
export const rankedLists: Form = {
  name: "ranked lists",
  reads: "prompt, responses (best first, or with ranks: 1 is best, or with ratings)",
  columns: ["prompt", "responses", "ranks", "ratings"],
  recognises: (row) => has(row, "prompt", "responses"),
  read(row, rule) {
    const { prompt, responses, ranks, ratings } = listSchema.parse(row);
    const values = ratings ?? ranks?.map((rank) => -rank) ?? responses.map((_, i) => -i);
    if (values.length !== responses.length) {
      const name = ratings ? "ratings" : "ranks";
      throw new BadRow(`${responses.length} responses, but ${values.length} ${name}`);
    }
    const rendered = responses.map((response) => renderAnswer(prompt, response, rule));
    const answers = rendered.map(({ response }, i) => ({ text: response, rating: values[i] }));
    const { prompt: asked, messages } = rendered[0];
    return { kind: "rated", rated: { prompt: asked, messages, answers } };
  },
};

const rowSchema = z.looseObject({
  prompt: textOrMessages,
  response: textOrMessages,
  rating: number,
});

/** One answer and its rating a row; a `label` true or false is a rating too (TRL's unpaired preferences). */
export const scalarRatings: Form = {
  name: "rated answers",
  reads: "prompt, response, rating or score (rows of the same prompt make pairs)",
  columns: ["prompt", "response", "completion", "rating", "score", "label"],
  oneScale: true,
  recognises: (row) => has(named(row), "prompt", "response", "rating"),
  read(row, rule) {
    const { prompt, response, rating } = rowSchema.parse(named(row));
    const answer = renderAnswer(prompt, response, rule);
    const answers = [{ text: answer.response, rating }];
    return { kind: "rated", rated: { prompt: answer.prompt, messages: answer.messages, answers } };
  },
};

/** The row with the other names of its columns as the schema has them. */
function named(row: Columns): Columns {
  const { response = row["completion"], rating = row["score"] ?? truth(row["label"]) } = row;
  return { ...row, response, rating };
}

/** True or false, in CSV too; another label is no rating but an answer. */
function truth(label: unknown): boolean | undefined {
  const word = String(label).toLowerCase();
  return word === "true" || word === "false" ? word === "true" : undefined;
}
