import { Scope, ScopeStack } from "../tensor/scope.ts";
import type { Tape } from "../tensor/tape.ts";
import { float16ToFloat32 } from "../tensor/half.ts";
import { bytesOf, type DType, type Shape, sizeOf, Tensor } from "../tensor/tensor.ts";
import { type Bindings, boundTensors, expectGrid } from "./bindings.ts";
import { BufferPool, type MemoryUse } from "./buffers.ts";
import { countingDevice } from "./counting-device.ts";
import { Commands, LAUNCHES_PER_SUBMIT } from "./commands.ts";
import { type Experimental, type Features, requestDevice } from "./device.ts";
import { KernelCache, type KernelConstants } from "./kernels.ts";
import { type LaunchTime, Profiler } from "./profiler.ts";
import { ReadBack, type Wait } from "./read-back.ts";
import { runSelfTest } from "./self-test.ts";
import type { ShaderName } from "./shaders.ts";
import type { TextureFormat } from "./textures.ts";

/** Counts that a test of a warm step looks at. */
export interface EngineCounts {
  launches: number;
  submits: number;
  pipelinesCreated: number;
  bindGroupsCreated: number;
  buffersCreated: number;
}

/**
 * Kernels chosen by measuring: the name of a variant by op and class of shapes (engine/ops/tuning.ts). What is
 * not in it takes the untuned default. Another choice changes the order of sums, so a run keeps the one that it
 * began with.
 */
export type Tuning = Readonly<Record<string, string>>;

/** Numbers on the CPU; those in a `Uint16Array` are the bits of f16. */
export type Numbers = Float32Array | Uint32Array | Uint16Array;

export interface EngineOptions {
  /** The adapter computes on the CPU. */
  software?: boolean;
  wait?: Wait;
  bindingLimit?: number;
  experimental?: Experimental;
}

/**
 * Everything that belongs to one device: buffers, kernels, the command stream, scopes and the tape.
 * There is no module-level state, so a lost device can be replaced and two engines can live side by side.
 */
export class Engine {
  readonly kernels: KernelCache;
  /** Ops record themselves here while `record` runs. */
  tape: Tape | null = null;
  /** Measured choices of kernels; null: the untuned defaults. */
  tuning: Tuning | null = null;
  #pool: BufferPool;
  #commands: Commands;
  #scopes: ScopeStack;
  #readBack: ReadBack;
  #features: Features;
  #bindingLimit: number;
  #profiler: Profiler | null = null;
  #deferred: (() => void) | null = null;

  private constructor(readonly device: GPUDevice, features: Features, wait?: Wait) {
    this.#features = features;
    this.#bindingLimit = device.limits.maxStorageBufferBindingSize;
    this.#pool = new BufferPool(device, () => this.#trim());
    this.kernels = new KernelCache(device);
    this.#commands = new Commands(device, features.software ? 4096 : 65_536);
    this.#readBack = new ReadBack(this.#commands, wait);
    this.#scopes = new ScopeStack(this.#pool);
  }

  /**
   * Asks the adapter for its full limits and the features the kernels can use, and runs the numeric
   * self-test. Throws where the adapter computes wrongly.
   * @param options `wait` is how the host waits for the GPU; `bindingLimit` makes the adapter's own limit
   * smaller, for tests; `experimental` asks for what is not yet standard, and it is an error where that is missing
   */
  static async create(
    adapter: GPUAdapter,
    options: EngineOptions = {},
  ): Promise<Engine> {
    const { software = false, experimental } = options;
    const { device, features } = await requestDevice(adapter, software, experimental);
    const engine = new Engine(device, features, options.wait);
    engine.#features = await runSelfTest(engine);
    engine.#bindingLimit = options.bindingLimit ?? engine.#bindingLimit;
    return engine;
  }

  /**
   * An engine with the limits, features and kernels of this one that computes nothing and counts bytes: what
   * work would take, told by doing it there. What is read from it is zeros.
   */
  rehearsal(): Engine {
    const engine = new Engine(countingDevice(this.device.limits), this.#features);
    engine.#bindingLimit = this.#bindingLimit;
    engine.tuning = this.tuning;
    return engine;
  }

  get features(): Features {
    return this.#features;
  }

  /** A kernel sees at most so many bytes of a buffer. */
  get bindingLimit(): number {
    return this.#bindingLimit;
  }

  /** A new tensor whose contents are undefined: the kernel that makes it writes all of it. */
  empty(shape: Shape, dtype: DType = "f32"): Tensor {
    const storage = this.#pool.take(bytesOf(Math.max(sizeOf(shape), 1), dtype));
    this.#scopes.own(storage);
    return new Tensor(this, storage, 0, shape, dtype);
  }

  /**
   * A new tensor whose contents are undefined and lie in a texture: for kernels that declare it as
   * `texture_storage_2d` of this format. `copy` moves numbers between it and other tensors.
   */
  texels(shape: Shape, format: TextureFormat = "rgba32float"): Tensor {
    const storage = this.#pool.takeTexture(sizeOf(shape) * 4, format);
    this.#scopes.own(storage);
    return new Tensor(this, storage, 0, shape, "f32");
  }

  zeros(shape: Shape, dtype: DType = "f32"): Tensor {
    const tensor = this.empty(shape, dtype);
    this.clear(tensor);
    return tensor;
  }

  /**
   * A tensor from numbers on the CPU: `Uint32Array` makes a `u32` tensor, the bits in a `Uint16Array` an `f16` one,
   * anything else `f32`.
   */
  tensor(data: Numbers | readonly number[], shape: Shape = [data.length]): Tensor {
    const array = Array.isArray(data) ? Float32Array.from(data) : data as Numbers;
    const tensor = this.empty(shape, dtypeOf(array));
    this.write(tensor, array);
    return tensor;
  }

  /** A tensor of unsigned integers. */
  integers(data: readonly number[] | Uint32Array, shape: Shape = [data.length]): Tensor {
    return this.tensor(data instanceof Uint32Array ? data : Uint32Array.from(data), shape);
  }

  /** Flat storage of its own for `elements` numbers, zero-filled; freed by `release`. */
  flat(elements: number, dtype: DType = "f32"): Tensor {
    return new Tensor(this, this.#pool.flat(bytesOf(elements, dtype)), 0, [elements], dtype);
  }

  /** Overwrites a tensor, in order with the launches around it. */
  write(tensor: Tensor, data: Numbers): void {
    if ((tensor.dtype === "f16") !== (data instanceof Uint16Array)) {
      throw new TypeError(
        `a tensor of ${tensor.dtype} cannot be written from a ${data.constructor.name}`,
      );
    }
    if (data.length !== tensor.size) {
      throw new RangeError(
        `${data.length} numbers do not fill a tensor of shape [${tensor.shape}]`,
      );
    }
    if (data.length === 0) return;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#settle();
    this.#commands.upload(tensor.storage, tensor.offset, bytes);
  }

  copy(source: Tensor, target: Tensor): void {
    if (source.size !== target.size) {
      throw new RangeError(
        `a tensor of shape [${source.shape}] cannot be copied into [${target.shape}]`,
      );
    }
    if (source.bytes !== target.bytes) {
      throw new TypeError(
        `a tensor of ${source.dtype} cannot be copied into one of ${target.dtype}`,
      );
    }
    this.#settle();
    this.#commands.copy(source, target);
  }

  clear(tensor: Tensor): void {
    this.#settle();
    this.#commands.clear(tensor);
  }

  /**
   * Launches an entry point of `shaders/<shader>.wgsl` over `grid` workgroups. Buffers and parameters
   * go by the names the WGSL gives them; a wrong or missing name throws before anything reaches the GPU.
   */
  launch(
    shader: ShaderName,
    entry: string,
    bindings: Bindings,
    parameters: Record<string, number>,
    grid: readonly [number, number, number],
    constants?: KernelConstants,
  ): void {
    this.#settle();
    if (grid[0] === 0 || grid[1] === 0 || grid[2] === 0) return;
    const kernel = this.kernels.get(shader, entry, constants);
    expectGrid(this, kernel, grid);
    this.#commands.launch(kernel, boundTensors(this, kernel, bindings), parameters, grid);
  }

  /** Puts off a launch until anything else is encoded, so that ops can put more into it (engine/ops/row-program.ts). */
  defer(launch: () => void): void {
    if (this.#deferred !== launch) this.#settle(); // another's comes first
    this.#deferred = launch;
  }

  /** Workgroups for `threads` invocations, folded into two axes where one would pass the limit of 65,535. */
  grid(threads: number, workgroupSize = 64): [number, number, number] {
    const groups = Math.ceil(threads / workgroupSize);
    const rows = Math.ceil(groups / 65535);
    return [Math.ceil(groups / Math.max(rows, 1)), rows, 1];
  }

  /** Runs `body` and frees what it made, but for the tensors it returns. */
  scope<T>(body: () => T): T {
    return this.#scopes.run(body);
  }

  /** Runs `body` so that what it makes belongs to `scope`; `close` frees it. For asynchronous flows. */
  within<T>(scope: Scope, body: () => T): T {
    return this.#scopes.within(scope, body);
  }

  openScope(): Scope {
    return new Scope();
  }

  close(scope: Scope): void {
    try {
      this.#settle(); // it may write to what the scope owns
    } finally {
      this.#scopes.close(scope);
    }
  }

  /** Frees a tensor's buffer now, whichever scope holds it. */
  release(tensor: Tensor): void {
    if (!tensor.storage.pooled) this.flush(); // it is destroyed, and launches not yet submitted may use it
    this.#scopes.release(tensor.storage);
  }

  /** Runs `body` with ops recorded on `tape`. */
  record<T>(tape: Tape | null, body: () => T): T {
    const outer = this.tape;
    this.tape = tape;
    try {
      return body();
    } finally {
      this.tape = outer;
    }
  }

  /**
   * Runs `body` with a GPU timestamp before and after each launch. Throws where the adapter has no timestamps,
   * see `features`.
   */
  async profile(body: () => void | Promise<void>): Promise<LaunchTime[]> {
    if (!this.features.timestamps) {
      throw new Error(
        "this adapter has no timestamps (timestamp-query), so launches cannot be timed",
      );
    }
    this.flush();
    const profiler = this.#profiler ??= new Profiler(this.device, LAUNCHES_PER_SUBMIT);
    this.#commands.profiler = profiler;
    try {
      await body();
      this.flush();
    } finally {
      this.#commands.profiler = null;
    }
    await this.#commands.check();
    return await profiler.take();
  }

  flush(): void {
    this.#settle();
    this.#commands.flush();
  }

  async read(tensor: Tensor): Promise<Float32Array> {
    this.#settle();
    const bytes = await this.#readBack.bytes(tensor);
    return tensor.dtype === "f16"
      ? float16ToFloat32(new Uint16Array(bytes, 0, tensor.size))
      : new Float32Array(bytes);
  }

  async readIntegers(tensor: Tensor): Promise<Uint32Array> {
    this.#settle();
    return new Uint32Array(await this.#readBack.bytes(tensor));
  }

  get memory(): Readonly<MemoryUse> {
    return this.#pool.use;
  }

  /** Bytes that the pool may hold; beyond, it gives free buffers back to the device before it makes a new one. */
  set memoryLimit(bytes: number) {
    this.#pool.limit = bytes;
  }

  /** Starts a new measurement of `memory.peakLive`. */
  resetPeak(): void {
    this.#pool.use.peakLive = this.#pool.use.live;
  }

  get counts(): EngineCounts {
    const { launches, submits, bindGroupsCreated } = this.#commands;
    const { buffersCreated } = this.#pool.use;
    return {
      launches,
      submits,
      bindGroupsCreated,
      buffersCreated,
      pipelinesCreated: this.kernels.pipelinesCreated,
    };
  }

  destroy(): void {
    this.device.destroy();
  }

  /** Launches what was put off: whatever comes next may read what it makes. */
  #settle(): void {
    const launch = this.#deferred;
    this.#deferred = null;
    launch?.();
  }

  /** Gives the device back what no tensor uses now; bind groups are made of it, so they go too. */
  #trim(): void {
    this.flush();
    this.#pool.trim();
    this.#commands.forgetBindGroups();
  }
}

function dtypeOf(data: Numbers): DType {
  if (data instanceof Uint16Array) return "f16";
  return data instanceof Uint32Array ? "u32" : "f32";
}
