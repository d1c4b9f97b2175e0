import { readText } from "../../data/bytes.ts";
import type { ModelConfig } from "../../engine/nn/config.ts";
import type { Tokenizer } from "../../engine/nn/tokenizer.ts";
import type { Demonstration } from "../../engine/rl/sft.ts";
import { openFile } from "../host/files.ts";

const SEPARATOR = "<|endoftext|>";

/** The documents of a text file (also .gz), which `<|endoftext|>` parts. */
export async function readDocuments(path: string): Promise<string[]> {
  const text = await readText(await openFile(path));
  const documents = text.split(SEPARATOR).map((document) => document.trim());
  return documents.filter((document) => document !== "");
}

/**
 * Documents as sequences for next-token prediction: each is closed with the end token and cut into pieces
 * of at most `pieceTokens`; a piece opens with the begin token and never spans two documents. Packed batches
 * know no padding, so short pieces waste nothing.
 */
export function cutDocuments(
  documents: readonly string[],
  tokenizer: Pick<Tokenizer, "encode">,
  { beginToken, endTokens }: ModelConfig,
  pieceTokens: number,
): Demonstration[] {
  if (beginToken === null || endTokens.length === 0) {
    throw new Error("pretraining needs a begin and an end token; the config.json names none");
  }
  return documents.flatMap((text) => {
    const ids = [...tokenizer.encode(text), endTokens[0]];
    const pieces: Demonstration[] = [];
    for (let start = 0; start < ids.length; start += pieceTokens - 1) {
      pieces.push({
        promptIds: [beginToken],
        responseIds: ids.slice(start, start + pieceTokens - 1),
      });
    }
    return pieces;
  });
}
