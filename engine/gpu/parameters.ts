import type { Kernel } from "./kernels.ts";

const BYTES = 256 * 1024;

/**
 * The parameters of launches, one after the other in a uniform buffer, written once before a submit because
 * `writeBuffer` would overtake what is encoded but not submitted.
 *
 * Moving: each launch has a place of its own, which its bind group is given as a dynamic offset, and a submit
 * begins anew. Fixed: equal parameters share a place for good, which the bind group has in it. A software adapter
 * copies the whole bind group at every dynamic offset, as long as a small kernel takes.
 */
export class Parameters {
  readonly buffer: GPUBuffer;
  #data = new DataView(new ArrayBuffer(BYTES));
  #words = new Uint32Array(this.#data.buffer);
  #used = 0;
  #written = 0;
  #places = new Map<string, number>();
  readonly #alignment: number;

  constructor(readonly device: GPUDevice, readonly fixed: boolean) {
    this.buffer = device.createBuffer({ size: BYTES, usage: 0x40 | 0x08, label: "parameters" });
    this.#alignment = device.limits.minUniformBufferOffsetAlignment;
  }

  /** Whether another launch of this kernel has a place for certain. */
  fits({ uniform }: Kernel): boolean {
    return this.#used + (uniform?.size ?? 0) <= BYTES;
  }

  /** The place, in bytes, of these parameters. */
  place(kernel: Kernel, parameters: Record<string, number>): number {
    const place = this.#used, { size } = kernel.uniform!;
    this.#write(kernel, parameters);
    if (this.fixed) {
      const key = this.#key(place / 4, size / 4), known = this.#places.get(key);
      if (known !== undefined) return known;
      this.#places.set(key, place);
    }
    this.#used += Math.ceil(size / this.#alignment) * this.#alignment;
    return place;
  }

  /** Sends what is new to the GPU, for the submit that follows. */
  upload(): void {
    if (this.#used === this.#written) return;
    const from = this.#written, bytes = this.#used - from;
    this.device.queue.writeBuffer(this.buffer, from, this.#data.buffer, from, bytes);
    this.#written = this.#used;
    if (!this.fixed) this.clear();
  }

  /** Gives up all places. Those of launches that are submitted stay as they were for these. */
  clear(): void {
    this.#used = this.#written = 0;
    this.#places.clear();
  }

  #key(from: number, words: number): string {
    let key = "";
    for (let i = from; i < from + words; i++) key += `${this.#words[i]} `;
    return key;
  }

  #write(kernel: Kernel, parameters: Record<string, number>): void {
    const from = this.#used / 4;
    this.#words.fill(0, from, from + kernel.uniform!.size / 4); // what is between and after the fields
    let given = 0;
    for (const name in parameters) {
      const field = kernel.fields.get(name);
      if (!field) throw unknownName(kernel, "parameter", name, [...kernel.fields.keys()]);
      const at = this.#used + field.offset;
      if (field.type === "f32") this.#data.setFloat32(at, parameters[name], true);
      else this.#data.setInt32(at, parameters[name], true);
      given++;
    }
    if (given !== kernel.fields.size) {
      const missing = [...kernel.fields.keys()].filter((name) => !(name in parameters));
      throw new Error(`kernel ${kernel.name}: parameter ${missing.join(", ")} is missing`);
    }
  }
}

export function unknownName(kernel: Kernel, kind: string, name: string, known: string[]): Error {
  return new Error(`kernel ${kernel.name} has no ${kind} "${name}"; it has ${known.join(", ")}`);
}
