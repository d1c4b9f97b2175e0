import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { suggestion } from "../setup/nearest.mjs";
import { ArgumentError, type Flag } from "./arguments.ts";

/**
 * Values for the flags of `command` from a JSON file, under their camelCase keys: written by hand, or the
 * `config.json` of an earlier run of the same command, which repeats it. Throws {@link ArgumentError} where a
 * key is unknown, a value is not what the flag takes, or the run was another command's.
 */
export function readConfigFile(
  path: string,
  command: string,
  flags: Readonly<Record<string, Flag>>,
): Record<string, unknown> {
  const value = parse(path);
  const run = runSchema.safeParse(value);
  if (run.success && run.data.command !== command) {
    throw new ArgumentError(
      `${path} is of the command ${run.data.command}, and this is ${command}; start that one, or name another file.`,
    );
  }
  const shapes = Object.entries(flags).map(([key, flag]) => [key, schemaOf(flag).optional()]);
  const result = z.strictObject(Object.fromEntries(shapes) as Record<string, z.ZodType>)
    .safeParse(run.success ? run.data.options : value);
  if (result.success) return result.data;
  throw new ArgumentError(describe(path, result.error.issues[0]!, Object.keys(flags)));
}

/** What else stands in the file of a run records how it was done, and is not read. */
const runSchema = z.looseObject({ command: z.string(), options: z.looseObject({}) });

function parse(path: string): unknown {
  if (!existsSync(path)) throw new ArgumentError(`There is no file ${path}; check the path.`);
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ArgumentError(`${path} is not JSON: ${(error as Error).message}.`);
  }
}

function schemaOf(flag: Flag): z.ZodType {
  switch (flag.type) {
    case "boolean":
      return z.boolean();
    case "strings":
      return z.array(z.string()).min(flag.least ?? 0);
    case "string":
      return flag.choices ? z.enum(flag.choices as readonly string[]) : z.string();
    default: {
      const number = flag.type === "integer" ? z.int() : z.number();
      return number.min(flag.min ?? -Infinity).max(flag.max ?? Infinity);
    }
  }
}

function describe(path: string, issue: z.core.$ZodIssue, known: readonly string[]): string {
  if (issue.path.length === 0 && issue.code === "invalid_type") {
    return `${path}: expected an object with flags by their camelCase names, such as {"${
      known[0]
    }": …}.`;
  }
  if (issue.code !== "unrecognized_keys") {
    return `${path}, "${issue.path.join(".")}": ${issue.message}.`;
  }
  const [key] = issue.keys;
  return `${path}: there is no "${key}".${suggestion(key!, known, (name) => `"${name}"`)}`;
}
