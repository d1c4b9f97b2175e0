import { parseArgs } from "node:util";

/** One flag of a command. Its key in camelCase is spelled `--kebab-case` on the command line. */
export type Flag =
  | { type: "boolean"; help: string }
  | {
    type: "string";
    help: string;
    default?: string;
    placeholder?: string;
    choices?: readonly string[];
  }
  | { type: "number" | "integer"; help: string; default?: number; min?: number; max?: number };

export interface Command<Flags extends Record<string, Flag>> {
  /** How the command is started, for example `npm start --`. */
  usage: string;
  summary: string;
  flags: Flags;
  /** Names of the values given without a flag, in order; all of them are required. */
  positionals?: readonly string[];
}

type Value<F extends Flag> = F extends { type: "boolean" } ? boolean
  : F extends { default: string | number } ? Given<F>
  : Given<F> | undefined;

type Given<F extends Flag> = F extends { choices: readonly (infer Choice)[] } ? Choice
  : F extends { type: "string" } ? string
  : number;

/** The value of every flag under its key, and the positional values. */
export type Arguments<Flags extends Record<string, Flag>> =
  & { [Key in keyof Flags]: Value<Flags[Key]> }
  & { positionals: string[] };

/** Says what is wrong with the command line, in words for the person who typed it. */
export class ArgumentError extends Error {
  override name = "ArgumentError";
}

/**
 * Reads this process's command line. `--help` prints the help and ends the process with 0; a
 * mistake is printed with the way to the help and ends it with 2.
 */
export function readArguments<const Flags extends Record<string, Flag>>(
  command: Command<Flags>,
): Arguments<Flags> {
  const words = process.argv.slice(2);
  if (words.includes("--help") || words.includes("-h")) {
    console.log(helpText(command));
    process.exit(0);
  }
  try {
    return parseArguments(command, words);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    console.error(`${error.message}\nAll options: ${command.usage} --help`);
    process.exit(2);
  }
}

/** Parses `words` (the command line without the program). Throws {@link ArgumentError}. */
export function parseArguments<const Flags extends Record<string, Flag>>(
  command: Command<Flags>,
  words: string[],
): Arguments<Flags> {
  const keys = Object.keys(command.flags);
  const split = splitWords(command.flags, words);
  const known = new Map(keys.map((key) => [kebab(key), key]));
  const result: Record<string, unknown> = { positionals: split.positionals };

  for (const name of Object.keys(split.values)) {
    if (!known.has(name)) throw new ArgumentError(unknownFlag(name, [...known.keys(), "help"]));
  }
  for (const [name, key] of known) {
    const given = split.values[name] ?? [];
    if (given.length > 1) throw new ArgumentError(`--${name} is given ${given.length} times.`);
    result[key] = flagValue(name, command.flags[key]!, given[0]);
  }
  checkPositionals(command.positionals ?? [], split.positionals);
  return result as Arguments<Flags>;
}

/** The one place that knows the parsing library. Names as typed; a flag without a value is true. */
function splitWords(flags: Record<string, Flag>, words: string[]) {
  const options = Object.fromEntries(
    Object.entries(flags).map(([key, { type }]) => {
      return [kebab(key), { type: type === "boolean" ? type : "string", multiple: true } as const];
    }),
  );
  const parsed = parseArgs({ args: words, options, strict: false, allowPositionals: true });
  // An unknown flag comes back as a bare `true` instead of an array.
  const values = Object.fromEntries(
    Object.entries(parsed.values).map(([name, value]) => [name, [value ?? true].flat()]),
  );
  return { values, positionals: parsed.positionals };
}

function flagValue(name: string, flag: Flag, given: string | boolean | undefined) {
  if (flag.type === "boolean") {
    if (typeof given === "string") {
      throw new ArgumentError(`--${name} is a switch and takes no value; got "${given}".`);
    }
    return given ?? false;
  }
  if (given === undefined) return flag.default;
  if (typeof given === "boolean" || given.startsWith("--")) {
    throw new ArgumentError(`--${name} needs a value (${placeholder(flag)}).`);
  }
  if (flag.type !== "string") return numberValue(name, flag, given);
  if (flag.choices && !flag.choices.includes(given)) {
    throw new ArgumentError(
      `--${name} must be one of ${flag.choices.join(", ")}; got "${given}".`,
    );
  }
  return given;
}

function numberValue(name: string, flag: Flag & { type: "number" | "integer" }, given: string) {
  const value = given.trim() === "" ? NaN : Number(given);
  const { type, min = -Infinity, max = Infinity } = flag;
  const rightKind = type === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (!rightKind || value < min || value > max) {
    const kind = type === "integer" ? "a whole number" : "a number";
    throw new ArgumentError(`--${name} must be ${kind}${range(min, max)}; got "${given}".`);
  }
  return value;
}

function range(min: number, max: number) {
  if (min > -Infinity && max < Infinity) return ` from ${min} to ${max}`;
  if (min > -Infinity) return ` of at least ${min}`;
  return max < Infinity ? ` of at most ${max}` : "";
}

function checkPositionals(names: readonly string[], given: string[]) {
  if (given.length < names.length) {
    throw new ArgumentError(`${names[given.length]!.toUpperCase()} is missing.`);
  }
  if (given.length > names.length && !names.at(-1)?.endsWith("…")) {
    throw new ArgumentError(`"${given[names.length]}" is not expected here.`);
  }
}

function unknownFlag(name: string, known: string[]) {
  const distances = known.map((candidate) => ({
    candidate,
    distance: edits(kebab(name), candidate),
  }));
  const nearest = distances.reduce((a, b) => (b.distance < a.distance ? b : a));
  const hint = nearest.distance <= Math.max(2, name.length / 3)
    ? ` Did you mean --${nearest.candidate}?`
    : "";
  return `Unknown option ${name.length === 1 ? "-" : "--"}${name}.${hint}`;
}

/** Levenshtein distance. */
function edits(a: string, b: string) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** What `--help` prints. */
export function helpText(command: Command<Record<string, Flag>>): string {
  const rows = Object.entries(command.flags).map(([key, flag]) => {
    const value = flag.type === "boolean" ? "" : ` ${placeholder(flag)}`;
    const start = "default" in flag && flag.default !== undefined
      ? ` (default ${flag.default})`
      : "";
    return [`--${kebab(key)}${value}`, flag.help + start] as const;
  });
  rows.push(["--help", "Print this text."]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const positionals = (command.positionals ?? []).map((name) => ` ${name.toUpperCase()}`).join("");
  const lines = rows.map(([name, help]) => `  ${name.padEnd(width)}  ${help}`);
  return [command.summary, "", `Usage: ${command.usage}${positionals} [options]`, "", ...lines]
    .join("\n");
}

function placeholder(flag: Exclude<Flag, { type: "boolean" }>) {
  if (flag.type !== "string") return "N";
  return flag.placeholder ?? flag.choices?.join("|") ?? "TEXT";
}

const kebab = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
