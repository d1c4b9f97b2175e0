import { expect, test } from "bun:test";
import { loadConfig } from "../../engine/nn/config.ts";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { storyteller } from "../../scripts/lib/shared-data.ts";
import { encodeSummaries } from "../../scripts/lib/summaries.ts";

const row = {
  subreddit: "cats",
  title: "My cat",
  post: "I have a cat. It is big.",
  summary: "Cat.",
};
const config = await loadConfig(openFolder(storyteller));
const tokenizer = await loadTokenizer(openFolder(storyteller));
const limits = { promptTokens: 100, responseTokens: 12 };
const newReport = () => ({ rows: 0, postsCut: 0, dropped: 0 });

test("a row that fits is the prompt in OpenAI's format and the closed summary", () => {
  const report = newReport();
  const [encoded] = encodeSummaries([row], tokenizer, config, limits, report);
  const prompt = "SUBREDDIT: r/cats\n\nTITLE: My cat\n\nPOST: I have a cat. It is big.\n\nTL;DR:";
  expect(encoded.prompt).toBe(prompt);
  expect(encoded.promptIds[0]).toBe(config.beginToken!);
  expect(tokenizer.decodeContinuation(encoded.referenceIds)).toBe(" Cat.");
  expect(encoded.referenceIds.at(-1)).toBe(config.endTokens[0]);
  expect(report).toEqual({ rows: 1, postsCut: 0, dropped: 0 });
});

test("a long post keeps its first sentences, and the format stays whole", () => {
  const post = "It was a day. ".repeat(60).trim();
  const report = newReport();
  const [encoded] = encodeSummaries([{ ...row, post }], tokenizer, config, limits, report);
  expect(encoded.promptIds.length).toBeLessThanOrEqual(limits.promptTokens);
  expect(encoded.prompt).toMatch(
    /^SUBREDDIT: r\/cats\n\nTITLE: My cat\n\nPOST: (It was a day\. ?){3,}\n\nTL;DR:$/,
  );
  expect(report.postsCut).toBe(1);
});

test("a first sentence that does not fit keeps its first tokens", () => {
  const post = "and then we went on ".repeat(40);
  const [encoded] = encodeSummaries([{ ...row, post }], tokenizer, config, limits, newReport());
  expect(encoded.promptIds.length).toBe(limits.promptTokens);
  expect(encoded.prompt).toEndWith("\n\nTL;DR:");
});

test("rows whose summary or title is too long are dropped and counted", () => {
  const report = newReport();
  const rows = [
    { ...row, summary: "a very long summary ".repeat(9) },
    { ...row, title: "a very long title ".repeat(20) },
  ];
  expect(encodeSummaries(rows, tokenizer, config, limits, report)).toEqual([]);
  expect(report).toEqual({ rows: 2, postsCut: 0, dropped: 2 });
});
