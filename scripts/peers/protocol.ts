// How the rounds talk to a library in a process of its own: each request is a line of JSON on the child's standard
// input, each answer a line on its standard output. Floats are base64 of their bytes, lowest first.
import type { gpt, Weight } from "./gpt.ts";
import type { Work } from "./works.ts";

export type Request =
  /** The first: what the language model is. */
  | { call: "start"; gpt: typeof gpt; weights: EncodedWeight[] }
  | { call: "prepare"; work: Work }
  | { call: "results" }
  | { call: "sample"; runs: number }
  | { call: "release" };

export interface EncodedWeight {
  name: string;
  shape: readonly number[];
  data: string;
}

/** What the call returns (of `results`, each array encoded), or why it failed. */
export type Answer = { value: unknown } | { error: string };

export function encodeFloats({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

export function decodeFloats(text: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
}

export function encodeWeight({ name, shape, data }: Weight): EncodedWeight {
  return { name, shape, data: encodeFloats(data) };
}

export function decodeWeight({ name, shape, data }: EncodedWeight): Weight {
  return { name, shape, data: decodeFloats(data) };
}
