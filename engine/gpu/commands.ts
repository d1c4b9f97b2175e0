import type { Storage } from "./buffers.ts";
import type { Kernel } from "./kernels.ts";
import type { Profiler } from "./profiler.ts";
import { copyTexels } from "./textures.ts";
import { PAGE_BYTES, type Place, Uniforms } from "./uniforms.ts";

/** A range of a buffer, in bytes, with the shape of what lies there (for messages). */
export interface Range {
  readonly storage: Storage;
  readonly offset: number;
  readonly bytes: number;
  readonly shape: readonly number[];
}

type Grid = readonly [number, number, number];

/** What a launch binds: its buffers, and a place with its parameters; launches of one submit share it if these are equal. */
interface Bound {
  group: GPUBindGroup;
  place: Place | null;
  submit: number; // the last that it is in
}

const MOST_ALIKE = 8; // bind groups of the same buffers; a submit with more parameters for them is split
const STAGING_BYTES = 1024 * 1024;
export const LAUNCHES_PER_SUBMIT = 64; // keeps one submit far below a second, and the GPU busy while JavaScript goes on
const COPY = 0x04 | 0x08;

/**
 * One command encoder that collects launches and uploads in order. Parameters lie in uniform buffers; they and the
 * staging area are written once, at the flush, because `writeBuffer` would overtake what is encoded but not submitted.
 * So launches of one submit with other parameters have other places for them, each in a bind group of its own: with
 * one group and dynamic offsets a launch takes a third longer under Mesa's software driver.
 */
export class Commands {
  launches = 0;
  submits = 0;
  bindGroupsCreated = 0;
  /** Times each launch while it is set. */
  profiler: Profiler | null = null;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #uniforms: Uniforms;
  #parameters = new DataView(new ArrayBuffer(PAGE_BYTES)); // of the launch
  #numbers = new Uint32Array(this.#parameters.buffer);
  #staging: GPUBuffer;
  #stagingData = new Uint8Array(STAGING_BYTES);
  #stagingUsed = 0;
  #bound = new Map<string, Bound[]>();
  #bindGroups = 0; // in it
  #pending: { kernel: Kernel; ranges: Range[] }[] = [];
  #errors: Promise<void>[] = [];
  #failure: Error | null = null;

  /** @param mostBindGroups are kept; then they begin anew */
  constructor(readonly device: GPUDevice, readonly mostBindGroups: number) {
    this.#uniforms = new Uniforms(device);
    this.#staging = device.createBuffer({ size: STAGING_BYTES, usage: COPY, label: "staging" });
    device.onuncapturederror = (event) => this.#fail(`WebGPU error: ${event.error.message}`);
    device.lost.then(({ reason, message }) =>
      this.#fail(`the device was lost (${reason}): ${message}`)
    );
  }

  /** Encodes one dispatch. `ranges` are in the order of `kernel.bindings`. */
  launch(kernel: Kernel, ranges: Range[], parameters: Record<string, number>, grid: Grid): void {
    if (this.#failure) throw this.#failure;
    this.#writeParameters(kernel, parameters);
    const group = this.#bindGroup(kernel, ranges);
    const pass = this.#passFor(kernel);
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    this.launches++;
    this.#pending.push({ kernel, ranges });
    if (this.#pending.length >= LAUNCHES_PER_SUBMIT) this.flush();
  }

  /** Copies bytes into a buffer, in order with the launches around it. */
  upload(storage: Storage, offset: number, data: Uint8Array): void {
    const padded = Math.ceil(data.byteLength / 4) * 4;
    if (padded > STAGING_BYTES) return this.#uploadLarge(storage, offset, data);
    if (this.#stagingUsed + padded > STAGING_BYTES) this.flush();
    this.#stagingData.set(data, this.#stagingUsed);
    const source = this.#stagingUsed;
    this.#stagingUsed += padded;
    const target = bufferOf(storage);
    this.#encodeCopy().copyBufferToBuffer(this.#staging, source, target, offset, padded);
  }

  copy(source: Range, { storage, offset }: Range): void {
    if (storage.kind === "buffer") return this.#copyTo(storage.buffer, offset, source);
    const { texture, format } = storage, buffer = bufferOf(source.storage);
    const { bytes } = source;
    const place = { texture, format, first: offset, buffer, offset: source.offset, bytes };
    copyTexels(this.#encodeCopy(), place, "texture");
  }

  clear({ storage, offset, bytes }: Range): void {
    this.#encodeCopy().clearBuffer(bufferOf(storage), offset, Math.ceil(bytes / 4) * 4);
  }

  copyOut(source: Range, target: GPUBuffer): void {
    this.#copyTo(target, 0, source);
  }

  /** Submits what was encoded. */
  flush(): void {
    this.#endPass();
    if (!this.#encoder) return;
    const { queue } = this.device;
    this.#uniforms.write();
    if (this.#stagingUsed) {
      queue.writeBuffer(this.#staging, 0, this.#stagingData, 0, this.#stagingUsed);
    }
    const pending = this.#pending;
    this.profiler?.resolve(this.#encoder);
    this.device.pushErrorScope("validation");
    queue.submit([this.#encoder.finish()]);
    this.profiler?.submitted();
    this.#errors.push(
      this.device.popErrorScope().then((error) => {
        if (error) this.#fail(`WebGPU refused a submit: ${error.message}\n${describe(pending)}`);
      }),
    );
    if (this.#errors.length > 64) this.#errors = [Promise.all(this.#errors).then(() => {})];
    this.submits++;
    this.#encoder = null;
    this.#stagingUsed = 0;
    this.#pending = [];
  }

  /** Waits for the error reports of all submits so far and throws the first. */
  async check(): Promise<void> {
    const errors = this.#errors;
    this.#errors = [];
    await Promise.all(errors);
    if (this.#failure) throw this.#failure;
  }

  forgetBindGroups(): void {
    this.flush(); // it may be about to use them
    this.#bound.clear();
    this.#bindGroups = 0;
    this.#uniforms.clear();
  }

  #fail(message: string): void {
    this.#failure ??= new Error(
      `${message}\nNothing computed since then can be trusted: make a new Engine and go on from the last checkpoint.`,
    );
  }

  #open(): GPUCommandEncoder {
    return this.#encoder ??= this.device.createCommandEncoder();
  }

  /** Launches share a pass, but those that are timed have one each. */
  #passFor({ name }: Kernel): GPUComputePassEncoder {
    if (!this.profiler) return this.#pass ??= this.#open().beginComputePass();
    this.#endPass();
    const timestampWrites = this.profiler.next(name);
    return this.#pass = this.#open().beginComputePass({ label: name, timestampWrites });
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
  }

  #encodeCopy(): GPUCommandEncoder {
    if (this.#failure) throw this.#failure;
    this.#endPass();
    return this.#open();
  }

  #copyTo(buffer: GPUBuffer, offset: number, { storage, offset: from, bytes }: Range): void {
    const encoder = this.#encodeCopy();
    if (storage.kind === "texture") {
      const { texture, format } = storage;
      const place = { texture, format, first: from, buffer, offset, bytes };
      copyTexels(encoder, place, "buffer");
    } else encoder.copyBufferToBuffer(storage.buffer, from, buffer, offset, bytes);
  }

  #uploadLarge(storage: Storage, offset: number, data: Uint8Array): void {
    const size = Math.ceil(data.byteLength / 4) * 4;
    const source = this.device.createBuffer({ size, usage: 0x04, mappedAtCreation: true });
    new Uint8Array(source.getMappedRange()).set(data);
    source.unmap();
    this.#encodeCopy().copyBufferToBuffer(source, 0, bufferOf(storage), offset, size);
    this.flush();
    source.destroy();
  }

  #writeParameters(kernel: Kernel, parameters: Record<string, number>): void {
    let given = 0;
    this.#numbers.fill(0, 0, (kernel.uniform?.size ?? 0) / 4);
    for (const name in parameters) {
      const field = kernel.fields.get(name);
      if (!field) throw unknownName(kernel, "parameter", name, [...kernel.fields.keys()]);
      const { offset, type } = field;
      if (type === "f32") this.#parameters.setFloat32(offset, parameters[name], true);
      else this.#parameters.setInt32(offset, parameters[name], true);
      given++;
    }
    if (given !== kernel.fields.size) {
      const missing = [...kernel.fields.keys()].filter((name) => !(name in parameters));
      throw new Error(`kernel ${kernel.name}: parameter ${missing.join(", ")} is missing`);
    }
  }

  /** With what #writeParameters wrote. */
  #bindGroup(kernel: Kernel, ranges: Range[]): GPUBindGroup {
    let key = `${kernel.id}`;
    for (const { storage, offset, bytes } of ranges) {
      key += ` ${storage.id}:${offset}:${bindingSize(storage, offset, bytes)}`;
    }
    const { submits } = this, known = this.#bound.get(key) ?? [], uniforms = this.#uniforms;
    let bound = known.find(({ place }) => !place || uniforms.holds(place, this.#numbers));
    if (!bound) {
      if (known.length >= MOST_ALIKE && known.every(({ submit }) => submit === submits)) {
        this.flush();
      }
      bound = known.find(({ submit }) => submit !== this.submits) ??
        this.#bind(key, kernel, ranges);
      if (bound.place) uniforms.put(bound.place, this.#numbers);
    }
    bound.submit = this.submits;
    return bound.group;
  }

  #bind(key: string, kernel: Kernel, ranges: Range[]): Bound {
    if (this.#bindGroups >= this.mostBindGroups) this.forgetBindGroups();
    const place = kernel.uniform && this.#uniforms.take(kernel.uniform.size);
    const bound = { group: this.#createBindGroup(kernel, ranges, place), place, submit: -1 };
    const known = this.#bound.get(key);
    if (known) known.push(bound);
    else this.#bound.set(key, [bound]);
    this.#bindGroups++;
    return bound;
  }

  #createBindGroup(kernel: Kernel, ranges: Range[], place: Place | null): GPUBindGroup {
    this.bindGroupsCreated++;
    const entries: GPUBindGroupEntry[] = ranges.map(({ storage, offset, bytes }, i) => ({
      binding: kernel.bindings[i].binding,
      resource: storage.kind === "texture"
        ? storage.view
        : { buffer: storage.buffer, offset, size: bindingSize(storage, offset, bytes) },
    }));
    if (kernel.uniform && place) {
      const { page: { buffer }, at, bytes } = place;
      const resource = { buffer, offset: 4 * at, size: bytes };
      entries.push({ binding: kernel.uniform.binding, resource });
    }
    return this.device.createBindGroup({ label: kernel.name, layout: kernel.layout, entries });
  }
}

function bufferOf(storage: Storage): GPUBuffer {
  if (storage.kind === "buffer") return storage.buffer;
  throw new Error(
    `storage ${storage.id} is a texture: kernels write it, and copies from and to tensors in buffers`,
  );
}

/** A pooled buffer is bound whole, so that tensors of varying size share bind groups; a view is bound alone. */
function bindingSize({ pooled, size }: Storage, offset: number, bytes: number): number {
  return pooled ? size - offset : Math.min(Math.ceil(bytes / 256) * 256, size - offset);
}

export function unknownName(kernel: Kernel, kind: string, name: string, known: string[]): Error {
  return new Error(`kernel ${kernel.name} has no ${kind} "${name}"; it has ${known.join(", ")}`);
}

function describe(pending: { kernel: Kernel; ranges: Range[] }[]): string {
  const line = ({ kernel, ranges }: { kernel: Kernel; ranges: Range[] }) =>
    `  ${kernel.name}(${
      kernel.bindings.map((b, i) => `${b.name}[${ranges[i].shape.join(", ")}]`).join(", ")
    })`;
  return `It held these launches:\n${pending.slice(-12).map(line).join("\n")}`;
}
