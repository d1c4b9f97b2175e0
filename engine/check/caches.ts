import { headsTogether, type LayerCache, newLayerCaches } from "../ops/cache.ts";
import type { Heads } from "../ops/attention.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A cache in textures of these keys and values [B, Hk, T, D], however it keeps them. */
export function cacheInTextures(keys: Tensor, values: Tensor, heads: Heads): LayerCache {
  const { engine, shape: [count, , capacity] } = keys;
  const [cache] = newLayerCaches(engine, 1, [count, capacity], heads, true);
  fillCache(cache, keys, values, heads);
  return cache;
}

export function fillCache(cache: LayerCache, keys: Tensor, values: Tensor, heads: Heads): void {
  const { engine } = keys;
  engine.copy(moved(keys, heads, "in"), cache.keys);
  engine.copy(moved(values, heads, "in"), cache.values);
}

/** What such a cache has as keys or values, [B, Hk, T, D]. */
export function contentsOf(part: Tensor, heads: Heads): Tensor {
  const { engine, shape: [count, groups, capacity, width] } = part;
  const there = engine.empty(part.shape);
  engine.copy(part, there);
  const shape = [count, heads.keyHeads, capacity, groups * width / heads.keyHeads];
  return moved(there.view(shape), heads, "out");
}

/** [B, Hk, T, D] from or to the order [B, Hk/G, T, G, D] of G heads that lie together. */
function moved(x: Tensor, heads: Heads, direction: "in" | "out"): Tensor {
  const { engine, shape: [count, keyHeads, capacity, size] } = x;
  const together = headsTogether(engine, heads), out = engine.empty(x.shape);
  if (together === 1) {
    engine.copy(x, out);
    return out;
  }
  const at = ({ storage, offset }: Tensor, row: number) =>
    new Tensor(engine, storage, offset + row * size * 4, [size], "f32");
  for (let row = 0; row < count * keyHeads * capacity; row++) {
    const position = row % capacity, head = Math.floor(row / capacity);
    const group = Math.floor(head / together), g = head % together;
    const kept = (group * capacity + position) * together + g;
    const [from, to] = direction === "in" ? [row, kept] : [kept, row];
    engine.copy(at(x, from), at(out, to));
  }
  return out;
}
