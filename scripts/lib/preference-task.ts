import type { Dataset, DatasetOptions } from "../../data/dataset.ts";
import { describeDataset } from "../../data/describe.ts";
import { splitRows } from "../../data/split.ts";
import { loadDataset } from "./data.ts";
import { naming } from "./load-model.ts";
import { FRACTIONS, SPLIT_SEED, type TaskText, uniquePrompts } from "./task.ts";

/** What a run does with data of one's own. */
export interface OwnDataOptions extends DatasetOptions {
  /** A file of prompts with responses, for SFT and resets in place of the data's own. */
  references?: string;
  /** A file of prompts with responses that episodes are reset into in place of the references. */
  resets?: string;
  /** The data may be demonstrations only, such as SFT learns. */
  pairsOptional?: boolean;
}

/**
 * Preference data of one's own, split by prompt. The reference of a prompt is its best rated response, or the one
 * that its last pair chose; of demonstrations there are references alone.
 */
export async function preferenceTask(
  path: string,
  { references, resets, pairsOptional = false, ...options }: OwnDataOptions,
): Promise<TaskText> {
  const { data, pairs, best } = await naming("--data", readSplit(path, options, pairsOptional));
  const held = new Set(
    [pairs, best].flatMap(({ validation, test }) => [...validation, ...test])
      .map(({ prompt }) => prompt),
  );
  const paired = data.pairs.length > 0;
  const { columns: _, ...reading } = options;
  const read = (flag: string, file: string) =>
    naming(flag, readResponses(flag, file, reading, held));
  const own = references ? await read("--references", references) : null;
  const selected = resets ? await read("--resets", resets) : null;
  return {
    name: data.name,
    description: [describeDataset(data), own?.description, selected?.description]
      .filter((text) => text !== undefined).join("\n"),
    goldName: null,
    gold: null,
    warnings: [
      "The prompts and responses below come from real data or models trained on it and may be offensive.",
    ],
    pairs: { train: pairs.train, test: pairs.test },
    references: {
      train: own?.references ?? uniquePrompts(best.train),
      validation: uniquePrompts(best.validation),
      test: uniquePrompts(best.test),
    },
    resets: selected && selected.references,
    rows: paired ? data.pairs.length : data.references.length,
    skippedBadRows: data.bad.length + (own?.bad.length ?? 0) + (selected?.bad.length ?? 0),
    equalPairs: data.equal.length,
    leakedRows: paired ? pairs.leaked : best.leaked,
  };
}

/** What `--data` names, its pairs and references split by prompt. */
async function readSplit(path: string, options: DatasetOptions, pairsOptional: boolean) {
  const data = await loadDataset(path, options);
  if (data.pairs.length === 0 && !pairsOptional) throw new Error(noPreferences(data));
  if (data.references.length === 0) throw new Error(noResponses(data));
  const [pairs, best] = [
    splitRows(data.pairs, FRACTIONS, SPLIT_SEED),
    splitRows(data.references, FRACTIONS, SPLIT_SEED),
  ];
  return { data, pairs, best };
}

/** The responses of another file than `--data`, but for those to held-out prompts, and what became of it. */
async function readResponses(
  flag: string,
  file: string,
  options: DatasetOptions,
  held: ReadonlySet<string>,
) {
  const data = await loadDataset(file, options);
  const { name, form, records, references: all, bad } = data;
  if (all.length === 0) throw new Error(noResponses(data));
  const references = all.filter(({ prompt }) => !held.has(prompt));
  const description =
    `${flag} ${name}: ${form.name}, ${records} rows, ${references.length} responses` +
    ` (${all.length - references.length} to held-out prompts left out)`;
  return { references, bad, description };
}

function noResponses({ name, form }: Dataset): string {
  return `${name} holds no responses to take: it was read as ${form.name}, ${form.reads}, and no answer is better ` +
    "than another to its prompt. To take every answer, name the columns prompt and completion and leave ratings out";
}

function noPreferences({ name, form, equal }: Dataset): string {
  const cause = equal.length > 0
    ? `all ${equal.length} pairs have equal responses`
    : `its form, ${form.name}, gave no two answers to compare`;
  return `${name} holds no preference pairs (${cause}), and a reward model needs some; ` +
    "give pairs, ratings or rankings (demonstrations are for SFT, --references and --resets)";
}
