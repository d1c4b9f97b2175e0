import type { ByteSource } from "../engine/nn/bytes.ts";
import { readLines, readText } from "./bytes.ts";
import { readCsv } from "./csv.ts";
import { readParquet } from "./parquet.ts";

/** What stands at one place of a data file: a value, or why there is none. */
export type FileRecord = { id: string } & ({ value: unknown } | { bad: string });

const READERS: Record<string, (source: ByteSource) => AsyncGenerator<FileRecord>> = {
  ".jsonl": readJson,
  ".ndjson": readJson,
  ".json": readJson,
  ".csv": (source) => readCsv(source, ","),
  ".tsv": (source) => readCsv(source, "\t"),
  ".parquet": readParquet,
};

/** Whether a name ends as one that `readRecords` can read. */
export function isDataFile(name: string): boolean {
  return extension(name) in READERS;
}

/**
 * The records of a data file in order, by the ending of its name: JSON lines or one JSON array, CSV or TSV with
 * a head line, Parquet; each also `.gz`. A record's id is `file:line`, or `file, row n` where rows have no
 * lines. Throws where the file cannot be read at all.
 */
export function readRecords(source: ByteSource): AsyncGenerator<FileRecord> {
  if (!isDataFile(source.name)) {
    throw new Error(
      `${source.name}: the name ends in none of ${
        Object.keys(READERS).join(", ")
      } (or one of them and .gz); ` +
        "rename the file after what it holds, or convert it",
    );
  }
  if (source.size === 0) throw new Error(`${source.name} is empty; check where it comes from`);
  return READERS[extension(source.name)](source);
}

function extension(name: string): string {
  return /\.[^./\\]+$/.exec(name.toLowerCase().replace(/\.gz$/, ""))?.[0] ?? "";
}

/** JSON lines, or a JSON array where the first character is `[`: a row is an object, so no line begins so. */
async function* readJson(source: ByteSource): AsyncGenerator<FileRecord> {
  let line = 0, empty = true;
  for await (const text of readLines(source)) {
    line++;
    if (text.trim() === "") continue;
    if (empty && text.trimStart().startsWith("[")) {
      yield* readJsonArray(source);
      return;
    }
    if (empty && text.trim() === "{") {
      throw new Error(
        `${source.name} is one JSON object over several lines, where rows are expected: JSON lines (one object a ` +
          "line) or one JSON array; take the list of rows out of it",
      );
    }
    empty = false;
    const id = `${source.name}:${line}`;
    try {
      yield { id, value: JSON.parse(text) };
    } catch (error) {
      const reason = (error as Error).message;
      yield { id, bad: `not JSON (${reason}); one JSON object per line is expected` };
    }
  }
}

async function* readJsonArray(source: ByteSource): AsyncGenerator<FileRecord> {
  let values: unknown[];
  try {
    values = JSON.parse(await readText(source));
  } catch (error) {
    throw new Error(
      `${source.name} begins as a JSON array but is none: ${(error as Error).message}`,
    );
  }
  for (const [i, value] of values.entries()) yield { id: `${source.name}, row ${i + 1}`, value };
}
