// A peer for remote.test.ts that answers by scripts/peers/protocol.ts: bun fake-peer.ts fine|stuck|crash
import { createInterface } from "node:readline";
import { encodeFloats, type Request } from "../../scripts/peers/protocol.ts";

for await (const line of createInterface({ input: process.stdin })) {
  const value = valueOf(JSON.parse(line) as Request);
  if (value !== undefined) console.log(JSON.stringify({ value }));
}

function valueOf(request: Request): unknown {
  if (request.call === "prepare") return true;
  if (request.call === "sample") return { ms: request.runs };
  if (request.call !== "results") return null;
  if (process.argv[2] === "stuck") return undefined;
  if (process.argv[2] === "crash") {
    console.error("no memory left");
    process.exit(3);
  }
  return [encodeFloats(Float32Array.of(1.5, -2))];
}
