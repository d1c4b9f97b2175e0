// A small language model from scratch, on plain Reddit text and the dialogues of helpful-base:
//
//   npx bun scripts/pretrain.ts --out runs/small-lm
//
// It is the start of scripts/hh-reward.ts and scripts/tldr.ts. docs/real-data.md says how its size and its
// steps were chosen. The texts contain offensive language.
import "./host/failure.ts";
import { join } from "node:path";
import process from "node:process";
import { loadConfig, type ModelConfig } from "../engine/nn/config.ts";
import { newModel } from "../engine/nn/initialize.ts";
import { defaultAdamW } from "../engine/nn/optimizer.ts";
import { loadTokenizer } from "../engine/nn/tokenizer.ts";
import { meanLogProbability, SupervisedTrainer } from "../engine/rl/sft.ts";
import { readArguments } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { openFolder } from "./host/files.ts";
import { duration } from "./host/progress.ts";
import { createRunFolder } from "./host/run-folder.ts";
import { cutDocuments, readDocuments } from "./lib/documents.ts";
import { seedFlag } from "./lib/flags.ts";
import { readHelpful } from "./lib/helpful.ts";
import { saveModel } from "./lib/save-model.ts";
import { MICRO_TOKENS } from "./lib/settings.ts";
import { contentWarning, helpfulBase, redditCorpus, storyteller } from "./lib/shared-data.ts";
import { train } from "./lib/train.ts";

const { out, text, pairs, steps, seed } = readArguments({
  usage: "npx bun scripts/pretrain.ts",
  summary: "Trains a small language model from scratch on Reddit posts and helpful-base dialogues.",
  flags: {
    out: { type: "string", default: "runs/small-lm", placeholder: "DIR", help: "the run folder" },
    text: {
      type: "string",
      default: redditCorpus,
      placeholder: "FILE",
      help: "documents parted by <|endoftext|> (also .gz)",
    },
    pairs: {
      type: "string",
      default: helpfulBase,
      placeholder: "FILE",
      help: "preference pairs as JSON lines (also .gz)",
    },
    steps: { type: "integer", default: 400, min: 1, help: "training steps" },
    seed: { ...seedFlag, help: "seed of the weights and of the order" },
  },
});
const { engine, adapter } = await openEngine();
console.log(contentWarning);
const tokenizer = await loadTokenizer(openFolder(storyteller));

const config: ModelConfig = {
  ...await loadConfig(openFolder(storyteller)),
  width: 96,
  layers: 4,
  heads: 6,
  keyValueHeads: 2,
  headSize: 16,
  mlpWidth: 256,
  context: 512,
};
const pieceTokens = 256; // twice as long a piece costs a third more per token on two cores
const settings = {
  steps,
  batchSize: 12,
  schedule: { peak: 3e-3, kind: "cosine", warmup: 0.05 },
  optimizer: { ...defaultAdamW, weightDecay: 0.1 },
  microTokens: MICRO_TOKENS,
  seed,
} as const;

// The text: posts, and both dialogues of the pairs that no split of hh-reward.ts tests on. Every hundredth
// post is held out, and so are dialogues of test rows.
const posts = await readDocuments(text);
const { untested, splits } = await readHelpful(pairs);
const dialogues = untested.flatMap((row) => [row.prompt + row.chosen, row.prompt + row.rejected]);
const cut = (documents: readonly string[]) =>
  cutDocuments(documents, tokenizer, config, pieceTokens);
const heldOut = {
  posts: cut(posts.filter((_, i) => i % 100 === 0)),
  dialogues: cut(splits[0].test.slice(0, 100).map((row) => row.prompt + row.chosen)),
};
const pieces = cut([...posts.filter((_, i) => i % 100 !== 0), ...dialogues]);
const tokens = pieces.reduce((sum, { responseIds }) => sum + responseIds.length, 0);
const folder = createRunFolder({ dir: out, name: "small-lm" });
folder.config({
  options: { text, pairs },
  settings: { config, pieceTokens, ...settings },
  adapter,
  versions: process.versions,
});
console.log(
  `${posts.length} posts and ${dialogues.length} dialogues: ${pieces.length} pieces, ${tokens} tokens`,
);

// Next-token prediction.
const model = newModel(engine, config, seed);
console.log(`${model.parameters.count} parameters, ${steps} steps of ${settings.batchSize} pieces`);
const seconds = await train(
  folder,
  "pretrain",
  new SupervisedTrainer(model, pieces, settings),
  100,
);

// Held-out loss, and the model as a Hugging Face folder.
const heldOutLoss = {
  posts: -await meanLogProbability(model, heldOut.posts, MICRO_TOKENS),
  dialogues: -await meanLogProbability(model, heldOut.dialogues, MICRO_TOKENS),
};
await saveModel(folder, "small-lm", model, { name: storyteller, path: storyteller });
const results = {
  parameters: model.parameters.count,
  tokens,
  tokensSeen: folder.metrics().reduce((sum, { tokens }) => sum + Number(tokens ?? 0), 0),
  heldOutLoss,
  seconds: Math.round(seconds),
};
folder.results(results);
console.log(
  `Held-out loss in nats per token: posts ${heldOutLoss.posts.toFixed(3)}, ` +
    `dialogues ${heldOutLoss.dialogues.toFixed(3)}; ${results.tokensSeen} tokens seen, ` +
    `${duration(seconds)}\nThe model is in ${join(folder.path, "models/small-lm")}`,
);
engine.destroy();
process.exit(0);
