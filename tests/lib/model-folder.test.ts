import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { hubAccess } from "../../scripts/host/hub/access.ts";
import { modelFolder, neededFiles } from "../../scripts/lib/model-folder.ts";
import { HubServer } from "../support/hub-server.ts";

const quiet = () => ({ advance() {}, resume() {}, done() {} });
const root = fileURLToPath(new URL("../..", import.meta.url));
const storyteller = join(root, "data/storyteller");
const files = Object.fromEntries(
  readdirSync(storyteller).map((name) => [name, readFileSync(join(storyteller, name))]),
);
const server = await HubServer.start({
  "org/storyteller": { branches: { main: files } },
  "org/encoder": { branches: { main: { ...files, "config.json": '{"model_type":"bert"}' } } },
});
const cache = mkdtempSync(join(tmpdir(), "homeport-hub-"));
afterAll(() => {
  server.stop();
  rmSync(cache, { recursive: true });
});

test("a folder is taken as it is", async () => {
  expect(await modelFolder(storyteller)).toBe(storyteller);
});

test("what a model needs is fetched, and one file instead of shards", () => {
  const config = ["config.json", "tokenizer.json", "vocab.json", "merges.txt"];
  const others = ["README.md", "pytorch_model.bin", "onnx/model.onnx", "sub/model.safetensors"];
  const shards = [1, 2].map((n) => `model-0000${n}-of-00002.safetensors`);
  const sharded = ["model.safetensors.index.json", ...shards];
  const needed = (...paths: string[]) => neededFiles("x", [...config, ...others, ...paths]);
  expect(needed(...sharded)).toEqual([...config, ...sharded]);
  expect(needed(...sharded, "model.safetensors")).toEqual([...config, "model.safetensors"]);
  expect(needed("adapter_config.json", "adapter_model.safetensors", "consolidated.safetensors"))
    .toEqual([...config, "adapter_config.json", "adapter_model.safetensors"]);
  const paths = ["expected.json", "model.safetensors"];
  expect(neededFiles("x", paths)).toEqual(["model.safetensors"]);
  expect(neededFiles("x", paths, ["expected.json", "expected.safetensors"])).toEqual(paths);
});

test("a repository without safetensors is refused with its reason", () => {
  const refuse = (...paths: string[]) => () => neededFiles("org/old", paths);
  expect(refuse("config.json", "pytorch_model.bin")).toThrow(
    "org/old has only pickled weights (pytorch_model.bin), which run code when they are read",
  );
  expect(refuse("README.md")).toThrow("org/old has no weights (only README.md)");
});

test("a model that is not supported is refused before its weights are fetched", async () => {
  const access = hubAccess({ HF_ENDPOINT: server.endpoint, HF_HOME: cache });
  await expect(modelFolder("org/encoder", { ...access, progress: quiet })).rejects.toThrow(
    'model_type "bert" is not supported',
  );
  expect(server.asked("model.safetensors")).toEqual([]);
});

test("check-model takes a hub name; what it fetched serves without a network", async () => {
  const env = { HF_ENDPOINT: server.endpoint, HF_HUB_CACHE: cache, HF_HOME: cache };
  const child = Bun.spawn([process.execPath, "scripts/check-model.ts", "org/storyteller"], {
    cwd: root,
    env: { ...process.env, ...env },
    stderr: "pipe",
  });
  const output = await Promise.all(
    [child.stdout, child.stderr].map((stream) => new Response(stream).text()),
  );
  expect(output[1]).toContain("org/storyteller: ");
  expect(output[0]).toContain("ok   greedy text");
  expect(await child.exited).toBe(0);
  server.log.length = 0;
  const folder = await modelFolder("org/storyteller", hubAccess({ ...env, HF_HUB_OFFLINE: "1" }));
  expect(readdirSync(folder)).toContain("model.safetensors");
  expect(server.log).toEqual([]);
}, 120_000);
