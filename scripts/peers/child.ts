// A peer in a process of its own, started by ./remote.ts: bun scripts/peers/child.ts NAME
import process from "node:process";
import { createInterface } from "node:readline";
import { adapterDescription, requestAdapter } from "../host/gpu.ts";
import { waitPatiently } from "../host/patience.ts";
import type { Contender } from "./contender.ts";
import type { Weight } from "./gpt.ts";
import { jaxContender } from "./jax.ts";
import { Local } from "./local.ts";
import { type Answer, decodeWeight, encodeFloats, type Request } from "./protocol.ts";
import { tfjsContender } from "./tfjs.ts";

const contenders: Record<string, (weights: readonly Weight[]) => Promise<Contender>> = {
  "jax-js": jaxContender,
  tfjs: tfjsContender,
};

let peer: Local;
// Standard output is for answers alone.
console.log = console.info = console.debug = console.error;
const { software } = adapterDescription(await requestAdapter());
// The peers look for WebGPU where a browser has it.
Object.defineProperty(navigator, "gpu", { value: globalThis.homeportDawn, configurable: true });
for await (const line of createInterface({ input: process.stdin })) {
  const answer = answerTo(JSON.parse(line) as Request);
  if (software) await waitPatiently(answer); // as Homeport has it: the polling is not the peer's doing
  process.stdout.write(JSON.stringify(await answer) + "\n");
}
process.exit(0); // nobody asks any more

async function answerTo(request: Request): Promise<Answer> {
  try {
    return { value: await handle(request) ?? null };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

async function handle(request: Request): Promise<unknown> {
  switch (request.call) {
    case "start":
      peer = new Local(await contenders[process.argv[2]](request.weights.map(decodeWeight)));
      return;
    case "prepare":
      return peer.prepare(request.work);
    case "results":
      return (await peer.results()).map(encodeFloats);
    case "sample":
      return peer.sample(request.runs);
    case "release":
      return peer.release();
  }
}
