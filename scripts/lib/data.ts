import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Dataset, type DatasetOptions, readDataset } from "../../data/dataset.ts";
import { isDataFile } from "../../data/records.ts";
import { openFile } from "../host/files.ts";
import { type HubAccess, hubAccess } from "../host/hub/access.ts";
import { resolveHub } from "../host/hub.ts";

/**
 * Reads preference data of any known form: a file, a folder of files of the same form, or a dataset of the hub,
 * `organisation/name@revision`, of which `:part` takes one folder or file.
 */
export async function loadDataset(
  name: string,
  options: DatasetOptions = {},
  access: HubAccess = hubAccess(),
): Promise<Dataset> {
  const files = await Promise.all((await dataFiles(name, access)).map(openFile));
  return await readDataset(name.split("/").slice(-3).join("/"), files, options);
}

async function dataFiles(name: string, access: HubAccess): Promise<string[]> {
  const local = statSync(name, { throwIfNoEntry: false });
  if (local?.isDirectory()) {
    const paths = await readdir(name, { recursive: true });
    return chooseDataFiles(name, paths, "").map((path) => join(name, path));
  }
  if (local || isDataFile(name.split(":")[0])) return [name]; // where it is missing, opening it says so
  const [repository, part = ""] = name.split(":");
  let chosen: string[] = [];
  const choose = (paths: string[]) => chosen = chooseDataFiles(name, paths, part);
  const folder = await resolveHub({ kind: "dataset", name: repository, choose }, access);
  return chosen.map((path) => join(folder, path));
}

/** The data files among the paths below `part`: a folder may hold the same rows in several formats. */
export function chooseDataFiles(name: string, paths: readonly string[], part: string): string[] {
  const inPart = paths.filter((path) => !part || path === part || path.startsWith(`${part}/`));
  // JSON comes last, for it may be notes about the others.
  for (const ending of [".parquet", ".jsonl", ".ndjson", ".csv", ".tsv", ".json"]) {
    const found = inPart.filter((path) => path.replace(/\.gz$/, "").endsWith(ending)).sort();
    if (found.length > 0) return found;
  }
  throw new Error(
    `${name} holds no data file (Parquet, JSON, CSV or TSV); it holds ${
      paths.slice(0, 8).join(", ") || "nothing"
    }`,
  );
}
