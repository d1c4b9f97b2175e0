export const PAGE_BYTES = 64 * 1024; // as many as a binding can have
const UNIFORM = 0x40, COPY_DST = 0x08;

/** A buffer for the parameters of launches, and what it will hold when the GPU comes to them. */
interface Page {
  buffer: GPUBuffer;
  words: Uint32Array;
  /** The words that the buffer does not have yet lie between these. */
  changed: { from: number; to: number };
}

/** Where the parameters of a launch lie, from word `at` of its page on. */
export interface Place {
  readonly page: Page;
  readonly at: number;
  readonly bytes: number;
}

/** Places for parameters. What is put into one is there for all launches submitted from `write` on. */
export class Uniforms {
  #pages: Page[] = [];
  #used = 0; // bytes of the pages, the first page first
  readonly #alignment: number;

  constructor(readonly device: GPUDevice) {
    this.#alignment = device.limits.minUniformBufferOffsetAlignment;
  }

  /** A place of its own for so many bytes; it holds anything. */
  take(bytes: number): Place {
    const size = Math.ceil(bytes / this.#alignment) * this.#alignment;
    if (this.#used % PAGE_BYTES + size > PAGE_BYTES) {
      this.#used = Math.ceil(this.#used / PAGE_BYTES) * PAGE_BYTES;
    }
    const page = this.#pages[Math.floor(this.#used / PAGE_BYTES)] ?? this.#addPage();
    const at = this.#used % PAGE_BYTES / 4;
    this.#used += size;
    return { page, at, bytes };
  }

  holds({ page: { words }, at, bytes }: Place, numbers: Uint32Array): boolean {
    for (let i = 0; i < bytes / 4; i++) if (words[at + i] !== numbers[i]) return false;
    return true;
  }

  put({ page: { words, changed }, at, bytes }: Place, numbers: Uint32Array): void {
    for (let i = 0; i < bytes / 4; i++) words[at + i] = numbers[i];
    changed.from = Math.min(changed.from, at);
    changed.to = Math.max(changed.to, at + bytes / 4);
  }

  /** Gives the GPU what was put, after all that is submitted and before what will be. */
  write(): void {
    for (const { buffer, words, changed } of this.#pages) {
      const { from, to } = changed;
      if (from < to) this.device.queue.writeBuffer(buffer, from * 4, words, from, to - from);
      changed.from = words.length;
      changed.to = 0;
    }
  }

  /** Takes all places back. Nothing that uses them may be waiting for its submit. */
  clear(): void {
    this.#used = 0;
  }

  #addPage(): Page {
    const buffer = this.device.createBuffer({
      size: PAGE_BYTES,
      usage: UNIFORM | COPY_DST,
      label: "parameters",
    });
    const words = new Uint32Array(PAGE_BYTES / 4);
    const page = { buffer, words, changed: { from: words.length, to: 0 } };
    this.#pages.push(page);
    return page;
  }
}
