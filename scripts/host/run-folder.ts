import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { Config, Metric, Sample } from "../report/types.ts";

/** A saved state of the trainer: the step it was saved at, its file and its bytes. */
export interface Checkpoint {
  step: number;
  path: string;
  bytes: Uint8Array;
}

/**
 * The folder of one run: `config.json`, `metrics.jsonl`, `samples.jsonl`, `results.json`,
 * `checkpoints/` and whatever else is written. Whole files appear at once or not at all; lines are
 * appended. A number that is not finite is refused, for JSON would turn it into null.
 */
export class RunFolder {
  constructor(readonly path: string) {}

  /** Throws where the folder holds a run with other options or settings: its checkpoints are not this run's. */
  config(config: Config): void {
    const path = join(this.path, "config.json");
    if (existsSync(path)) {
      const earlier: Config = JSON.parse(readFileSync(path, "utf8"));
      for (const part of ["options", "settings"]) {
        if (JSON.stringify(earlier[part]) === JSON.stringify(config[part])) continue;
        throw new Error(
          `${this.path} holds a run with other ${part}; name another folder, or delete this one to start anew`,
        );
      }
    }
    this.write("config.json", toJson("config.json", config, 2) + "\n");
  }

  results(results: object): void {
    this.write("results.json", toJson("results.json", results, 2) + "\n");
  }

  metric(record: Metric): void {
    this.#append("metrics.jsonl", record);
  }

  sample(record: Sample): void {
    this.#append("samples.jsonl", record);
  }

  /** All samples of a run that is done at once. */
  samples(records: readonly object[]): void {
    this.write(
      "samples.jsonl",
      records.map((record) => toJson("samples.jsonl", record) + "\n").join(""),
    );
  }

  /** Writes a file of the folder, atomically. */
  write(name: string, content: string | Uint8Array): void {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, content);
    renameSync(temporary, path);
  }

  /** The metrics written so far; a line that a killed run did not finish is left out. */
  metrics(): Metric[] {
    return this.#lines("metrics.jsonl").map((line) => JSON.parse(line));
  }

  /** Keeps the metrics that `keep` accepts: a resumed run forgets what its checkpoint has not seen. */
  truncateMetrics(keep: (record: Metric) => boolean): void {
    this.#truncate("metrics.jsonl", keep);
  }

  /** Keeps the samples that `keep` accepts. */
  truncateSamples(keep: (record: Sample) => boolean): void {
    this.#truncate("samples.jsonl", keep);
  }

  /** Saves `checkpoints/<prefix>-<step>.bin` and removes all but the newest `keep` of the prefix. */
  saveCheckpoint(prefix: string, step: number, bytes: Uint8Array, keep = 2): void {
    this.write(join("checkpoints", `${prefix}-${step}.bin`), bytes);
    for (const old of this.#checkpoints(prefix).slice(0, -keep)) rmSync(old.path);
  }

  /** The checkpoint of the prefix with the highest step, or null where there is none. */
  latestCheckpoint(prefix: string): Checkpoint | null {
    const latest = this.#checkpoints(prefix).at(-1);
    return latest ? { ...latest, bytes: new Uint8Array(readFileSync(latest.path)) } : null;
  }

  #checkpoints(prefix: string) {
    const folder = join(this.path, "checkpoints");
    if (!existsSync(folder)) return [];
    return readdirSync(folder).flatMap((name) => {
      const match = /^(.*)-(\d+)\.bin$/.exec(name);
      return match?.[1] === prefix ? [{ step: Number(match[2]), path: join(folder, name) }] : [];
    }).sort((a, b) => a.step - b.step);
  }

  #append(name: string, record: unknown) {
    appendFileSync(join(this.path, name), toJson(name, record) + "\n");
  }

  #truncate<Kind>(name: string, keep: (record: Kind) => boolean) {
    if (!existsSync(join(this.path, name))) return;
    const kept = this.#lines(name).filter((line) => keep(JSON.parse(line)));
    this.write(name, kept.map((line) => line + "\n").join(""));
  }

  #lines(name: string): string[] {
    const path = join(this.path, name);
    if (!existsSync(path)) return [];
    // What follows the last newline is a line that a killed run did not finish.
    return readFileSync(path, "utf8").split("\n").slice(0, -1);
  }
}

export interface RunFolderOptions {
  /** The folder to use, new or of an earlier run; without it a new one is made under `root`. */
  dir?: string;
  /** Follows the date in the name of a new folder. */
  name: string;
  /** Where new folders and the link `latest` are. */
  root?: string;
}

/** Opens the folder of a run, new or to be resumed, and points `<root>/latest` at it. */
export function createRunFolder({ dir, name, root = "runs" }: RunFolderOptions): RunFolder {
  mkdirSync(root, { recursive: true });
  const path = dir ?? newFolder(root, name);
  try {
    mkdirSync(join(path, "checkpoints"), { recursive: true });
  } catch (error) {
    throw new Error(`--run ${path} cannot be made a folder: ${(error as Error).message}`, {
      cause: error,
    });
  }
  linkLatest(root, path);
  return new RunFolder(path);
}

/** Makes `<root>/<date>-<name>`; a folder of the same second gets a number after it. */
function newFolder(root: string, name: string) {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString();
  const base = `${local.slice(0, 10)}-${local.slice(11, 19).replaceAll(":", "")}-${name}`;
  for (let attempt = 1;; attempt++) {
    const path = join(root, attempt === 1 ? base : `${base}-${attempt}`);
    if (!existsSync(path)) {
      mkdirSync(path);
      return path;
    }
  }
}

/** A new link takes the old one's name, so that `latest` points somewhere at every moment. */
function linkLatest(root: string, path: string) {
  const link = join(root, "latest");
  const target = relative(resolve(root), resolve(path));
  // `--run runs/latest` opens the folder that the link already points at.
  if (target === "latest") return;
  const temporary = `${link}.${process.pid}.tmp`;
  // A junction needs no special right on Windows; elsewhere the kind is ignored.
  symlinkSync(target, temporary, "junction");
  if (process.platform === "win32") rmSync(link, { force: true });
  renameSync(temporary, link);
}

function toJson(file: string, value: unknown, indent?: number) {
  return JSON.stringify(value, (key, inner) => {
    if (typeof inner === "number" && !Number.isFinite(inner)) {
      throw new Error(
        `${file}: "${key}" is ${inner}; only finite numbers can be written. ` +
          "Leave out a value that does not exist, or find where it became non-finite.",
      );
    }
    return inner;
  }, indent);
}
