// Completions of prompts, from the command line or stdin (one prompt a line):
//
//   npx bun scripts/generate.ts --model MODEL --prompt "Once upon a time"
//   npx bun scripts/generate.ts --model MODEL --json < prompts.txt > completions.jsonl
import "./host/failure.ts";
import process from "node:process";
import { createInterface } from "node:readline";
import { ArgumentError } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { openCommand } from "./lib/command.ts";
import { complete, textPrompt } from "./lib/complete.ts";
import { modelFlag, required, samplingFlags, seedFlag, weightsFlag } from "./lib/flags.ts";
import { checkResponseTokens, loadPolicy, type TextModel } from "./lib/load-model.ts";

const { options, output } = openCommand({
  name: "generate",
  summary: "Completes prompts: those of --prompt, else the lines of stdin.",
  flags: {
    model: required({ ...modelFlag, help: "a folder, a run with one model, or a name on the hub" }),
    prompt: { type: "strings", help: "a prompt" },
    count: { type: "integer", default: 1, min: 1, help: "completions of each prompt" },
    weights: weightsFlag,
    ...samplingFlags,
    seed: seedFlag,
  },
});
const { count } = options;
const { engine } = await openEngine();
const model = await loadPolicy(engine, "--model", options.model, options);
checkResponseTokens(options.responseTokens, model);
const prompts = options.prompt.length > 0 ? options.prompt : await linesOfInput();
if (prompts.length === 0) {
  throw new ArgumentError("There is no prompt: give --prompt TEXT, or lines on stdin.");
}

const requests = prompts.flatMap((prompt) => Array<string>(count).fill(prompt));
for (let at = 0; at < requests.length; at += 32) {
  const some = requests.slice(at, at + 32);
  const fitted = some.map((prompt) => textPrompt(model, prompt, options));
  const ids = fitted.map(({ promptIds }) => promptIds);
  for (const [i, completion] of (await complete(model, ids, options, at)).entries()) {
    const { text, ended, tokens, logProb } = completion;
    const { promptCut } = fitted[i];
    if (promptCut) output.note(`(Of the next prompt the end was read: ${roomOf(model)}.)`);
    const line = { prompt: some[i], promptCut, completion: text, ended, tokens, logProb };
    output.result(`${some[i]}${text}\n`, line);
  }
}
engine.destroy();
process.exit(0);

/** Why a prompt loses its start. */
function roomOf({ base: { config: { context } } }: TextModel): string {
  return `the context is ${context} tokens, of which --response-tokens takes ${options.responseTokens}`;
}

async function linesOfInput(): Promise<string[]> {
  if (process.stdin.isTTY) output.note("Prompts, one a line; Ctrl-D ends them:");
  const lines: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() !== "") lines.push(line);
  }
  return lines;
}
