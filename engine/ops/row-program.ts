import type { Storage } from "../gpu/buffers.ts";
import type { Engine } from "../gpu/engine.ts";
import type { Scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Heads } from "./attention.ts";
import type { LayerCache } from "./cache.ts";
import { type FusedOrder, type HeadView, viewFused } from "./heads.ts";
import { geluForms } from "./matmul-subgroup.ts";
import { matmulVariant } from "./matmul-variants.ts";
import type { LinearOptions } from "./matmul.ts";
import type { RotaryOptions } from "./rotary.ts";
import { encode, type Instruction } from "./row-instructions.ts";
import { laneDoesRow } from "./row-reduction.ts";

const PLACE = 64; // numbers at whose multiples a result begins, so that other kernels can bind it

/** The rows of a step: where they stand, and in which sequence, u32 [rows] each. */
export interface StepRows {
  positions: Tensor;
  sequences: Tensor;
}

/** A launch that is being put together. */
interface Pending {
  instructions: Instruction[];
  /** How the weights of its products lie; null before the first. */
  transposed: boolean | null;
  outside: Tensor | null;
  frequencies: Tensor | null;
  cache: LayerCache | null;
}

const nothing: Omit<Pending, "instructions"> = {
  transposed: null,
  outside: null,
  frequencies: null,
  cache: null,
};

/**
 * Ops on the rows of a batch that are put off and done together, in one launch, before whatever else is launched
 * next: see shaders/row_program.wgsl. Each method stands for the op of its name and gives the same bits, or returns
 * null where it cannot, for the op to be called in its place. Not differentiable.
 */
export class RowProgram {
  #work: Tensor;
  #layer = 0; // of the step: even and odd ones have half of #work each
  #used = 0; // of that half, in numbers
  #noCache: LayerCache; // bound where nothing is stored
  #weights: Storage | null = null;
  #rows: StepRows | null = null;
  #pending: Pending = { ...nothing, instructions: [] };
  #loaded = new Map<string, Tensor>(); // what was brought into #work since the last launch, by where it lay
  #encoded: { text: string; program: Tensor }[] = []; // of a step as it was last time: steps are alike
  #launches = 0; // of this step
  #transposed = false; // in the last launch with products: another without any compiles nothing new
  readonly #launch = (): void => this.launch();

  /**
   * @param scope what it holds lives as long
   * @param numbers that the results of a layer may take together; what does not fit is null
   * @param barriers whether lanes wait for each other: those of a software adapter's subgroup go in step
   */
  constructor(
    readonly engine: Engine,
    readonly scope: Scope,
    readonly rows: number,
    numbers: number,
    readonly barriers = !engine.features.software,
  ) {
    const half = Math.ceil(numbers / PLACE) * PLACE;
    this.#work = engine.within(scope, () => engine.empty([2 * half]));
    const texel = () => engine.within(scope, () => engine.texels([4]));
    this.#noCache = { keys: texel(), values: texel() };
  }

  /** Begins a step: the results of the one before are no more. */
  begin(rows: StepRows): void {
    this.#rows = rows;
    this.#layer = this.#used = this.#launches = 0;
    this.#loaded.clear();
  }

  /** Begins the step's next layer: the results of the last one stay, those of the one before are no more. */
  nextLayer(): void {
    this.#layer++;
    this.#used = 0;
    this.#loaded.clear();
  }

  /** `embedding`: rows of a table [V, C] by `ids`, u32 [rows]. */
  embedding(table: Tensor, ids: Tensor, residual?: Tensor): Tensor | null {
    const [inner, columns] = table.shape;
    const second = residual && this.#place(residual);
    if (!this.#owns(table) || second === null) return null;
    const byPosition = ids === this.#rows?.positions;
    if (!byPosition) this.#bind({ outside: ids });
    const weight = table.offset / 16, form = Number(byPosition);
    return this.#add({ kind: "embedding", columns, inner, weight, second, form });
  }

  linear(x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor | null {
    const { bias, residual, inputFirst = false, gelu } = options;
    const [columns, inner] = inputFirst ? weight.shape.toReversed() : weight.shape;
    const { engine, rows } = this, transposeB = !inputFirst;
    const variant = matmulVariant(engine, { rows, columns, inner }, { transposeB });
    if (variant !== "subgroup" || inner % 4 || x.shape[1] !== inner) return null;
    if (residual && residual.shape[1] !== columns) return null;
    if (!this.#owns(weight) || (bias && !this.#owns(bias))) return null;
    const source = this.#place(x), second = residual && this.#place(residual);
    if (source === null || second === null) return null;
    this.#bind({ transposed: transposeB });
    return this.#add({
      kind: "product",
      source,
      second,
      columns,
      inner,
      weight: weight.offset / 16,
      bias: bias && bias.offset / 16,
      form: gelu && geluForms[gelu],
    });
  }

  layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor | null {
    if (!this.#owns(bias)) return null;
    return this.#normalise({ kind: "layerNorm", bias: bias.offset / 16, epsilon }, x, weight);
  }

  rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor | null {
    return this.#normalise({ kind: "rmsNorm", epsilon }, x, weight);
  }

  swiglu(gate: Tensor, up: Tensor): Tensor | null {
    if (!this.#made(gate) || !this.#made(up) || gate.shape[1] !== up.shape[1]) return null;
    const source = gate.offset / 16, second = up.offset / 16;
    return this.#add({ kind: "swiglu", source, second, columns: gate.shape[1] });
  }

  rotary(x: Tensor, positions: Tensor, { headSize, frequencies }: RotaryOptions): Tensor | null {
    if (positions !== this.#rows?.positions || !this.#made(x)) return null;
    this.#bind({ frequencies });
    const source = x.offset / 16, form = frequencies.size;
    return this.#add({ kind: "rotary", source, columns: x.shape[1], inner: headSize, form });
  }

  /** `splitHeads` of fused rows that it made. */
  split(fused: Tensor, heads: number, order: FusedOrder): [Tensor, Tensor, Tensor] | null {
    const views = viewFused(fused, heads, order), inner = fused.shape[1] / 3 / heads;
    if (!this.#made(fused) || inner % 4) return null;
    const [q, k, v] = views.map(({ first, row, head }) =>
      this.#add({
        kind: "copy",
        source: (fused.offset / 4 + first) / 4,
        columns: heads * inner,
        inner,
        weight: row / 4,
        bias: head / 4,
      })
    );
    return q && k && v && [q, k, v];
  }

  /** `storeInCache` of this step's rows; null where it cannot. */
  store(k: HeadView, v: HeadView, cache: LayerCache, heads: Heads): true | null {
    const alike = k.row === v.row && k.head === v.head;
    if (!alike || !this.#made(k.tensor) || !this.#made(v.tensor)) return null;
    if (cache.keys.storage.kind !== "texture") return null;
    this.#bind({ cache });
    const [source, second] = [k, v].map(({ tensor, first }) => (tensor.offset / 4 + first) / 4);
    this.#put({
      kind: "store",
      source,
      second,
      columns: heads.keyHeads * heads.headSize,
      inner: heads.headSize,
      weight: k.row / 4,
      bias: k.head / 4,
      form: cache.keys.shape[2],
    });
    return true;
  }

  /** Launches what was put off. */
  launch(): void {
    const { instructions, transposed, outside, frequencies, cache: stored } = this.#pending;
    if (instructions.length === 0) return;
    this.#pending = { ...nothing, instructions: [] };
    this.#loaded.clear(); // it may be written before it is used again
    this.#transposed = transposed ?? this.#transposed;
    const { engine, rows } = this, cache = stored ?? this.#noCache;
    const program = this.#programOf(instructions);
    const weights = this.#weights ? whole(engine, this.#weights) : program;
    const bindings = {
      program,
      weights,
      weight_pairs: weights,
      outside: outside ?? program, // what is not used holds something readable
      positions: this.#rows?.positions ?? program,
      sequences: this.#rows?.sequences ?? program,
      frequencies: frequencies ?? program,
      work: this.#work,
      cache_k: cache.keys,
      cache_v: cache.values,
    };
    const ROWS = blockRows(rows);
    engine.launch(
      "row_program",
      "run",
      bindings,
      { rows, count: instructions.length },
      [Math.ceil(rows / ROWS), 1, 1],
      {
        ROWS,
        WORKGROUP: engine.features.lanes,
        TRANSPOSED: Number(this.#transposed),
        BARRIERS: Number(this.barriers),
      },
    );
  }

  #normalise(instruction: Omit<Instruction, "columns">, x: Tensor, weight: Tensor): Tensor | null {
    const [, columns] = x.shape;
    if (!laneDoesRow(this.engine, columns) || !this.#owns(weight)) return null;
    const source = this.#place(x);
    if (source === null) return null;
    return this.#add({ ...instruction, source, columns, weight: weight.offset / 16 });
  }

  /** Whether it is a result of this program. */
  #made({ storage }: Tensor): boolean {
    return storage === this.#work.storage;
  }

  /** Where rows are in #work: as a result of this step, or loaded; null where they cannot be. */
  #place(x: Tensor): number | null {
    const { storage, shape: [rows, columns] } = x;
    if (x.shape.length !== 2 || rows !== this.rows) return null;
    if (this.#made(x)) return x.offset / 16;
    const from = `${storage.id} ${x.offset} ${columns}`;
    const known = this.#loaded.get(from);
    if (known) return known.offset / 16;
    this.#bind({ outside: x });
    const loaded = this.#add({ kind: "load", columns });
    if (!loaded) return null;
    this.#loaded.set(from, loaded);
    return loaded.offset / 16;
  }

  /** Whether a weight lies where all weights of this program do. */
  #owns({ storage, dtype }: Tensor): boolean {
    if (dtype !== "f32" || storage.size > this.engine.bindingLimit) return false;
    return (this.#weights ??= storage) === storage;
  }

  /** Binds what an instruction needs; what another of the same launch needs otherwise is launched first. */
  #bind(wanted: Partial<Pending>): void {
    for (const [name, value] of Object.entries(wanted)) {
      const bound = this.#pending[name as keyof Pending];
      if (bound !== null && bound !== value) this.launch();
    }
    Object.assign(this.#pending, wanted);
  }

  /** Puts an instruction off; returns its result, [rows, columns], or null where there is no room for it. */
  #add(instruction: Instruction): Tensor | null {
    const { engine, rows } = this, { columns } = instruction, half = this.#work.size / 2;
    const numbers = Math.ceil(rows * columns / PLACE) * PLACE;
    if (columns % 4 || this.#used + numbers > half) return null;
    const at = this.#layer % 2 * half + this.#used;
    this.#used += numbers;
    this.#put({ ...instruction, into: at / 4 });
    return new Tensor(engine, this.#work.storage, at * 4, [rows, columns], "f32");
  }

  #put(instruction: Instruction): void {
    this.engine.defer(this.#launch);
    this.#pending.instructions.push(instruction);
  }

  #programOf(instructions: readonly Instruction[]): Tensor {
    const { engine, scope } = this, i = this.#launches++;
    const text = JSON.stringify(instructions);
    if (this.#encoded[i]?.text !== text) {
      const program = engine.within(scope, () => engine.integers(encode(instructions)));
      this.#encoded[i] = { text, program };
    }
    return this.#encoded[i].program;
  }
}

function whole(engine: Engine, storage: Storage): Tensor {
  return new Tensor(engine, storage, 0, [storage.size / 4], "f32");
}

/** Rows that a workgroup takes: as many as leave none of the cores without work. */
function blockRows(rows: number): number {
  return [32, 16].find((size) => Math.ceil(rows / size) >= cores()) ?? 8; // each compiles for seconds
}

/** Cores of this machine, which a software adapter computes on. */
export function cores(): number {
  return globalThis.navigator?.hardwareConcurrency ?? 2;
}
