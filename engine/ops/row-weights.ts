import type { Storage } from "../gpu/buffers.ts";
import type { Engine } from "../gpu/engine.ts";
import { mostTextureBytes } from "../gpu/textures.ts";
import type { Scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The weights of a program, all in one buffer, and their copy in a texture as long as the scope lives. */
export class RowWeights {
  #buffer: Storage | null = null;
  #texels: Tensor | null = null;
  #turned = new Map<string, number>(); // by where weights lie in the buffer, in bytes, where they are turned, in vec4s
  #end = 0; // of what is in the texture, in bytes
  #turns: (() => void)[] = []; // launches not made yet

  constructor(readonly scope: Scope) {}

  /** The texture, with all weights in it that were asked for. */
  ready(): Tensor | null {
    for (const turn of this.#turns) turn();
    this.#turns = [];
    return this.#texels;
  }

  /** The vec4 at which W begins that is stored [N, K], and of which [K, N] is read; null where there is no room. */
  turned(weight: Tensor): number | null {
    const { engine, offset, shape: [rows, columns] } = weight;
    const name = `${offset} ${rows}`, known = this.#turned.get(name);
    if (known !== undefined) return known;
    const into = this.#end / 16, end = this.#end + Math.ceil(weight.bytes / 256) * 256;
    if (end > this.#texels!.bytes) return null;
    this.#end = end;
    this.#turned.set(name, into);
    const parameters = { rows, columns, start: offset / 16, into };
    const bindings = { stored: whole(engine, weight.storage), weights: this.#texels! };
    const grid = engine.grid(rows * columns / 16, 8);
    this.#turns.push(() => engine.launch("row_weights", "turn", bindings, parameters, grid));
    return into;
  }

  /** Whether a weight lies where all do: the first one tells. */
  owns({ engine, storage, dtype }: Tensor): boolean {
    if (dtype !== "f32") return false;
    if (this.#buffer) return this.#buffer === storage;
    const { bindingLimit, device } = engine, { size } = storage; // a copy of more than kernels bind is untried
    if (size > bindingLimit || 2 * size > mostTextureBytes(device)) return false;
    // With room to turn all of them: which ones are to be turned is known only when all were asked for.
    this.#texels = engine.within(this.scope, () => engine.texels([2 * size / 4]));
    const copied = new Tensor(engine, this.#texels.storage, 0, [size / 4], "f32");
    engine.copy(whole(engine, storage), copied);
    this.#buffer = storage;
    this.#end = size;
    return true;
  }
}

/** All numbers of a storage. */
export function whole(engine: Engine, storage: Storage): Tensor {
  return new Tensor(engine, storage, 0, [storage.size / 4], "f32");
}
