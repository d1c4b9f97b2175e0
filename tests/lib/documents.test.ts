import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { loadConfig } from "../../engine/nn/config.ts";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { cutDocuments, readDocuments } from "../../scripts/lib/documents.ts";
import { storyteller } from "../../scripts/lib/shared-data.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "homeport-documents-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("documents are what stands between the separators", async () => {
  const path = join(folder, "text.txt.gz");
  await writeFile(path, gzipSync("One.\n\nStill one.\n<|endoftext|>\n<|endoftext|>\nTwo.\n"));
  expect(await readDocuments(path)).toEqual(["One.\n\nStill one.", "Two."]);
});

test("pieces open with the begin token, fit, and put together are the closed documents", async () => {
  const config = await loadConfig(openFolder(storyteller));
  const tokenizer = await loadTokenizer(openFolder(storyteller));
  const documents = ["Once upon a time there was a cat. ".repeat(5), "The end."];
  const pieces = cutDocuments(documents, tokenizer, config, 16);
  for (const { promptIds, responseIds } of pieces) {
    expect(promptIds).toEqual([config.beginToken!]);
    expect(responseIds.length).toBeLessThanOrEqual(15);
    expect(responseIds.indexOf(config.endTokens[0])).toBeOneOf([-1, responseIds.length - 1]);
  }
  const end = config.endTokens[0];
  expect(pieces.flatMap(({ responseIds }) => responseIds)).toEqual(
    documents.flatMap((text) => [...tokenizer.encode(text), end]),
  );
});
