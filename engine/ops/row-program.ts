import type { Engine } from "../gpu/engine.ts";
import { mostTextureBytes } from "../gpu/textures.ts";
import type { Scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { checkHeads, headParameters, type Heads } from "./attention.ts";
import { firstTexel, lanesOfCache, type LayerCache } from "./cache.ts";
import { type FusedOrder, type HeadView, viewFused } from "./heads.ts";
import { geluForms } from "./matmul-subgroup.ts";
import { matmulVariant } from "./matmul-variants.ts";
import type { LinearOptions } from "./matmul.ts";
import type { RotaryOptions } from "./rotary.ts";
import type { Instruction, InstructionKind } from "./row-instructions.ts";
import { cores, type Needs, RowLaunches, rowsOfBlock, type StepRows } from "./row-launches.ts";
import { laneDoesRow } from "./row-reduction.ts";
import { RowWeights } from "./row-weights.ts";
import {
  lanesAndStrands,
  type LogitsMaker,
  type SamplingBuffers,
  type SamplingParameters,
} from "./sampling.ts";

const PLACE = 64; // numbers at whose multiples a result begins, so that other kernels can bind it

// Attention over the cache within a program leaves cores idle where rows are few, and costs what it saves where such
// rows have so many numbers to read. On two cores.
const MOST_CACHED = 2 ** 18;
const MOST_HEAD = 64; // larger heads compile for long

/** Steps of a launch, at most, each of whose keys and values are kept until its end. */
const MOST_STEPS = 8;

export interface RowProgramOptions {
  /** Numbers that the results of a step may take together; what does not fit is null. */
  numbers: number;
  /** Numbers that those of them made within `keep` may take. */
  kept?: number;
  /** Heads of `attend`, for which it is compiled. */
  heads?: Heads;
  /** A product with more weights is null. */
  mostWeights?: number;
  /** Whether lanes wait for each other: those of a software adapter's subgroup go in step. */
  barriers?: boolean;
}

/**
 * Ops on the rows of a batch that are put off and done together, in one launch, before whatever else is launched
 * next: see shaders/row_program.wgsl. Each method stands for the op of its name and gives the same bits, or returns
 * null where it cannot, for the op to be called in its place. Not differentiable.
 */
export class RowProgram implements LogitsMaker {
  #work: Tensor;
  #texture: Tensor | null = null; // see #keptTexture
  #used: number; // of it in this step, in numbers
  #kept: { begin: number; end: number; used: number }; // what `keep` has of it, for the first of a launch's steps
  #keeps = false; // what is made now
  #weights: RowWeights;
  #heads: Heads | null; // of `attend`; null where it cannot
  #mostWeights: number;
  #barriers: boolean;
  #launches: RowLaunches;
  #loaded = new Map<string, Tensor>(); // what was brought into #work, by the launch and by where it lay
  #stores: [LayerCache, Instruction][] = []; // what `finish` puts
  #launchesBefore = 0; // this step
  #inPlace = true; // this step reads what is kept, and what is not, where whole steps look for them
  #more: ((steps: number) => void) | null = null; // launches more steps like this one

  /** @param scope what it holds lives as long */
  constructor(
    readonly engine: Engine,
    readonly scope: Scope,
    readonly rows: number,
    options: RowProgramOptions,
  ) {
    const { numbers, heads, mostWeights = Infinity } = options;
    const { barriers = !engine.features.software } = options;
    this.#mostWeights = mostWeights;
    this.#barriers = barriers;
    this.#weights = new RowWeights(scope);
    const [plain, kept] = [numbers, options.kept ?? 0].map(rounded);
    const begin = this.#begins + plain;
    this.#used = this.#begins;
    this.#kept = { begin, end: begin + kept, used: begin };
    this.#work = engine.within(scope, () => engine.empty([begin + kept]));
    const fits = engine.features.lanes === 8 && heads && heads.headSize <= MOST_HEAD;
    const lanes = fits ? lanesOfCache(engine, heads) : null;
    this.#heads = lanes && heads!;
    const constants = { WORKGROUP: engine.features.lanes, BARRIERS: Number(barriers), ...lanes };
    this.#launches = new RowLaunches(this.#work, scope, rows, this.#weights, constants);
  }

  /** Where results begin in #work, after what shaders/row_kept.wgsl has there. */
  get #begins(): number {
    return rounded(2 * this.rows);
  }

  /** Begins a step: the results of the one before are no more. */
  begin(rows: StepRows): void {
    this.finish();
    this.#more = null;
    this.#inPlace = true;
    this.#launches.begin(rows);
    this.#used = this.#begins;
    this.#kept.used = this.#kept.begin;
    this.#loaded.clear();
    this.#launchesBefore = this.engine.counts.launches;
  }

  /**
   * Goes on from a step whose token `sample` drew, as if it were put together again and again, in one launch, and
   * returns by how many steps: at most this many and `MOST_STEPS`, or 0 where no token was drawn. The step's tensors must
   * live.
   */
  repeat(most: number): number {
    const steps = this.#more ? Math.min(most, MOST_STEPS) : 0;
    if (steps) this.#more!(steps);
    return steps;
  }

  /** What `body` makes is still there in later steps of a launch, which attend to it. */
  keep<T>(body: () => T): T {
    this.#keeps = this.#kept.end > this.#kept.begin;
    try {
      return body();
    } finally {
      this.#keeps = false;
    }
  }

  /** `embedding`: rows of a table [V, C] by `ids`, u32 [rows]. */
  embedding(table: Tensor, ids: Tensor, residual?: Tensor): Tensor | null {
    const [inner, columns] = table.shape;
    const second = residual && this.#place(residual);
    if (!this.#weights.owns(table) || second === null) return null;
    const byPosition = ids === this.#launches.positions;
    const weight = table.offset / 16, form = Number(byPosition);
    const instruction = { kind: "embedding", columns, inner, weight, second, form } as const;
    return this.#add(instruction, byPosition ? {} : { outside: ids });
  }

  linear(x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor | null {
    const { bias, residual, inputFirst = false, gelu } = options;
    const [columns, inner] = inputFirst ? weight.shape.toReversed() : weight.shape;
    const { engine, rows } = this, transposeB = !inputFirst;
    const variant = matmulVariant(engine, { rows, columns, inner }, { transposeB });
    if (variant !== "subgroup" || inner % 4 || x.shape[1] !== inner) return null;
    if (residual && residual.shape[1] !== columns || weight.size > this.#mostWeights) return null;
    if (!this.#weights.owns(weight) || (bias && !this.#weights.owns(bias))) return null;
    const source = this.#place(x), second = residual && this.#place(residual);
    if (source === null || second === null) return null;
    const place = transposeB ? this.#weights.turned(weight) : weight.offset / 16;
    if (place === null) return null;
    return this.#add({
      kind: "product",
      source,
      second,
      columns,
      inner,
      weight: place,
      bias: bias && bias.offset / 16,
      form: gelu ? geluForms[gelu] : 0,
    });
  }

  layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor | null {
    if (!this.#weights.owns(bias)) return null;
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
    if (positions !== this.#launches.positions || !this.#made(x)) return null;
    const source = x.offset / 16, form = frequencies.size, [, columns] = x.shape;
    return this.#add({ kind: "rotary", source, columns, inner: headSize, form }, { frequencies });
  }

  /** `splitHeads` of fused rows that it made. */
  split(fused: Tensor, heads: number, order: FusedOrder): [Tensor, Tensor, Tensor] | null {
    const views = viewFused(fused, heads, order), inner = fused.shape[1] / 3 / heads;
    if (!this.#made(fused) || inner % 4) return null;
    const [q, k, v] = views.map((view) =>
      this.#add({
        kind: "copy",
        source: firstVector(view),
        columns: heads * inner,
        inner,
        weight: view.row / 4,
        bias: view.head / 4,
      })
    );
    return q && k && v && [q, k, v];
  }

  /** `storeInCache` of this step's rows; null where it cannot. */
  store(k: HeadView, v: HeadView, cache: LayerCache, heads: Heads): true | null {
    const instruction = this.#storing(k, v, cache, heads);
    if (instruction) this.#putStore(cache, instruction);
    return instruction && true;
  }

  /**
   * `storeInCache` and `decodeAttention` of this step's rows, in the order of its sequences. The cache has them after
   * `finish`. Null where it cannot, or where the rows are too few for what each has to read.
   */
  attend(q: HeadView, k: HeadView, v: HeadView, cache: LayerCache, heads: Heads): Tensor | null {
    checkHeads(heads);
    const { rows } = this, { keys, values } = cache, { scale } = headParameters(heads);
    const idle = Math.ceil(rows / rowsOfBlock(rows)) < cores();
    const known = this.#heads && sameHeads(this.#heads, heads) && this.#made(q.tensor);
    const store = known && this.#storing(k, v, cache, heads);
    if (!store || idle && keys.size > MOST_CACHED) return null;
    const attended = this.#add({
      ...store,
      kind: "attend",
      source: firstVector(q),
      columns: heads.heads * heads.headSize,
      weight: q.row / 4,
      bias: q.head / 4,
      epsilon: scale,
      second: store.source,
      values: store.second,
      keyRow: store.weight,
      keyHead: store.bias,
      keyHeads: heads.keyHeads,
    }, { cached_k: keys.storage, cached_v: values.storage });
    if (attended) this.#stores.push([cache, store]);
    return attended;
  }

  /** Stores the keys and values that were attended to: a launch of its own, for those before read the cache. */
  finish(): void {
    for (const [cache, instruction] of this.#stores) this.#putStore(cache, instruction);
    this.#stores = [];
  }

  /** Launches all of a step that is its own alone, with the draw, and stores as `finish` does; false where it cannot. */
  sample(buffers: SamplingBuffers, parameters: SamplingParameters): boolean {
    const { engine } = this, { logits, next } = buffers, { vocabulary } = parameters;
    const kept_results = this.#keptTexture(), { begin, end } = this.#kept; // room for it may take a launch
    const alone = engine.counts.launches === this.#launchesBefore && this.#loaded.size === 0;
    if (!alone || !this.#stores.length || !this.#made(logits) || vocabulary % 4) return false;
    if (!kept_results || !this.#inPlace || !this.#launches.follows(next)) return false;
    const places = { kept: begin / 4, kept_vectors: (end - begin) / 4 };
    const stores = this.#stores.map(([, instruction]) => instruction);
    this.#stores = [];
    this.#more = this.#launches.steps({
      buffers,
      parameters: { ...parameters, ...places, first_logit: logits.offset / 16 },
      constants: lanesAndStrands(engine, vocabulary),
      stores,
      kept_results,
    });
    this.#more(1);
    return true;
  }

  /** Launches what was put off. */
  launch(): void {
    this.#launches.launch();
  }

  /** Where whole steps have what is kept: it is read again and again, from there at half the cost. */
  #keptTexture(): Tensor | null {
    const { engine, scope } = this, { begin, end } = this.#kept;
    const numbers = MOST_STEPS * (end - begin);
    if (this.#barriers || !this.#stores.length || !numbers) return null;
    if (4 * numbers > mostTextureBytes(engine.device, "r32float")) return null;
    return this.#texture ??= engine.within(scope, () => engine.texels([numbers], "r32float"));
  }

  #storing(k: HeadView, v: HeadView, cache: LayerCache, heads: Heads): Instruction | null {
    const alike = k.row === v.row && k.head === v.head;
    if (!alike || !this.#made(k.tensor) || !this.#made(v.tensor)) return null;
    if (cache.keys.storage.kind !== "texture") return null;
    return {
      kind: "store",
      source: firstVector(k),
      second: firstVector(v),
      columns: heads.keyHeads * heads.headSize,
      inner: heads.headSize,
      weight: k.row / 4,
      bias: k.head / 4,
      form: cache.keys.shape[2],
      cached: firstTexel(cache.keys),
      together: heads.keyHeads / cache.keys.shape[1],
    };
  }

  #putStore({ keys, values }: LayerCache, instruction: Instruction): void {
    this.#launches.put(instruction, { cache_k: keys.storage, cache_v: values.storage });
  }

  #normalise(instruction: Omit<Instruction, "columns">, x: Tensor, weight: Tensor): Tensor | null {
    const [, columns] = x.shape;
    if (!laneDoesRow(this.engine, columns) || !this.#weights.owns(weight)) return null;
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
    const from = () => `${this.#launches.count} ${storage.id} ${x.offset} ${columns}`;
    const known = this.#loaded.get(from());
    if (known) return known.offset / 16;
    const loaded = this.#add({ kind: "load", columns }, { outside: x });
    if (!loaded) return null;
    this.#loaded.set(from(), loaded); // after a launch, if it took one
    return loaded.offset / 16;
  }

  /** Puts an instruction off; returns its result, [rows, columns], or null where there is no room for it. */
  #add(instruction: Instruction, needs: Partial<Needs> = {}): Tensor | null {
    const { engine, rows } = this, { columns, kind } = instruction;
    const numbers = rounded(rows * columns), keeps = this.#keeps && writesKept.has(kind);
    const at = columns % 4 ? null : keeps ? this.#roomKept(numbers) : this.#room(numbers);
    if (at === null) return null;
    this.#more = null;
    this.#inPlace &&= this.#readsInPlace(instruction);
    this.#launches.put({ ...instruction, into: at / 4 }, needs);
    return new Tensor(engine, this.#work.storage, at * 4, [rows, columns], "f32");
  }

  /** Whether what an instruction reads is where shaders/row_generation.wgsl looks for it. */
  #readsInPlace({ kind, source, second, values }: Instruction): boolean {
    const isKept = (place?: number) => place !== undefined && 4 * place >= this.#kept.begin;
    if (kind === "attend") return [source, second, values].every(isKept);
    return readsKept.has(kind) || !isKept(source) && !isKept(second);
  }

  /** Where so many numbers have room in #work; null where there is none. */
  #room(numbers: number): number | null {
    const at = this.#used;
    if (at + numbers > this.#kept.begin) return null;
    this.#used = at + numbers;
    return at;
  }

  #roomKept(numbers: number): number | null {
    const { used, end } = this.#kept;
    if (used + numbers > end) return null;
    this.#kept.used = used + numbers;
    return used;
  }
}

// Instructions that can write where results are kept, and those besides "attend" that can read them.
const writesKept: ReadonlySet<InstructionKind> = new Set(["product", "rotary", "copy"]);
const readsKept: ReadonlySet<InstructionKind> = new Set(["rotary", "copy"]);

function rounded(numbers: number): number {
  return Math.ceil(numbers / PLACE) * PLACE;
}

/** Where heads begin in the memory that their tensor is a part of, in vec4s. */
function firstVector({ tensor, first }: HeadView): number {
  return (tensor.offset / 4 + first) / 4;
}

function sameHeads(one: Heads, other: Heads): boolean {
  return one.heads === other.heads && one.keyHeads === other.keyHeads &&
    one.headSize === other.headSize;
}
