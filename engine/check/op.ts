import type { Features } from "../gpu/device.ts";
import type { Numbers } from "../gpu/engine.ts";
import type { ShaderName } from "../gpu/shaders.ts";
import { float32ToFloat16 } from "../tensor/half.ts";
import { type Shape, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { randomNumbers } from "./numbers.ts";

/** Sizes and settings of a problem by the letters its op defines, e.g. `{ B: 2, T: 33 }`. */
export type Sizes = Readonly<Record<string, number>>;

/** What an op is given: f32, u32 where the data are a `Uint32Array`, or the bits of f16 in a `Uint16Array`. */
export interface Input {
  data: Numbers;
  shape: Shape;
  /** Whether its gradient is checked. */
  differentiable?: boolean;
}

/** One call of an op, with what it should give. */
export interface Problem {
  inputs: Readonly<Record<string, Input>>;
  /** Calls the op and returns its outputs, among them inputs that it overwrites. */
  run(tensors: Readonly<Record<string, Tensor>>, variant?: string): Record<string, Tensor>;
  /** The outputs in float64; a NaN stands for "not compared". */
  reference(inputs: Readonly<Record<string, ArrayLike<number>>>): Record<string, ArrayLike<number>>;
  /** The outputs that gradients flow from; all of them where absent. */
  differentiable?: readonly string[];
}

/** What a call has to do at least, whichever kernel does it. */
export interface Cost {
  /** Multiplications and additions. */
  flops?: number;
  /** Read once and written once. */
  bytes?: number;
}

/** A kernel that can stand in for another of the same op. */
export interface Variant {
  name: string;
  /** The file it is in; the family's first where absent. */
  shader?: ShaderName;
  available?(features: Features): boolean;
  /** Whether it can do these sizes; absent where it can do all. */
  fits?(sizes: Sizes): boolean;
}

/** The largest relative error, see `relativeError`. */
export interface Tolerance {
  output: number;
  /** Of gradients, against finite differences; absent where there are none. */
  gradient?: number;
  /** Why not smaller. */
  reason: string;
}

/** A letter of an op's sizes. */
export interface Letter {
  meaning: string;
  /** Where it may be left out: its value then, or the letter that it is then equal to. */
  default?: number | string;
  /** What it must be a multiple of. */
  multiple?: number;
  most?: number;
}

/** A function of engine/ops: how it is called, what it computes, and how exact and how costly it is. */
export interface Op {
  /** The function's name. */
  name: string;
  /** What it computes, in a line. */
  summary: string;
  /** Entry points of the family's shaders that it launches, backward included. */
  entries: readonly string[];
  letters: Readonly<Record<string, Letter>>;
  /** The sizes that are timed where none are given: those of the bundled task. */
  typical: Sizes;
  /** The sizes that are checked. */
  grid: readonly Sizes[];
  /** Larger ones, checked with `--full`. */
  more?: readonly Sizes[];
  tolerance: Tolerance;
  variants?: readonly Variant[];
  problem(sizes: Sizes): Problem;
  /** Of the forward launches. */
  cost?(sizes: Sizes): Cost;
}

/** The ops whose kernels share shader files. */
export interface Family {
  /** The name of the op file and of the first shader. */
  name: ShaderName;
  shaders: readonly ShaderName[];
  ops: readonly Op[];
}

/** Seeded numbers to differentiate with respect to. */
export function variable(shape: Shape, seed: number, scale = 1): Input {
  return { ...constant(shape, seed, scale), differentiable: true };
}

/** Seeded numbers that get no gradient. */
export function constant(shape: Shape, seed: number, scale = 1): Input {
  return { data: randomNumbers(sizeOf(shape), seed, scale), shape };
}

/** The same numbers, rounded, as a weight that is stored as f16. */
export function half({ data, shape }: Input): Input {
  return { data: float32ToFloat16(Float32Array.from(data)), shape };
}

/** The one kernel of an op on such a weight. */
export const onHalf: Variant = { name: "f16", available: (features) => features.half };

/** Unsigned integers. */
export function integers(data: ArrayLike<number>, shape: Shape = [data.length]): Input {
  return { data: Uint32Array.from(data), shape };
}

/**
 * `sizes` with the defaults of the letters left out. Throws, naming it, where a letter is unknown, missing, or no size
 * that the op takes: of a capital letter a whole number, from 1 where no check has a 0; other names are settings, from 0.
 */
export function completeSizes(op: Op, sizes: Sizes): Sizes {
  const { name, letters } = op, known = Object.keys(letters);
  for (const letter in sizes) {
    if (!known.includes(letter)) {
      throw new RangeError(`${name} has no size ${letter}; it has ${known.join(", ")}`);
    }
  }
  return Object.fromEntries(known.map((letter) => {
    const { meaning, default: other } = letters[letter];
    const size = sizes[letter] ?? (typeof other === "string" ? sizes[other] : other);
    if (size === undefined) throw new RangeError(`${name} needs the size ${letter}: ${meaning}`);
    expectSize(op, letter, size);
    return [letter, size];
  }));
}

function expectSize({ name, letters, typical, grid, more = [] }: Op, letter: string, size: number) {
  const { meaning, default: other, multiple = 1, most = Infinity } = letters[letter];
  const taken = [other, ...[typical, ...grid, ...more].map((sizes) => sizes[letter])];
  const whole = /^[A-Z]$/.test(letter), least = whole && !taken.includes(0) ? 1 : 0;
  if (size >= least && size <= most && (!whole || size % multiple === 0)) return;
  const kind = !whole ? "a number" : multiple > 1 ? `a multiple of ${multiple}` : "a whole number";
  const end = most < Infinity ? ` to ${most}` : "";
  throw new RangeError(
    `${name}: the size ${letter} (${meaning}) must be ${kind} from ${least}${end}; got ${size}`,
  );
}

/** `B=2 T=33`, the way sizes are written. */
export function describeSizes(sizes: Sizes): string {
  return Object.entries(sizes).map(([letter, size]) => `${letter}=${size}`).join(" ");
}
