import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readDataset } from "../../data/dataset.ts";
import { forms } from "../../data/forms/recognise.ts";
import { bytesSource } from "../../engine/nn/bytes.ts";

const text = readFileSync(new URL("../../docs/data.md", import.meta.url), "utf8");
const examples = [...text.matchAll(/\*\*([^*]+)\*\*:[^`]*(?:`[^`]+`[^`]*)*```json\n(.*?)```/gs)];

test("docs/data.md has an example of every form, which is read as that form", async () => {
  const named = examples.map(([, title]) => title.toLowerCase());
  expect(named.toSorted()).toEqual(forms.map(({ name }) => name).toSorted());
  for (const [, title, rows] of examples) {
    const file = bytesSource("example.jsonl", new TextEncoder().encode(rows));
    const data = await readDataset(title, [file]);
    expect(data.form.name).toBe(title.toLowerCase());
    expect(data.records).toBe(2);
    expect(data.references.length).toBeGreaterThan(0);
  }
});

test("its chat messages are read too", async () => {
  const [, rows] = /## Chat messages.*?```json\n(.*?)```/s.exec(text)!;
  const file = bytesSource("example.jsonl", new TextEncoder().encode(rows));
  const { pairs, chat } = await readDataset("chat", [file]);
  expect(chat).toBe("plain");
  expect(pairs.map(({ chosen }) => chosen)).toEqual([" Hello!", " Bye!"]);
});
