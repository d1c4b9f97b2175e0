import type { Bindings } from "../gpu/bindings.ts";
import type { Storage } from "../gpu/buffers.ts";
import type { Engine } from "../gpu/engine.ts";
import type { KernelConstants } from "../gpu/kernels.ts";
import { mostTextureBytes } from "../gpu/textures.ts";
import type { Scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { encode, type Instruction } from "./row-instructions.ts";
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

const nothing: Needs = {
  outside: null,
  frequencies: null,
  cache_k: null,
  cache_v: null,
  cached_k: null,
  cached_v: null,
};

/** The weights of a program, all in one buffer, and their copy in a texture as long as the scope lives. */
export class RowWeights {
  buffer: Storage | null = null;
  texels: Tensor | null = null;

  constructor(readonly scope: Scope) {}

  /** Whether a weight lies where all do: the first one tells. */
  owns({ engine, storage, dtype }: Tensor): boolean {
    if (dtype !== "f32") return false;
    if (this.buffer) return this.buffer === storage;
    const { bindingLimit, device } = engine, { size } = storage; // a copy of more than kernels bind is untried
    if (size > Math.min(bindingLimit, mostTextureBytes(device))) return false;
    this.buffer = storage;
    this.texels = engine.within(this.scope, () => engine.texels([size / 4]));
    engine.copy(whole(engine, storage), this.texels);
    return true;
  }
}

/** Gathers instructions of shaders/row_program.wgsl, and launches those that go together. */
export class RowLaunches {
  /** Launches so far. */
  count = 0;
  #rows: StepRows | null = null;
  #instructions: Instruction[] = [];
  #needs: Needs = nothing;
  #unused: Tensor; // a texture, bound where none is needed
  #encoded: { text: string; program: Tensor }[] = []; // of a step as it was last time: steps are alike
  #ofStep: (() => void)[] = []; // launches of this step
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
    this.#unused = work.engine.within(scope, () => work.engine.texels([4]));
  }

  get positions(): Tensor | undefined {
    return this.#rows?.positions;
  }

  begin(rows: StepRows): void {
    this.launch(); // what is put off is of the rows before
    this.#rows = rows;
    this.#ofStep = [];
  }

  get launchesOfStep(): number {
    return this.#ofStep.length;
  }

  /** Makes the launches of this step again. */
  repeat(): void {
    for (const launch of this.#ofStep) launch();
  }

  /**
   * Puts off an instruction; what cannot be in one launch with it, because it needs something else, is launched first.
   * No launch reads the cache and writes it: those that store do nothing else.
   */
  put(instruction: Instruction, needs: Partial<Needs> = {}): void {
    const names = Object.keys(needs) as (keyof Needs)[], bound = this.#needs;
    const differs = names.some((name) => bound[name] !== null && bound[name] !== needs[name]);
    const [before] = this.#instructions;
    if (differs || before && stores(before) !== stores(instruction)) this.launch();
    this.#needs = { ...this.#needs, ...needs };
    this.work.engine.defer(this.#launch);
    this.#instructions.push(instruction);
  }

  /** Launches instructions that store, all that was put off, with a draw from logits among the results. */
  launchStores(
    { tokens, logProbs: log_probs, state, ends, next }: SamplingBuffers,
    parameters: SamplingParameters & { first_logit: number },
    constants: KernelConstants,
  ): void {
    const { work: { engine }, rows } = this, [instructions, needs] = this.#take();
    const stored = this.#bindings("store", this.#programOf(instructions), needs);
    const { program, sequences, work, cache_k, cache_v } = stored;
    const bindings = {
      ...{ program, sequences, work, cache_k, cache_v },
      ...{ tokens, log_probs, state, ends, next },
    };
    const all = { ...parameters, count: instructions.length };
    const grid = engine.grid(rows, 1), { BARRIERS } = this.constants;
    const forms = { ...constants, BARRIERS };
    this.#make(() => engine.launch("row_sampling", "sample_and_store", bindings, all, grid, forms));
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
    const { work: { engine }, rows } = this, entry = stores(instructions[0]) ? "store" : "run";
    const program = this.#programOf(instructions), bindings = this.#bindings(entry, program, needs);
    const ROWS = rowsOfBlock(rows);
    const grid = [Math.ceil(rows / ROWS), 1, 1] as const;
    const constants: KernelConstants = entry === "run"
      ? { ...this.constants, ROWS }
      : { WORKGROUP: this.constants.WORKGROUP, ROWS };
    const parameters = { rows, count: instructions.length };
    this.#make(() => engine.launch("row_program", entry, bindings, parameters, grid, constants));
  }

  #make(launch: () => void): void {
    this.#ofStep.push(launch);
    launch();
  }

  /** What is not used holds something readable. */
  #bindings(entry: "run" | "store", program: Tensor, needs: Needs): Bindings {
    const { work, weights: { texels } } = this, { engine } = work, none = this.#unused;
    const { outside, frequencies, cached_k, cached_v, cache_k, cache_v } = needs;
    const { positions = program, sequences = program } = this.#rows ?? {};
    const texture = (storage: Storage | null) => storage ? whole(engine, storage) : none;
    const both = { program, positions, sequences, work };
    if (entry === "store") return { ...both, cache_k: texture(cache_k), cache_v: texture(cache_v) };
    return {
      ...both,
      weights: texels ?? none,
      outside: outside ?? program,
      frequencies: frequencies ?? program,
      cached_k: texture(cached_k),
      cached_v: texture(cached_v),
    };
  }

  #programOf(instructions: readonly Instruction[]): Tensor {
    const { scope, work: { engine } } = this, i = this.#ofStep.length;
    const text = JSON.stringify(instructions);
    if (this.#encoded[i]?.text !== text) {
      const program = engine.within(scope, () => engine.integers(encode(instructions)));
      this.#encoded[i] = { text, program };
    }
    return this.#encoded[i].program;
  }
}

const stores = ({ kind }: Instruction) => kind === "store";

function whole(engine: Engine, storage: Storage): Tensor {
  return new Tensor(engine, storage, 0, [storage.size / 4], "f32");
}

/** Rows that a workgroup takes: as many as leave none of the cores without work. */
export function rowsOfBlock(rows: number): number {
  return Math.ceil(rows / 16) >= cores() ? 16 : 8; // each compiles for seconds
}

/** Cores of this machine, which a software adapter computes on. */
export function cores(): number {
  return globalThis.navigator?.hardwareConcurrency ?? 2;
}
