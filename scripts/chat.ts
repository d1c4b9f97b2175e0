// Talks to one model, or to several side by side, in the terminal:
//
//   npx bun scripts/chat.ts --model BASE --model TUNED
//
// Every line is answered by all of them. /new forgets the dialogue, /quit or the end of the input leaves.
import "./host/failure.ts";
import process from "node:process";
import { createInterface } from "node:readline";
import { openEngine } from "./host/engine.ts";
import { openCommand } from "./lib/command.ts";
import { Conversation, MessageTooLong, type Reply, styles } from "./lib/conversation.ts";
import { samplingFlags, seedFlag, weightsFlag } from "./lib/flags.ts";
import { columns } from "./lib/columns.ts";
import { checkResponseTokens, loadPolicy, type TextModel } from "./lib/load-model.ts";

const WAYS = "/new forgets the dialogue, /quit leaves";

const { options, output } = openCommand({
  name: "chat",
  summary: `Talks to models side by side; ${WAYS}.`,
  flags: {
    model: { type: "strings", placeholder: "MODEL", least: 1, help: "a model to talk to" },
    style: {
      type: "string",
      choices: styles,
      default: "dialogue",
      help: "a dialogue by the model's chat template, or each line continued by itself",
    },
    weights: weightsFlag,
    ...samplingFlags,
    seed: seedFlag,
  },
});
const { engine } = await openEngine();
const models: TextModel[] = [];
for (const name of options.model) {
  const loading = { other: models[0], weights: options.weights };
  const model = await loadPolicy(engine, "--model", name, loading);
  checkResponseTokens(options.responseTokens, model);
  models.push(model);
}
const talks = models.map((model) => new Conversation(model, options.style, options));

const typed = process.stdin.isTTY;
const input = createInterface({
  input: process.stdin,
  output: process.stderr,
  prompt: typed ? "> " : "",
});
let open = true;
input.once("close", () => open = false);
if (typed) output.note(`Say something; ${WAYS}.`);
input.prompt();
for await (const line of input) {
  const said = line.trim();
  if (said === "/quit") break;
  if (said === "/new") { for (const talk of talks) talk.forget(); }
  else if (/^\/\w+$/.test(said)) output.note(`There is no ${said}; ${WAYS}.`);
  else if (said !== "") await answer(said);
  if (open) input.prompt();
}
engine.destroy();
process.exit(0);

async function answer(said: string): Promise<void> {
  const answers: string[] = [];
  for (const [i, talk] of talks.entries()) {
    const { text, promptCut } = await replyOf(talk, said);
    answers.push(text);
    if (promptCut) {
      output.note(`(${options.model[i]} read the end only: its context is too short for all.)`);
    }
  }
  const titled = answers.map((text, i) => ({ title: options.model[i], text: text.trim() }));
  output.result(`\n${columns(titled, process.stdout.columns ?? 100)}\n`, { said, answers });
}

/** A message that is too long for a model is said in the place of its answer, and the talk goes on. */
async function replyOf(talk: Conversation, said: string): Promise<Reply> {
  try {
    return await talk.answer(said);
  } catch (error) {
    if (error instanceof MessageTooLong) return { text: `(${error.message})`, promptCut: false };
    throw error;
  }
}
