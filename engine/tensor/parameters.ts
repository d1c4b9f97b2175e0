import type { Engine } from "../gpu/engine.ts";
import type { Tape } from "./tape.ts";
import { BYTES_PER_NUMBER, bytesOf, type DType, type Shape, sizeOf, Tensor } from "./tensor.ts";

const ALIGNMENT = 256; // bytes at whose multiples views start

/** The parallel flat ranges of one shard: what the optimizer walks over. */
export interface Shard {
  weights: Tensor;
  gradients: Tensor;
  moment1: Tensor;
  moment2: Tensor;
}

/** A weight: its name in the checkpoint, and its shape there. */
export interface Entry {
  name: string;
  shape: Shape;
  /** Its rows are looked up or multiplied block by block, so it may be larger than one binding. */
  table?: boolean;
  /** How it is stored; f32 where absent. Only f32 is trained. */
  dtype?: DType;
}

/**
 * Named weights in flat storage. Each parameter is an aligned view into a shard of its dtype no larger than the
 * binding limit; gradients and AdamW's two moments of trainable parameters lie in parallel shards. A table beyond the
 * limit is one view across several shards, slices of one buffer.
 *
 * They may stand on a `base`, which others may stand on too: a name that is not their own is looked up
 * there. Names, shards, gradients and whatever trains cover their own entries only, so the base stays as it is.
 */
export class Parameters {
  readonly shards: readonly Shard[];
  readonly names: readonly string[];
  #weights = new Map<string, Tensor>();
  #gradients = new Map<string, Tensor>();
  #flats: Tensor[] = [];

  constructor(
    readonly engine: Engine,
    /** Names and shapes of its own parameters, in the order in which they are stored. */
    readonly entries: readonly Entry[],
    readonly trainable = true,
    readonly base: Parameters | null = null,
  ) {
    if (trainable) expectTrainable(entries);
    const limit = Math.floor(engine.bindingLimit / ALIGNMENT) * ALIGNMENT;
    const shards: Shard[] = [];
    for (const { dtype, members, bytes } of partition(entries, limit)) {
      const flat = () => {
        const storage = engine.flat(bytes / BYTES_PER_NUMBER[dtype], dtype);
        this.#flats.push(storage);
        return storage;
      };
      const weights = flat();
      const shard = trainable
        ? { weights, gradients: flat(), moment1: flat(), moment2: flat() }
        : { weights, gradients: weights, moment1: weights, moment2: weights };
      let offset = 0;
      for (const entry of members) {
        const { name, shape } = entry;
        this.#weights.set(name, view(weights, offset, shape));
        if (trainable) this.#gradients.set(name, view(shard.gradients, offset, shape));
        offset += alignedBytes(entry);
      }
      shards.push(...slices(shard, limit));
    }
    this.shards = shards;
    this.names = entries.map(({ name }) => name);
  }

  /** The weight of this name, its own or else the base's. Throws, naming it, where there is none. */
  get(name: string): Tensor {
    const weight = this.#weights.get(name);
    if (weight) return weight;
    if (this.base) return this.base.get(name);
    throw new Error(
      `there is no parameter "${name}"; the first are ${this.names.slice(0, 4).join(", ")}`,
    );
  }

  has(name: string): boolean {
    return this.#weights.has(name) || (this.base?.has(name) ?? false);
  }

  /** Storage for `entries`, zero-filled, on the same base. */
  another(entries: readonly Entry[], trainable: boolean): Parameters {
    return new Parameters(this.engine, entries, trainable, this.base);
  }

  gradient(name: string): Tensor {
    const gradient = this.#gradients.get(name);
    if (!gradient) throw new Error(`parameter "${name}" does not exist or is frozen`);
    return gradient;
  }

  /** Number of its own weights. */
  get count(): number {
    return this.names.reduce((sum, name) => sum + this.get(name).size, 0);
  }

  /** Makes `tape` differentiate with respect to all its own weights, adding to their gradients. */
  watch(tape: Tape): void {
    if (!this.trainable) {
      throw new Error("these parameters are frozen; make them trainable to differentiate");
    }
    for (const name of this.names) tape.watch(this.get(name), this.gradient(name));
  }

  clearGradients(): void {
    for (const { gradients } of this.shards) this.engine.clear(gradients);
  }

  /** Overwrites all its own weights with those of `other`, which must have the same names and shapes. */
  copyFrom(other: Parameters): void {
    for (const name of this.names) this.engine.copy(other.get(name), this.get(name));
  }

  /** Frees its own storage; the base is its owner's to free. */
  release(): void {
    for (const flat of this.#flats) this.engine.release(flat);
  }
}

function expectTrainable(entries: readonly Entry[]): void {
  const other = entries.find(({ dtype = "f32" }) => dtype !== "f32");
  if (!other) return;
  throw new Error(
    `parameter "${other.name}" is stored as ${other.dtype}, and only f32 can be trained: load the model as f32, ` +
      "or train adapters over it (loraModel)",
  );
}

function alignedBytes({ shape, dtype = "f32" }: Entry): number {
  return Math.ceil(bytesOf(sizeOf(shape), dtype) / ALIGNMENT) * ALIGNMENT;
}

function view(flat: Tensor, offset: number, shape: Shape): Tensor {
  return new Tensor(flat.engine, flat.storage, offset, shape, flat.dtype);
}

/** A shard as shards of at most `limit` bytes: one, but for a table that goes beyond. */
function slices(shard: Shard, limit: number): Shard[] {
  const { size, dtype } = shard.weights;
  const step = limit / BYTES_PER_NUMBER[dtype];
  return Array.from({ length: Math.ceil(size / step) }, (_, i) => {
    const slice = (flat: Tensor) => flat.rows(i * step, Math.min((i + 1) * step, size));
    const { weights, gradients, moment1, moment2 } = shard;
    return {
      weights: slice(weights),
      gradients: slice(gradients),
      moment1: slice(moment1),
      moment2: slice(moment2),
    };
  });
}

/** Entries that share a shard. */
interface Group {
  dtype: DType;
  members: Entry[];
  bytes: number;
}

/**
 * Groups of entries of one dtype, in order, each of at most `limit` bytes; a table that goes beyond is one alone.
 */
function partition(entries: readonly Entry[], limit: number): Group[] {
  const groups: Group[] = [], open = new Map<DType, Group>();
  for (const entry of entries) {
    const { name, shape, table, dtype = "f32" } = entry, bytes = alignedBytes(entry);
    if (bytes > limit && !table) {
      throw new RangeError(
        `parameter "${name}" of shape [${shape}] needs ${bytes} bytes, but this adapter binds at most ${limit}`,
      );
    }
    let group = open.get(dtype);
    if (!group || group.bytes + bytes > limit) {
      group = { dtype, members: [], bytes: 0 };
      groups.push(group);
      open.set(dtype, group);
    }
    group.members.push(entry);
    group.bytes += bytes;
  }
  return groups;
}
