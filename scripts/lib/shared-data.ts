import { fileURLToPath } from "node:url";

/** Data of others that stands beside the checkout and is not part of it. */
const sharedData = (name: string) =>
  fileURLToPath(new URL(`../../../shared/data/${name}`, import.meta.url));

export const redditCorpus = sharedData("reddit-corpus/small.txt.gz");
export const redditSummaries = sharedData("reddit-tldr");
export const helpfulBase = sharedData("hh-rlhf/helpful-base/test.jsonl.gz");

/** The bundled model's folder: small models made here share its tokenizer. */
export const storyteller = fileURLToPath(new URL("../../data/storyteller", import.meta.url));

export const contentWarning =
  "Warning: real posts and dialogues, and models trained on them, contain offensive text.";
