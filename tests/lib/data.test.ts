import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hubAccess } from "../../scripts/host/hub/access.ts";
import { chooseDataFiles, loadDataset } from "../../scripts/lib/data.ts";
import { HubServer } from "../support/hub-server.ts";

const line = (chosen: string) => JSON.stringify({ prompt: "p", chosen, rejected: "r" }) + "\n";
const folder = mkdtempSync(join(tmpdir(), "homeport-data-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("Parquet before JSON lines before JSON, all of one kind, of one part only", () => {
  const paths = ["README.md", "info.json", "b/train.jsonl.gz", "a/test.jsonl", "a/train.parquet"];
  expect(chooseDataFiles("x", paths, "")).toEqual(["a/train.parquet"]);
  expect(chooseDataFiles("x", paths.slice(0, 4), "")).toEqual(["a/test.jsonl", "b/train.jsonl.gz"]);
  expect(chooseDataFiles("x", paths, "b")).toEqual(["b/train.jsonl.gz"]);
  expect(() => chooseDataFiles("x", paths, "c")).toThrow("x holds no data file");
});

test("a folder with its splits", async () => {
  mkdirSync(join(folder, "set"));
  writeFileSync(join(folder, "set/test.jsonl"), line("a"));
  writeFileSync(join(folder, "set/train.jsonl"), line("b"));
  const { pairs } = await loadDataset(join(folder, "set"));
  expect(pairs.map(({ chosen, split }) => [chosen, split])).toEqual([["a", "test"], [
    "b",
    "train",
  ]]);
});

test("a missing file is refused by name, and what is no name at all", async () => {
  await expect(loadDataset(join(folder, "none.jsonl"))).rejects.toThrow("No file");
  await expect(loadDataset(join(folder, "none"))).rejects.toThrow("neither a folder that exists");
});

test("a dataset of the hub, whole and one part of it", async () => {
  const files = { "README.md": "#", "one/train.jsonl": line("a"), "two/train.jsonl": line("b") };
  const repository = { kind: "dataset", branches: { main: files } } as const;
  const server = await HubServer.start({ "org/set": repository });
  const access = hubAccess({ HF_ENDPOINT: server.endpoint, HF_HUB_CACHE: join(folder, "cache") });
  const chosen = async (name: string) =>
    (await loadDataset(name, {}, access)).pairs.map(({ chosen }) => chosen);
  expect(await chosen("org/set")).toEqual(["a", "b"]);
  expect(await chosen("org/set:two")).toEqual(["b"]);
  server.stop();
});
