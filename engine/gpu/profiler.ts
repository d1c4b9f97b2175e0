/** When the GPU worked on one launch, in milliseconds on its own clock. */
export interface LaunchTime {
  /** Shader, entry point and constants. */
  kernel: string;
  start: number;
  end: number;
}

const QUERY_RESOLVE = 0x0200, COPY_SRC = 0x04, COPY_DST = 0x08, MAP_READ = 0x01;

/**
 * Takes a timestamp before and after each launch of a stretch of work. Every launch then has a pass of its own, which
 * costs a little, so the whole takes longer than it does unobserved.
 */
export class Profiler {
  #queries: GPUQuerySet;
  #resolved: GPUBuffer;
  #kernels: string[] = [];
  #read: GPUBuffer | null = null;
  #times: Promise<LaunchTime[]>[] = [];

  /** @param launches the most that one submit holds */
  constructor(readonly device: GPUDevice, launches: number) {
    const count = 2 * launches;
    this.#queries = device.createQuerySet({ type: "timestamp", count });
    this.#resolved = device.createBuffer({ size: 8 * count, usage: QUERY_RESOLVE | COPY_SRC });
  }

  /** Where the next launch of a submit puts its timestamps. */
  next(kernel: string): GPUComputePassTimestampWrites {
    const first = 2 * this.#kernels.push(kernel) - 2;
    return {
      querySet: this.#queries,
      beginningOfPassWriteIndex: first,
      endOfPassWriteIndex: first + 1,
    };
  }

  /** Encodes the copy of a submit's timestamps, after its last launch. */
  resolve(encoder: GPUCommandEncoder): void {
    const count = 2 * this.#kernels.length;
    if (count === 0) return;
    this.#read = this.device.createBuffer({ size: 8 * count, usage: MAP_READ | COPY_DST });
    encoder.resolveQuerySet(this.#queries, 0, count, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#read, 0, 8 * count);
  }

  /** Called once the submit is on its way. */
  submitted(): void {
    if (this.#read) this.#times.push(readTimes(this.#read, this.#kernels));
    this.#read = null;
    this.#kernels = [];
  }

  /** The launches of all submits since the last call, in order. */
  async take(): Promise<LaunchTime[]> {
    const times = this.#times;
    this.#times = [];
    return (await Promise.all(times)).flat();
  }
}

async function readTimes(buffer: GPUBuffer, kernels: readonly string[]): Promise<LaunchTime[]> {
  await buffer.mapAsync(1); // GPUMapMode.READ
  const nanoseconds = new BigUint64Array(buffer.getMappedRange().slice(0));
  buffer.destroy();
  const at = (i: number) => Number(nanoseconds[i]) / 1e6;
  return kernels.map((kernel, i) => ({ kernel, start: at(2 * i), end: at(2 * i + 1) }));
}
