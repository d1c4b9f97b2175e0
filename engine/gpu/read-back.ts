import type { Commands, Range } from "./commands.ts";

const MAP_READ = 0x01, COPY_DST = 0x08;

/** Returns when `pending` has settled, whichever way. */
export type Wait = (pending: Promise<unknown>) => Promise<void>;

/** Copies from the GPU to the CPU, through buffers that are kept for the next ones. */
export class ReadBack {
  #free = new Map<number, GPUBuffer[]>();

  /** @param wait how the host waits for the GPU, where awaiting alone is not good enough */
  constructor(readonly commands: Commands, readonly wait?: Wait) {}

  /** The bytes of a range after all work launched so far. Throws where any of that failed. */
  async bytes(range: Range): Promise<ArrayBuffer> {
    const size = 2 ** Math.ceil(Math.log2(Math.max(range.bytes, 256)));
    const free = this.#free.get(size) ?? [];
    this.#free.set(size, free);
    const buffer = free.pop() ?? this.commands.device.createBuffer({
      size,
      usage: MAP_READ | COPY_DST,
      label: "read-back",
    });
    if (range.bytes) this.commands.copyOut(range, buffer);
    this.commands.flush();
    const mapped = buffer.mapAsync(1); // GPUMapMode.READ
    await this.wait?.(mapped);
    await mapped.catch(() => {}); // the reason of a failure, with the launches it came from, is in the check
    await this.commands.check();
    await mapped;
    const bytes = buffer.getMappedRange(0, Math.ceil(range.bytes / 8) * 8).slice(0, range.bytes);
    buffer.unmap();
    free.push(buffer);
    return bytes;
  }
}
