import { afterEach, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { type Answer, decodeFloats, encodeFloats } from "../../scripts/peers/protocol.ts";
import { Remote } from "../../scripts/peers/remote.ts";
import { works } from "../../scripts/peers/works.ts";

const [{ work }] = works, LIMIT_MS = 2000;
const script = fileURLToPath(new URL("./fake-peer.ts", import.meta.url));
let peer: Remote;

function start(behaviour: "fine" | "stuck" | "crash"): Remote {
  const command = { file: process.execPath, args: [script, behaviour] };
  return peer = new Remote("fake", command, { call: "release" }, LIMIT_MS);
}

afterEach(() => peer.close());

test("a library in another process prepares, tells its results and is timed there", async () => {
  const peer = start("fine");
  expect(await peer.prepare(work)).toBe(true);
  expect(await peer.results()).toEqual([Float32Array.of(1.5, -2)]);
  expect(await peer.sample(7)).toEqual({ ms: 7 });
  await peer.release();
});

test("one that gets stuck is ended, and started again for the next work", async () => {
  const peer = start("stuck");
  await peer.prepare(work);
  await expect(peer.results()).rejects.toThrow("not finished in 2 s");
  await peer.release(); // nothing is there to be released
  expect(await peer.prepare(work)).toBe(true);
});

test("one that ends tells how, and what it complained of", async () => {
  const peer = start("crash");
  await peer.prepare(work);
  expect(await peer.results().catch(String)).toMatch(/ended \(status 3\): no memory left/);
});

test("a program that is not there is a failure like any other", async () => {
  peer = new Remote("none", { file: "no-such-program", args: [] }, { call: "release" });
  await expect(peer.prepare(work)).rejects.toThrow("no-such-program");
});

test("floats come back bit by bit", () => {
  const floats = Float32Array.of(0.1, -0, 3e-42, Infinity).subarray(1);
  expect(decodeFloats(encodeFloats(floats))).toEqual(floats);
  const answer: Answer = { value: [encodeFloats(floats)] };
  expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
});
