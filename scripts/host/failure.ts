// Imported first by every script: an error that tells the user what to do is shown as its message alone, and a
// fault of the program itself with its stack. The exit status is 2 for a mistake of the command line, else 1.
import process from "node:process";
import { ArgumentError } from "./arguments.ts";

function fail(error: unknown): void {
  const ours = error instanceof Error &&
    !(error instanceof TypeError || error instanceof ReferenceError);
  console.error(ours ? `\n${error.message}` : error);
  process.exit(error instanceof ArgumentError ? 2 : 1);
}

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
