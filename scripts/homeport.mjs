#!/usr/bin/env node
// All commands under one name: `npx homeport sft …` is `npx bun scripts/sft.ts …`. Plain JavaScript for Node,
// which hands over to Bun.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runInPlace } from "./setup/command.mjs";
import { bun } from "./setup/dependencies.mjs";
import { suggestion } from "./setup/nearest.mjs";
import { root } from "./setup/paths.mjs";

/** The commands, and what each does. */
const commands = {
  audit: "whether preference data is fit for DR-PO",
  sft: "fine-tunes a model on good responses",
  reward: "trains a reward model on preference pairs",
  drpo: "improves a model with a reward model and dataset resets; PPO with --beta 0",
  dpo: "improves a model on preference pairs directly",
  evaluate: "measures models side by side on held-out prompts",
  generate: "completes prompts",
  chat: "talks to models side by side",
  merge: "adds an adapter into the weights of its base model",
  main: "runs the whole method, on the bundled task without flags",
};

const usage = `Usage: npx homeport COMMAND [options]; npx homeport COMMAND --help lists them

${Object.entries(commands).map(([name, what]) => `  ${name.padEnd(9)} ${what}`).join("\n")}`;

/** @param {string[]} words @returns {Promise<number>} the exit code */
async function main([command = "--help", ...words]) {
  if (command === "help" && Object.hasOwn(commands, words[0] ?? "")) {
    return await main([words[0], "--help"]);
  }
  if (["--help", "-h", "help"].includes(command)) {
    console.log(usage);
    return 0;
  }
  if (!Object.hasOwn(commands, command)) {
    const nearest = suggestion(command, Object.keys(commands), (name) => name);
    console.error(`There is no command "${command}".${nearest}\n\n${usage}`);
    return 2;
  }
  if (!existsSync(bun)) {
    console.error("The dependencies are not installed: run `npm run setup`, and start again.");
    return 1;
  }
  return await runInPlace(bun, [join(root, "scripts", `${command}.ts`), ...words]);
}

process.exitCode = await main(process.argv.slice(2));
