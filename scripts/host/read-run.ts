import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import {
  configSchema,
  metricSchema,
  resultsSchema,
  type Run,
  sampleSchema,
} from "../report/types.ts";

/**
 * Reads and checks the files of a finished run. Throws an error that names the file, the line and
 * the field.
 */
export function readRun(path: string): Run {
  return {
    results: check(
      "results.json",
      resultsSchema,
      parse("results.json", read(path, "results.json")),
    ),
    metrics: readLines(path, "metrics.jsonl", metricSchema),
    samples: readLines(path, "samples.jsonl", sampleSchema),
    config: check("config.json", configSchema, parse("config.json", read(path, "config.json"))),
  };
}

function read(path: string, name: string) {
  const file = join(path, name);
  if (!existsSync(path)) throw new Error(`${path}: no such folder; name that of a run.`);
  if (!existsSync(file)) {
    throw new Error(
      `${file} is missing. A finished run has it; continue an unfinished one with --resume.`,
    );
  }
  return readFileSync(file, "utf8");
}

function readLines<Schema extends z.ZodType>(path: string, name: string, schema: Schema) {
  const lines = read(path, name).split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, index) => {
    const where = `${name}, line ${index + 1}`;
    return check(where, schema, parse(where, line));
  });
}

function parse(where: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${where}: not JSON (${(error as Error).message}).`);
  }
}

function check<Schema extends z.ZodType>(where: string, schema: Schema, value: unknown) {
  const result = schema.safeParse(value);
  if (!result.success) throw new Error(`${where}:\n${z.prettifyError(result.error)}`);
  return result.data;
}
