import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HubAccess, hubAccess } from "../../scripts/host/hub/access.ts";
import { progress } from "../../scripts/host/progress.ts";
import { resolveHub } from "../../scripts/host/hub.ts";
import { commitOf, fault, HubServer, status, TOKEN } from "../support/hub-server.ts";

const LARGE = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 251);
const FILES = {
  "config.json": "{}",
  "model.safetensors": LARGE,
  "folder/a b.txt": "text",
  "empty.txt": "",
  "README.md": "# Read me",
};
const COMMIT = commitOf(FILES);

let server: HubServer;
let cache: string;
let said: string[];
let waits: number[];
let shown: string[];
const bar = { write: (line: string) => shown.push(line) };

beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), "homeport-hub-"));
  [said, waits, shown] = [[], [], []];
  const other = { "config.json": "[]" };
  server = await HubServer.start({
    "org/model": { branches: { main: FILES, other } },
    old: { branches: {}, movedTo: "org/model" },
    "org/private": { branches: { main: FILES }, private: true },
    "org/gated": { branches: { main: FILES }, gated: true },
    "org/set": { branches: { main: { "data/train.jsonl": "{}\n" } }, kind: "dataset" },
  });
});
afterEach(() => {
  server.stop();
  rmSync(cache, { recursive: true });
});

const access = (changes: Partial<HubAccess> = {}): HubAccess => ({
  ...hubAccess({ HF_ENDPOINT: server.endpoint + "/", HF_HUB_CACHE: cache, HF_HOME: cache }),
  stallSeconds: 20,
  pause: (seconds) => Promise.resolve(void waits.push(seconds)),
  say: (line) => void said.push(line),
  progress: (label, total, unit) => progress(label, total, unit, { stream: bar, now: () => 0 }),
  ...changes,
});
const all = (paths: string[]) => paths;
const only = (...wanted: string[]) => (paths: string[]) =>
  paths.filter((path) => wanted.includes(path));
const model = (name: string, choose = all, changes: Partial<HubAccess> = {}) =>
  resolveHub({ kind: "model", name, choose }, access(changes));
const large = (changes?: Partial<HubAccess>) =>
  model("org/model", only("model.safetensors"), changes);
const storage = () => join(cache, "models--org--model");

function expectLarge(folder: string) {
  expect(readFileSync(join(folder, "model.safetensors")).equals(LARGE)).toBe(true);
  expect(readdirSync(join(storage(), "blobs")).some((name) => name.endsWith("incomplete")))
    .toBe(false);
}

test("a model comes into the cache in the usual layout, and its second use asks for no file", async () => {
  const folder = await model("org/model");
  expect(folder).toBe(join(storage(), "snapshots", COMMIT));
  for (const [path, content] of Object.entries(FILES)) {
    expect(readFileSync(join(folder, path)).equals(Buffer.from(content))).toBe(true);
  }
  expect(readFileSync(join(storage(), "refs/main"), "utf8")).toBe(COMMIT);
  expect(readlinkSync(join(folder, "folder/a b.txt"))).toStartWith("../../../blobs/");
  expectLarge(folder);
  server.log.length = 0;
  expect(await model("org/model")).toBe(folder);
  expect(server.log.map(({ path }) => path.split("?")[0]))
    .toEqual(["/api/models/org/model/revision/main"]);
});

test("only the chosen files are fetched; another commit reuses their content", async () => {
  const folder = await model("org/model", only("config.json"));
  expect(readdirSync(folder)).toEqual(["config.json"]);
  expect(server.asked("README.md")).toEqual([]);
  server.repositories["org/model"].branches.main = { ...FILES, "README.md": "another" };
  server.log.length = 0;
  expect(await model("org/model", only("config.json"))).not.toBe(folder);
  expect(server.asked("config.json")).toEqual([]);
});

test("revisions, commits, moved names and datasets are found", async () => {
  expect(readFileSync(join(await model("org/model@other"), "config.json"), "utf8")).toBe("[]");
  expect(await model(`org/model@${COMMIT}`)).toEndWith(COMMIT);
  expect(readdirSync(await model("old", only("config.json")))).toEqual(["config.json"]);
  const set = await resolveHub({ kind: "dataset", name: "org/set", choose: all }, access());
  expect(set).toStartWith(join(cache, "datasets--org--set"));
  expect(existsSync(join(set, "data/train.jsonl"))).toBe(true);
});

test("the token goes to the hub and never to the store", async () => {
  await model("org/private", all, { token: TOKEN });
  const told = (store: boolean) =>
    new Set(server.log.filter((one) => one.store === store).map((one) => one.authorization));
  expect([...told(false)]).toEqual([`Bearer ${TOKEN}`]);
  expect([...told(true)]).toEqual([null]);
});

/** Sends the first bytes of what is asked and then does `after`. */
const partly = (bytes: number, after: "stall" | "end" | "break") =>
  fault("/store/model.safetensors", 1, (response) => {
    if (after !== "end") response.setHeader("Content-Length", LARGE.length);
    response.write(LARGE.subarray(0, bytes), () => {
      if (after === "end") response.end();
      // Later, for a client that reads of the end first drops what came before it.
      if (after === "break") setTimeout(() => response.destroy(), 500);
    });
  });
/** The store at an address that `partly` answers. */
const toStore = (times: number) =>
  fault(
    `/resolve/${COMMIT}/model.safetensors`,
    times,
    status(302, { Location: "/store/model.safetensors" }),
  );

test("an interrupted download goes on where it stopped", async () => {
  server.faults = [toStore(1), partly(40_000, "end")];
  const interrupted = large({ pause: () => Promise.reject(new Error("killed")) });
  await expect(interrupted).rejects.toThrow("killed");
  const [partial] = readdirSync(join(storage(), "blobs"));
  expect(partial).toEndWith(".incomplete");
  const length = readFileSync(join(storage(), "blobs", partial)).length;
  expect(length).toBe(40_000);
  expect(existsSync(join(storage(), "snapshots"))).toBe(false);
  [server.log.length, shown] = [0, []];
  expectLarge(await large());
  expect(shown.at(-1)).toContain("100.0/100.0 kB");
  expect(server.asked("model.safetensors").map(({ range }) => range))
    .toEqual(["bytes=40000-", "bytes=40000-"]); // the hub, and the store it leads to
});

for (
  const [after, reason] of [
    ["stall", "nothing came for 1 s"],
    ["end", "the answer ended at byte 30000 of 100000"],
    ["break", "no connection"],
  ] as const
) {
  test(`a download that meets a ${after} goes on by itself`, async () => {
    server.faults = [
      toStore(1),
      partly(30_000, after),
    ];
    expectLarge(await large({ stallSeconds: after === "stall" ? 1 : 20 }));
    expect(said[0]).toContain(reason);
    expect(waits).toEqual([1]);
    expect(server.asked("model.safetensors").at(-1)).toMatchObject({
      range: "bytes=30000-",
      store: true,
    });
  });
}

test("a server that does not know ranges sends the whole once more", async () => {
  mkdirSync(join(storage(), "blobs"), { recursive: true });
  const hash = new Bun.CryptoHasher("sha256").update(LARGE).digest("hex");
  writeFileSync(join(storage(), "blobs", `${hash}.incomplete`), LARGE.subarray(0, 5000));
  server.faults = [fault("model.safetensors", 1, (response) => void response.end(LARGE))];
  expectLarge(await large());
});

test("a wrong content is fetched anew, and refused when it stays wrong", async () => {
  const wrong = LARGE.with(77, 9);
  server.faults = [fault("model.safetensors", 1, (response) => void response.end(wrong))];
  expectLarge(await large());
  expect(said[0]).toContain("fetching it anew");
  rmSync(storage(), { recursive: true });
  server.faults = [fault("model.safetensors", 2, (response) => void response.end(wrong))];
  await expect(large()).rejects.toThrow("is not the file it lists");
  expect(readdirSync(join(storage(), "blobs"))).toEqual([]);
  server.faults = [fault("config.json", 2, (response) => void response.end("[]"))];
  await expect(model("org/model", only("config.json"))).rejects.toThrow("config.json: its content");
});

test("a body longer than listed and a wrong range are refused", async () => {
  const longer = new Uint8Array(LARGE.length + 1);
  server.faults = [fault("model.safetensors", 1, (response) => void response.end(longer))];
  await expect(large()).rejects.toThrow("more than the 100000 bytes");
  server.faults = [
    fault("model.safetensors", 1, (response) => void response.end(LARGE.subarray(0, 10))),
    fault("model.safetensors", 1, status(206, { "Content-Range": "bytes 0-9/10" })),
  ];
  await expect(large()).rejects.toThrow("asked for bytes 10-99999/100000");
});

test("429 and 5xx are tried again, as late as the server asks", async () => {
  server.faults = [
    fault("/revision/main", 1, status(429, { "Retry-After": "7" })),
    fault("/revision/main", 1, status(503)),
    fault("config.json", 2, status(500)),
  ];
  await model("org/model", only("config.json"));
  expect(waits).toEqual([7, 2, 1, 2]);
  expect(said[0]).toContain("the hub answers 429; trying again in 7 s");
});

test("the time to wait is read as seconds, a date or the end of a rate limit's window", async () => {
  const inAMinute = new Date(Date.now() + 60_000).toUTCString();
  server.faults = [
    fault("/revision/main", 1, status(429, { "Retry-After": inAMinute })),
    fault("/revision/main", 1, status(429, { RateLimit: '"api";r=0;t=55' })),
    fault("/revision/main", 1, status(429, { "Retry-After": "soon" })),
  ];
  await model("org/model", only("config.json"));
  expect(waits[0]).toBeWithin(1, 61);
  expect(waits.slice(1)).toEqual([55, 4]);
});

test("a store's address that has run out is asked for anew; its other refusals are told", async () => {
  server.faults = [(request, response) => request.url!.includes("signature") && once(response)];
  let refusals = 1;
  const once = (response: ServerResponse) => refusals-- > 0 && (status(403)(response), true);
  expectLarge(await large());
  expect(said).toEqual([
    "model.safetensors: the store of large files answers 403; trying again in 1 s",
  ]);
  rmSync(storage(), { recursive: true });
  server.faults = [
    (request, response) => request.url!.includes("signature") && (status(410)(response), true),
  ];
  await expect(large()).rejects.toThrow("model org/model@");
});

test("a server that stays down is given up with a word on going on", async () => {
  server.faults = [fault("config.json", 100, status(503))];
  await expect(model("org/model", only("config.json"))).rejects.toThrow(
    "config.json: the hub answers 503, 6 times in a row; start again later",
  );
  expect(waits).toEqual([1, 2, 4, 8, 16]);
  server.faults = [fault("config.json", 100, status(429, { "Retry-After": "7200" }))];
  await expect(model("org/model", only("config.json"))).rejects.toThrow(
    "the hub answers 429, 1 time",
  );
});

test("what a person has to do is said: no such model, revision, licence, token", async () => {
  await expect(model("org/none")).rejects.toThrow("has no model org/none, or it is private");
  await expect(model("org/private")).rejects.toThrow("set HF_TOKEN");
  await expect(model("org/none", all, { token: TOKEN })).rejects.toThrow("none at");
  await expect(model("org/set")).rejects.toThrow("has no model org/set");
  await expect(model("org/model@v9")).rejects.toThrow("has no revision v9");
  await expect(model("org/gated")).rejects.toThrow(
    `model org/gated is gated: accept its licence at ${server.endpoint}/org/gated`,
  );
  await expect(model("org/model", all, { token: "hf_wrong" })).rejects.toThrow(
    "refuses the token in HF_TOKEN (401)",
  );
  for (const name of ["./none", "a/b/c", "../up", "/none", "org/name@", "org/a--b", "a b"]) {
    await expect(model(name)).rejects.toThrow("is neither a folder that exists");
  }
  expect(waits).toEqual([]);
});

test("without a network the cached snapshot serves, if it holds what is wanted", async () => {
  const folder = await model("org/model", only("config.json"));
  server.stop();
  expect(await model("org/model", only("config.json"))).toBe(folder);
  expect(said[0]).toContain(`using org/model as cached, commit ${COMMIT}`);
  expect(await model("org/model", only("config.json"), { offline: true })).toBe(folder);
  await expect(large()).rejects.toThrow(/lacks model.safetensors, and .* cannot be reached/);
  await expect(large({ offline: true })).rejects.toThrow("HF_HUB_OFFLINE is set");
  await expect(model("org/other", all, { offline: true })).rejects.toThrow("is not in the cache");
  await expect(model("org/other")).rejects.toThrow(
    /asked for model org\/other: no connection .*or give a folder\. If a folder was meant: there is none at/,
  );
  expect(waits).toEqual([]); // nobody waits for a network that was never there
});

test("a network that is lost on the way is waited for", async () => {
  const { stop } = server;
  const answer = only("config.json");
  await expect(model("org/model", (paths) => (stop.call(server), answer(paths)))).rejects.toThrow(
    "config.json: no connection",
  );
  expect(waits).toEqual([1, 2, 4, 8, 16]);
});

test("a snapshot of another program serves offline and without a network", async () => {
  const folder = join(storage(), "snapshots", COMMIT);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), "{}");
  expect(await model(`org/model@${COMMIT}`, all, { offline: true })).toBe(folder);
  server.stop();
  expect(await model(`org/model@${COMMIT}`)).toBe(folder);
  expect([waits, said]).toEqual([[], [expect.stringContaining("using org/model as cached")]]);
});

test("a listing that leads out of the cache is refused", async () => {
  for (const path of ["../../evil", "/evil", "a/../b", "C:evil", "a\\b", ""]) {
    server.repositories["org/model"].branches.main = { [path]: "x" };
    await expect(model("org/model")).rejects.toThrow("expected a path inside the repository");
  }
});

test("the token and the cache are where Hugging Face's tools have them", () => {
  const home = { HF_HOME: cache };
  expect(hubAccess(home)).toMatchObject({ token: null, cache: join(cache, "hub") });
  writeFileSync(join(cache, "token"), "hf_file\n");
  expect(hubAccess(home).token).toBe("hf_file");
  expect(hubAccess({ ...home, HF_TOKEN: "hf_given" }).token).toBe("hf_given");
  expect(hubAccess({ ...home, HF_HUB_CACHE: "/x" }).cache).toBe("/x");
  expect(hubAccess({ XDG_CACHE_HOME: "/y" }).cache).toBe("/y/huggingface/hub");
  expect(hubAccess({}).endpoint).toBe("https://huggingface.co");
  expect(hubAccess({ HF_HUB_OFFLINE: "1" }).offline).toBe(true);
});
