import { expect, test } from "bun:test";
import { ArgumentError, parseArguments } from "../../scripts/host/arguments.ts";
import { helpText } from "../../scripts/host/help.ts";

const command = {
  usage: "npm start --",
  summary: "Runs the method.",
  flags: {
    data: { type: "string", help: "Preference rows.", placeholder: "FILE" },
    method: { type: "string", help: "What to train.", choices: ["ppo", "drpo"], default: "drpo" },
    seed: { type: "integer", help: "Seed of everything random.", default: 1, min: 0 },
    beta: { type: "number", help: "Share of resets.", default: 0.5, min: 0, max: 1 },
    skipBadRows: { type: "boolean", help: "Go on after a bad row." },
  },
} as const;

const parse = (...words: string[]) => parseArguments(command, words);
const failure = (...words: string[]) => {
  try {
    parse(...words);
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    return (error as Error).message;
  }
  throw new Error("nothing was refused");
};

test("defaults hold where nothing is given", () => {
  const given = parse();
  expect(given.seed satisfies number).toBe(1);
  expect(given.beta).toBe(0.5);
  expect(given.method satisfies "ppo" | "drpo").toBe("drpo");
  expect(given.data satisfies string | undefined).toBeUndefined();
  expect(given.skipBadRows satisfies boolean).toBe(false);
});

test("values are read with their types", () => {
  const given = parse("--seed", "7", "--beta=1e-1", "--data", "a b.jsonl", "--skip-bad-rows");
  expect(given).toMatchObject({ seed: 7, beta: 0.1, data: "a b.jsonl", skipBadRows: true });
});

test.each([
  [["--sead", "3"], "Unknown option --sead. Did you mean --seed?"],
  [["--skipBadRows"], "Unknown option --skipBadRows. Did you mean --skip-bad-rows?"],
  [["--elephant"], "Unknown option --elephant."],
  [["-x"], "Unknown option -x."],
  [["--seed", "1.5"], '--seed must be a whole number of at least 0; got "1.5".'],
  [["--seed", "-1"], '--seed must be a whole number of at least 0; got "-1".'],
  [["--seed="], '--seed must be a whole number of at least 0; got "".'],
  [["--beta", "2"], '--beta must be a number from 0 to 1; got "2".'],
  [["--beta", "half"], '--beta must be a number from 0 to 1; got "half".'],
  [["--method", "dpo"], '--method must be one of ppo, drpo; got "dpo".'],
  [["--data"], "--data needs a value (FILE)."],
  [["--data", "--seed", "3"], "--data needs a value (FILE)."],
  [["--seed", "1", "--seed", "2"], "--seed is given 2 times."],
  [["--skip-bad-rows=no"], '--skip-bad-rows is a switch and takes no value; got "no".'],
  [["runs/latest"], '"runs/latest" is not expected here.'],
])("%p is refused", (words, message) => expect(failure(...words)).toBe(message));

test("a missing positional value is named", () => {
  const withRun = { usage: "report", summary: "", flags: {}, positionals: ["run"] };
  expect(() => parseArguments(withRun, [])).toThrow("RUN is missing.");
  expect(parseArguments(withRun, ["runs/latest"]).positionals).toEqual(["runs/latest"]);
});

test("a flag's value may stand without the flag", () => {
  const data = { type: "string", help: "the rows", placeholder: "FILE", required: true } as const;
  const audit = { usage: "audit", summary: "", flags: { data }, bare: "data" } as const;
  for (const words of [["a.csv"], ["--data", "a.csv"]]) {
    expect(parseArguments(audit, words)).toEqual({ data: "a.csv", positionals: [] });
  }
  expect(parseArguments(audit, [], () => ({ data: "b.csv" })).data).toBe("b.csv");
  expect(() => parseArguments(audit, [])).toThrow("--data FILE is missing: the rows.");
  expect(() => parseArguments(audit, ["a", "--data", "b"])).toThrow("--data is given 2 times.");
  expect(() => parseArguments(audit, ["a", "b"])).toThrow('"b" is not expected here.');
  expect(helpText(audit)).toContain("Usage: audit FILE [options]");
});

const models = {
  usage: "evaluate",
  summary: "",
  flags: {
    model: { type: "strings", help: "models", placeholder: "DIR", least: 2 },
    data: { type: "string", help: "the rows", placeholder: "FILE", required: true },
    seed: { type: "integer", help: "the seed", default: 1 },
  },
} as const;

test("a flag that may be repeated gives all its values, a required one must be there", () => {
  const words = ["--model", "a", "--data", "x", "--model=b"];
  const given = parseArguments(models, words);
  expect(given.model satisfies string[]).toEqual(["a", "b"]);
  expect(given.data satisfies string).toBe("x");
  expect(() => parseArguments(models, words.slice(2))).toThrow(
    "--model is needed at least 2 times: models.",
  );
  expect(() => parseArguments(models, ["--data", "x"])).toThrow("--model DIR is missing: models.");
  expect(() => parseArguments(models, ["--model", "a", "--model", "b"])).toThrow(
    "--data FILE is missing: the rows.",
  );
});

test("preset values stand between what is given and the defaults", () => {
  const preset = (given: Record<string, unknown>) => {
    expect(given).toEqual({ data: "mine" });
    return { model: ["a", "b"], data: "preset", seed: 7 };
  };
  const given = parseArguments(models, ["--data", "mine"], preset);
  expect(given).toEqual({ model: ["a", "b"], data: "mine", seed: 7, positionals: [] });
});

test("the help names every flag with its default", () => {
  expect(helpText(command)).toBe(`Runs the method.

Usage: npm start -- [options]

  --data FILE        Preference rows.
  --method ppo|drpo  What to train. (default drpo)
  --seed N           Seed of everything random. (default 1)
  --beta N           Share of resets. (default 0.5)
  --skip-bad-rows    Go on after a bad row.
  --help             prints this text`);
});
