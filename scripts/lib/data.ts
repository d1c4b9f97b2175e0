import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Dataset, type DatasetOptions, readDataset } from "../../data/dataset.ts";
import { isDataFile } from "../../data/records.ts";
import { openFile } from "../host/files.ts";

/** Reads preference data of any known form: a file, or a folder of files of the same form. */
export async function loadDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const files = await Promise.all((await dataFiles(path)).map(openFile));
  return await readDataset(path.split("/").slice(-3).join("/"), files, options);
}

/** The paths of the data files that a name means. */
async function dataFiles(path: string): Promise<string[]> {
  if (!existsSync(path) || !statSync(path).isDirectory()) return [path];
  const names = (await readdir(path, { recursive: true })).sort();
  // A folder may hold the same rows in several formats, and notes about them as JSON.
  for (const ending of [".parquet", ".jsonl", ".ndjson", ".csv", ".tsv", ".json"]) {
    const found = names.filter((name) =>
      isDataFile(name) && name.replace(/\.gz$/, "").endsWith(ending)
    );
    if (found.length > 0) return found.map((name) => join(path, name));
  }
  throw new Error(
    `${path} holds no data file; it holds ${names.slice(0, 8).join(", ") || "nothing"}`,
  );
}
