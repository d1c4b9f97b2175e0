import type { Bindings } from "../gpu/bindings.ts";
import type { Storage } from "../gpu/buffers.ts";
import type { KernelConstants } from "../gpu/kernels.ts";
import type { Scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { encode, type Instruction } from "./row-instructions.ts";
import { type RowWeights, whole } from "./row-weights.ts";
import type { SamplingBuffers, SamplingParameters } from "./sampling.ts";

/** The rows of a step: where they stand, and in which sequence, u32 [rows] each. */
export interface StepRows {
  positions: Tensor;
  sequences: Tensor;
}

/** What instructions need besides weights and results of their own; null where those of a launch do not. */
export interface Needs {
  outside: Tensor | null;
  frequencies: Tensor | null;
  /** Textures with keys and values, read. */
  cached_k: Storage | null;
  cached_v: Storage | null;
  /** The same, written. */
  cache_k: Storage | null;
  cache_v: Storage | null;
}

/** What draws in the place of `sampleNext`, and stores. */
export interface Drawing {
  buffers: SamplingBuffers;
  parameters: SamplingParameters & {
    /** The vec4 at which the logits begin, and that at which results begin that are kept, with their number a step. */
    first_logit: number;
    kept: number;
    kept_vectors: number;
  };
  /** Of the draw. */
  constants: KernelConstants;
  /** Instructions of STORE, of equal heads. */
  stores: readonly Instruction[];
  /** Where each step's results are that are kept, one by one in a texture. */
  kept_results: Tensor;
}

const nothing: Needs = {
  outside: null,
  frequencies: null,
  cache_k: null,
  cache_v: null,
  cached_k: null,
  cached_v: null,
};

/** Gathers instructions of shaders/row_program.wgsl, and launches those that go together. */
export class RowLaunches {
  /** Launches so far. */
  count = 0;
  #rows: StepRows | null = null;
  #instructions: Instruction[] = [];
  #needs: Needs = nothing;
  #unused: Tensor; // a texture, bound where none is needed
  #nothingKept: Tensor; // likewise
  #encoded: { text: string; program: Tensor }[] = []; // of a step as it was last time: steps are alike
  #programs = 0; // of this step
  readonly #launch = (): void => this.launch();

  /**
   * @param work where all results lie
   * @param scope what it holds lives as long
   */
  constructor(
    readonly work: Tensor,
    readonly scope: Scope,
    readonly rows: number,
    readonly weights: RowWeights,
    readonly constants: KernelConstants,
  ) {
    const { engine } = work;
    this.#unused = engine.within(scope, () => engine.texels([4]));
    this.#nothingKept = engine.within(scope, () => engine.texels([4], "r32float"));
  }

  get positions(): Tensor | undefined {
    return this.#rows?.positions;
  }

  begin(rows: StepRows): void {
    this.launch(); // what is put off is of the rows before
    this.#rows = rows;
    this.#programs = 0;
  }

  /** Whether this step takes its rows' tokens and places from `next` [2, columns]. */
  follows(next: Tensor): boolean {
    const at = (tensor: Tensor | null | undefined, row: number) =>
      tensor?.storage === next.storage && tensor.offset === next.offset + 4 * row * next.shape[1];
    return at(this.#needs.outside, 0) && at(this.positions, 1);
  }

  /**
   * Puts off an instruction; what cannot be in one launch with it, because it needs something else, is launched first.
   * No launch reads the cache and writes it: those that store do nothing else.
   */
  put(instruction: Instruction, needs: Partial<Needs> = {}): void {
    const names = Object.keys(needs) as (keyof Needs)[], bound = this.#needs;
    const differs = names.some((name) => bound[name] !== null && bound[name] !== needs[name]);
    const [before] = this.#instructions;
    if (differs || before && !together(before, instruction)) this.launch();
    this.#needs = { ...this.#needs, ...needs };
    this.work.engine.defer(this.#launch);
    this.#instructions.push(instruction);
  }

  /** What launches so many whole steps, each made of what was put off and a draw from logits among its results. */
  steps(
    { buffers, parameters, constants, stores, kept_results }: Drawing,
  ): (steps: number) => void {
    const { work, rows } = this, { engine } = work, [instructions, needs] = this.#take();
    const { tokens, logProbs: log_probs, state, ends, next } = buffers;
    const { next_stride, ...drawing } = parameters, { capacity, kept, kept_vectors } = parameters;
    const computing = this.#computing(instructions, needs),
      drawn = { tokens, log_probs, state, ends };
    const computed = { ...computing, ...drawn, work, kept_results };
    const { cached_k: cache_k, cached_v: cache_v } = needs;
    const storing = this.#storing(stores, { ...needs, cache_k, cache_v });
    const stored = { ...storing, kept_results, tokens, state, next };
    const { BARRIERS: _, ...computes } = this.constants;
    const all = { ...computes, ...constants, ROWS: rowsOfBlock(rows) };
    return (steps) => {
      const run = { ...drawing, count: instructions.length, steps };
      engine.launch("row_generation", "generate", computed, run, blocks(rows), all);
      const noted = { capacity, next_stride, kept, kept_vectors };
      this.#store("store_and_note", stores, stored, noted);
    };
  }

  /** What was put off, which is the caller's to launch. */
  #take(): [readonly Instruction[], Needs] {
    const taken: [Instruction[], Needs] = [this.#instructions, this.#needs];
    this.#instructions = []; // before anything that makes the engine ask for them
    this.#needs = nothing;
    this.count++;
    return taken;
  }

  /** Launches what was put off. */
  launch(): void {
    if (this.#instructions.length === 0) return;
    const [instructions, needs] = this.#take();
    const { work, rows } = this, { engine } = work;
    const parameters = { rows, count: instructions.length };
    if (stores(instructions[0])) {
      const nothing = { capacity: 0, next_stride: 0, kept: 0, kept_vectors: 0 };
      return this.#store("store", instructions, this.#storing(instructions, needs), nothing);
    }
    const computed = this.#computing(instructions, needs), { program } = computed;
    const bindings = {
      ...computed,
      work,
      positions: this.#rows?.positions ?? program,
      outside: needs.outside ?? program,
    };
    const constants = { ...this.constants, ROWS: rowsOfBlock(rows) };
    engine.launch("row_program", "run", bindings, parameters, blocks(rows), constants);
  }

  /** Launches these instructions of STORE, of equal heads. */
  #store(
    entry: "store" | "store_and_note",
    instructions: readonly Instruction[],
    bindings: Bindings,
    noted: Record<"capacity" | "next_stride" | "kept" | "kept_vectors", number>,
  ): void {
    const { work: { engine }, rows } = this, parameters = { rows, count: instructions.length };
    const [{ columns, inner = columns, together = 1 }] = instructions;
    const constants = {
      WORKGROUP: this.constants.WORKGROUP,
      HEAD_VECTORS: inner / 4,
      KEY_HEADS: columns / inner,
      TOGETHER: together,
      IN_TEXTURE: Number(entry === "store_and_note"),
    };
    const grid = engine.grid(rows, 1);
    engine.launch("row_store", entry, bindings, { ...parameters, ...noted }, grid, constants);
  }

  /** What instructions read and write; what is not used holds something readable. */
  #computing(instructions: readonly Instruction[], needs: Needs): Bindings {
    const { weights } = this, program = this.#programOf(instructions);
    const { frequencies, cached_k, cached_v } = needs;
    return {
      ...{ program, sequences: this.#rows?.sequences ?? program },
      weights: weights.ready() ?? this.#unused,
      frequencies: frequencies ?? program,
      cached_k: this.#texture(cached_k),
      cached_v: this.#texture(cached_v),
    };
  }

  /** The same of instructions that store. */
  #storing(instructions: readonly Instruction[], { cache_k, cache_v }: Needs): Bindings {
    const { work } = this, program = this.#programOf(instructions);
    return {
      ...{ program, work, sequences: this.#rows?.sequences ?? program },
      kept_results: this.#nothingKept,
      cache_k: this.#texture(cache_k),
      cache_v: this.#texture(cache_v),
    };
  }

  #texture(storage: Storage | null): Tensor {
    return storage ? whole(this.work.engine, storage) : this.#unused;
  }

  #programOf(instructions: readonly Instruction[]): Tensor {
    const { scope, work: { engine } } = this, i = this.#programs++;
    const text = JSON.stringify(instructions);
    if (this.#encoded[i]?.text !== text) {
      const program = engine.within(scope, () => engine.integers(encode(instructions)));
      this.#encoded[i] = { text, program };
    }
    return this.#encoded[i].program;
  }
}

const stores = ({ kind }: Instruction) => kind === "store";

/** Whether a launch can make both: those that store have a kernel of their own, compiled for their heads. */
function together(one: Instruction, other: Instruction): boolean {
  if (!stores(one) || !stores(other)) return stores(one) === stores(other);
  return one.columns === other.columns && one.inner === other.inner &&
    one.together === other.together;
}

/** A workgroup a block of rows. */
function blocks(rows: number): [number, number, number] {
  return [Math.ceil(rows / rowsOfBlock(rows)), 1, 1];
}

/** Rows that a workgroup takes: as many as leave none of the cores without work. */
export function rowsOfBlock(rows: number): number {
  return Math.ceil(rows / 16) >= cores() ? 16 : 8; // each compiles for seconds
}

/** Cores of this machine, which a software adapter computes on. */
export function cores(): number {
  return globalThis.navigator?.hardwareConcurrency ?? 2;
}
