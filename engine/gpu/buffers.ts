import { createTexture, textureBytes, type TextureFormat } from "./textures.ts";

/** Device memory of the pool. `size` is in bytes and may be larger than what the tensor in it needs. */
export type Storage = BufferStorage | TextureStorage;

export interface BufferStorage {
  readonly kind: "buffer";
  readonly id: number;
  readonly buffer: GPUBuffer;
  readonly size: number;
  /** A pooled buffer holds one tensor and is bound whole; a flat one holds many views, bound alone. */
  readonly pooled: boolean;
}

/** Numbers in the texels of a texture, see textures.ts. Only kernels made for it can bind it. */
export interface TextureStorage {
  readonly kind: "texture";
  readonly format: TextureFormat;
  readonly id: number;
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
  readonly size: number;
  readonly pooled: true;
}

/**
 * Bytes of device memory: what is handed out now, what the pool holds in all, the peak of the first, and how many
 * buffers and textures were made.
 */
export interface MemoryUse {
  live: number;
  peakLive: number;
  held: number;
  buffersCreated: number;
}

/** What was asked for is more than may be used (`Engine.memoryLimit`). */
export class MemoryLimitError extends RangeError {
  override name = "MemoryLimitError";
}

const USAGE = 0x80 | 0x04 | 0x08; // STORAGE | COPY_SRC | COPY_DST; GPUBufferUsage is no global in every runtime

/**
 * Hands out storage buffers and textures and takes them back. Sizes are rounded up to classes an eighth to a
 * quarter apart. The oldest free buffer is handed out first, whatever the order in which they came back,
 * so a steady step gets the same buffers each time and its bind groups are found again.
 */
export class BufferPool {
  readonly use: MemoryUse = { live: 0, peakLive: 0, held: 0, buffersCreated: 0 };
  /** Bytes it may hold; what is in use goes first, and free buffers are what it can do without. */
  limit = Infinity;
  #buffers = new Map<number, BufferStorage[]>(); // free ones by size
  #textures = {
    rgba32float: new Map<number, TextureStorage[]>(),
    r32float: new Map<number, TextureStorage[]>(),
  };
  #taken = new Set<Storage>();
  #nextId = 1;

  /** @param makeRoom trims, with what else must be done then */
  constructor(readonly device: GPUDevice, readonly makeRoom = (): void => this.trim()) {}

  take(bytes: number): BufferStorage {
    const limit = this.device.limits.maxStorageBufferBindingSize;
    const size = Math.min(sizeClass(bytes), Math.floor(limit / 256) * 256);
    if (bytes > size) {
      throw new RangeError(
        `a tensor of ${bytes} bytes was asked for, but this adapter binds at most ${limit}; ` +
          "use a smaller batch, fewer rows a chunk, or a smaller model",
      );
    }
    return this.#hand(this.#buffers.get(size)?.pop() ?? this.#create(size));
  }

  /** A texture that holds so many bytes. */
  takeTexture(bytes: number, format: TextureFormat = "rgba32float"): TextureStorage {
    const size = textureBytes(bytes, format);
    const free = this.#textures[format].get(size)?.pop();
    return this.#hand(free ?? this.#createTexture(size, format));
  }

  /** A buffer of its own, for flat parameter storage: zero-filled, never handed out again. Keeps to the limit. */
  flat(bytes: number): BufferStorage {
    const limit = this.device.limits.maxBufferSize;
    if (bytes > limit) {
      throw new RangeError(
        `parameters of ${bytes} bytes were asked for in one buffer, but this adapter's hold at most ` +
          `${limit}; use a smaller model`,
      );
    }
    const { live } = this.use;
    if (live + bytes > this.limit) {
      throw new MemoryLimitError(
        `parameters of ${bytes} bytes were asked for, and of the ${this.limit} bytes that may be used ${live} ` +
          "are; use a smaller model, or allow more memory (--memory of a script)",
      );
    }
    return this.#hand({ ...this.#create(Math.ceil(bytes / 256) * 256), pooled: false });
  }

  /** Takes a buffer back. Throws where it was given back before: two tensors would come to share it. */
  give(storage: Storage): void {
    if (!this.#taken.delete(storage)) {
      throw new Error(
        `buffer ${storage.id} of ${storage.size} bytes was released twice; a view shares its tensor's buffer`,
      );
    }
    this.use.live -= storage.size;
    if (storage.kind === "buffer" && !storage.pooled) {
      this.use.held -= storage.size;
      return storage.buffer.destroy();
    }
    if (storage.kind === "buffer") putBack(this.#buffers, storage);
    else putBack(this.#textures[storage.format], storage);
  }

  /** Destroys what is free. What is encoded and not submitted may still use it: submit it first. */
  trim(): void {
    for (const free of [this.#buffers, ...Object.values(this.#textures)]) {
      for (const storage of [...free.values()].flat<Storage[][]>()) {
        this.use.held -= storage.size;
        (storage.kind === "buffer" ? storage.buffer : storage.texture).destroy();
      }
      free.clear();
    }
  }

  #hand<S extends Storage>(storage: S): S {
    this.#taken.add(storage);
    this.use.live += storage.size;
    this.use.peakLive = Math.max(this.use.peakLive, this.use.live);
    return storage;
  }

  #create(size: number): BufferStorage {
    const id = this.#count(size);
    const buffer = this.device.createBuffer({ size, usage: USAGE, label: `pool ${id}` });
    return { kind: "buffer", id, buffer, size, pooled: true };
  }

  #createTexture(size: number, format: TextureFormat): TextureStorage {
    const id = this.#count(size);
    const texture = createTexture(this.device, size, format, `pool ${id}`);
    return { kind: "texture", format, id, texture, view: texture.createView(), size, pooled: true };
  }

  /** Counts what is about to be made, and makes room for it. Returns its number. */
  #count(size: number): number {
    const { held, live } = this.use;
    if (held + size > this.limit && held > live) this.makeRoom();
    this.use.buffersCreated++;
    this.use.held += size;
    return this.#nextId++;
  }
}

function putBack<S extends Storage>(map: Map<number, S[]>, storage: S): void {
  const free = map.get(storage.size) ?? [];
  map.set(storage.size, free);
  let place = free.length; // the oldest lies last
  while (place > 0 && free[place - 1].id < storage.id) place--;
  free.splice(place, 0, storage);
}

/** Rounds up to 256 bytes, then to four steps per power of two. */
export function sizeClass(bytes: number): number {
  const small = Math.max(256, Math.ceil(bytes / 256) * 256);
  if (small <= 2048) return small;
  const step = 2 ** (Math.floor(Math.log2(small - 1)) - 2);
  return Math.ceil(small / step) * step;
}
