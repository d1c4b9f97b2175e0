import process from "node:process";
import { parseArgs } from "node:util";
import { suggestion } from "../setup/nearest.mjs";
import { helpText, kebab, placeholder } from "./help.ts";

/** One flag of a command. Its key in camelCase is spelled `--kebab-case` on the command line. */
export type Flag =
  | { type: "boolean"; help: string }
  | {
    type: "string";
    help: string;
    default?: string;
    placeholder?: string;
    choices?: readonly string[];
    required?: true;
  }
  | {
    type: "strings";
    help: string;
    placeholder?: string;
    /** The least number of values, each with the flag before it. */
    least?: number;
  }
  | { type: "number" | "integer"; help: string; default?: number; min?: number; max?: number };

export interface Command<Flags extends Record<string, Flag>> {
  /** How the command is started, for example `npm start --`. */
  usage: string;
  summary: string;
  flags: Flags;
  /** Names of the values given without a flag, in order; all of them are required. */
  positionals?: readonly string[];
  /** The key of a flag whose value may stand without the flag too. */
  bare?: string;
}

type Value<F extends Flag> = F extends { type: "boolean" } | { type: "strings" } ? Given<F>
  : F extends { default: string | number } | { required: true } ? Given<F>
  : Given<F> | undefined;

type Given<F extends Flag> = F extends { type: "boolean" } ? boolean
  : F extends { type: "strings" } ? string[]
  : F extends { choices: readonly (infer Choice)[] } ? Choice
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

/** Reads a flag's value; what `read` finds wrong with it is a mistake of the command line. */
export function asArgument<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ArgumentError((error as Error).message, { cause: error });
  }
}

/** Values for flags that the command line leaves out, such as those of a config file. */
export type Preset = (given: Record<string, unknown>) => Record<string, unknown>;

/**
 * Reads this process's command line. `--help` prints the help and ends the process with 0; a
 * mistake is printed with the way to the help and ends it with 2.
 */
export function readArguments<const Flags extends Record<string, Flag>>(
  command: Command<Flags>,
  preset?: Preset,
): Arguments<Flags> {
  const words = process.argv.slice(2);
  if (words.includes("--help") || words.includes("-h")) {
    console.log(helpText(command));
    process.exit(0);
  }
  try {
    return parseArguments(command, words, preset);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    console.error(`${error.message}\nAll options: ${command.usage} --help`);
    process.exit(2);
  }
}

/**
 * Parses `words` (the command line without the program). A flag that is not given takes its value from
 * `preset`, else its default. Throws {@link ArgumentError}.
 */
export function parseArguments<const Flags extends Record<string, Flag>>(
  command: Command<Flags>,
  words: string[],
  preset: Preset = () => ({}),
): Arguments<Flags> {
  const { flags, positionals: names = [], bare } = command;
  const { values, positionals } = splitWords(flags, words);
  if (bare && positionals.length > 0) {
    values[kebab(bare)] = [...values[kebab(bare)] ?? [], positionals.shift()!];
  }
  const known = new Map(Object.keys(flags).map((key) => [kebab(key), key]));
  const given: Record<string, unknown> = {};
  for (const [name, words] of Object.entries(values)) {
    const key = known.get(name);
    if (key === undefined) throw new ArgumentError(unknownFlag(name, [...known.keys(), "help"]));
    given[key] = flagValue(name, flags[key]!, words);
  }
  checkPositionals(names, positionals);
  const all = { ...preset(given), ...given };
  const complete = Object.entries(flags).map(([key, flag]) => [key, all[key] ?? absent(key, flag)]);
  return { ...Object.fromEntries(complete), positionals };
}

/** The value of a flag that nobody gave. */
function absent(key: string, flag: Flag) {
  if (flag.type === "boolean") return false;
  if (flag.type === "strings" && !flag.least) return [];
  if (flag.type === "strings" || flag.type === "string" && flag.required) {
    throw new ArgumentError(`--${kebab(key)} ${placeholder(flag)} is missing: ${flag.help}.`);
  }
  return flag.default;
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

function flagValue(name: string, flag: Flag, given: (string | boolean)[]) {
  if (flag.type === "strings") {
    const values = given.map((one) => textOf(name, flag, one));
    if (values.length >= (flag.least ?? 0)) return values;
    throw new ArgumentError(`--${name} is needed at least ${flag.least} times: ${flag.help}.`);
  }
  if (given.length > 1) throw new ArgumentError(`--${name} is given ${given.length} times.`);
  const [one] = given;
  if (flag.type === "boolean") {
    if (one === true) return true;
    throw new ArgumentError(`--${name} is a switch and takes no value; got "${one}".`);
  }
  const text = textOf(name, flag, one);
  if (flag.type !== "string") return numberValue(name, flag, text);
  if (flag.choices && !flag.choices.includes(text)) {
    throw new ArgumentError(`--${name} must be one of ${flag.choices.join(", ")}; got "${text}".`);
  }
  return text;
}

function textOf(name: string, flag: Exclude<Flag, { type: "boolean" }>, given?: string | boolean) {
  if (typeof given === "string" && !given.startsWith("--")) return given;
  throw new ArgumentError(`--${name} needs a value (${placeholder(flag)}).`);
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
  const hint = suggestion(kebab(name), known, (flag) => `--${flag}`);
  return `Unknown option ${name.length === 1 ? "-" : "--"}${name}.${hint}`;
}
