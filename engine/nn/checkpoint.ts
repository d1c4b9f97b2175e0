import type { Engine } from "../gpu/engine.ts";
import { float16ToFloat32 } from "../tensor/half.ts";
import { type Entry, Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./architecture.ts";
import { decoderEntries } from "./entries.ts";
import { families } from "./families/index.ts";
import type { StoredTensor, TensorFile } from "./safetensors.ts";

export const SCORE_WEIGHT = "score.weight";
export const SCORE_BIAS = "score.bias";

/** How the weights of a model are held. */
export interface WeightOptions {
  /** With gradients and moments; true without it. */
  trainable?: boolean;
  /**
   * What embeddings and the weights of linear layers are stored as, f32 without it; f16 needs an adapter that reads
   * it, and weights that are not trainable. Norms, biases and a scalar head are f32 always.
   */
  weights?: "f32" | "f16";
}

/** Names, shapes and dtypes of a model's weights; with `score`, also those of a scalar head. */
export function parameterEntries(
  config: ModelConfig,
  { score = false, weights = "f32" }: { score?: boolean; weights?: WeightOptions["weights"] } = {},
): Entry[] {
  const trunk = decoderEntries(config).map((entry) =>
    entry.shape.length === 2 ? { ...entry, dtype: weights } : entry
  );
  return [...trunk, ...score ? scoreEntries(config) : []];
}

/** Names and shapes of the scalar head's weights. */
export function scoreEntries({ width }: ModelConfig): Entry[] {
  return [{ name: SCORE_WEIGHT, shape: [1, width] }, { name: SCORE_BIAS, shape: [1] }];
}

/** The name in a checkpoint of the weight that transformers may call otherwise in memory. */
export function checkpointName({ family }: ModelConfig, name: string): string {
  return families[family].aliases[name] ?? name;
}

/**
 * Reads the weights of a model, with a scalar head where the file holds one. Throws, naming it, where a
 * tensor is missing, left over, of another shape than the config says, or beyond f16.
 */
export async function readWeights(
  engine: Engine,
  file: TensorFile,
  config: ModelConfig,
  { trainable = true, weights = "f32" }: WeightOptions = {},
): Promise<Parameters> {
  if (weights === "f16" && !engine.features.half) {
    throw new Error(
      "weights stored as f16 need an adapter whose kernels read it (shader-f16), and this one's do not; load them as f32",
    );
  }
  const entries = parameterEntries(config, { score: file.has(SCORE_WEIGHT), weights });
  const stored = findTensors(file, entries, {
    by: "config.json",
    stored: (name) => storedName(file, config, name),
    isSpare: (name) => isSpare(config, name),
  });
  const parameters = new Parameters(engine, entries, trainable);
  await fill(parameters, stored);
  return parameters;
}

/** How the tensors of a file are called, and what says so in errors. */
export interface Naming {
  /** What gives names and shapes. */
  by: string;
  /** The name in the file of a parameter. */
  stored(name: string): string;
  /** Whether a tensor of the file may be left over. */
  isSpare(name: string): boolean;
}

/** The stored tensor of each entry. Throws, naming it, where one is missing, left over or of another shape. */
export function findTensors(
  file: TensorFile,
  entries: readonly Entry[],
  { by, stored, isSpare }: Naming,
): Map<string, StoredTensor> {
  const found = new Map<string, StoredTensor>();
  const left = new Set(file.names);
  for (const { name, shape } of entries) {
    const tensor = file.tensor(stored(name));
    if (tensor.shape.join() !== shape.join()) {
      const [has, means] = [tensor.shape, shape].map((sizes) => `[${sizes.join(", ")}]`);
      throw new Error(`${file.name}: ${tensor.name} has shape ${has}, but ${by} means ${means}`);
    }
    found.set(name, tensor);
    left.delete(tensor.name);
  }
  const extra = [...left].filter((name) => !isSpare(name));
  if (extra.length === 0) return found;
  throw new Error(
    `${file.name} holds tensors that ${by} has no place for: ${extra.slice(0, 4).join(", ")}`,
  );
}

/** Reads the tensors that `findTensors` found into the parameters, which are released where that fails. */
export async function fill(
  parameters: Parameters,
  stored: ReadonlyMap<string, StoredTensor>,
): Promise<void> {
  try {
    for (const [name, tensor] of stored) await upload(tensor, parameters.get(name));
  } catch (error) {
    parameters.release();
    throw error;
  }
  parameters.engine.flush();
}

/** Old checkpoints leave the prefix out, and a head may stand under its name in memory. */
function storedName(file: TensorFile, config: ModelConfig, name: string): string {
  const { prefix, aliases } = families[config.family];
  const alias = Object.keys(aliases).find((alias) => aliases[alias] === name);
  const bare = name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
  return [name, alias, bare].find((name) => name !== undefined && file.has(name)) ?? name;
}

/** Tensors that are no weights: masks and frequencies, and a tied head that is stored a second time. */
function isSpare(config: ModelConfig, name: string): boolean {
  const { buffers, architecture } = families[config.family];
  const head = `${architecture(config).head}.weight`;
  return buffers.test(name) || config.tied && checkpointName(config, name) === head;
}

const SLICE_VALUES = 2 ** 22; // 16 MiB as f32; a multiple of 128, so that slices start aligned

async function upload(stored: StoredTensor, tensor: Tensor): Promise<void> {
  for await (const [slice, numbers] of slices(stored, tensor)) tensor.engine.write(slice, numbers);
}

/** Whether the tensors hold the same numbers, the stored ones as the other is stored. */
export async function isSame(stored: StoredTensor, tensor: Tensor): Promise<boolean> {
  if (stored.shape.join() !== tensor.shape.join()) return false;
  for await (const [slice, numbers] of slices(stored, tensor)) {
    const own = await slice.read();
    const values = numbers instanceof Uint16Array ? float16ToFloat32(numbers) : numbers;
    if (values.some((x, i) => x !== own[i])) return false;
  }
  return true;
}

/** Large tensors go slice by slice, so that an f32 copy of a whole one never stands on the CPU. */
async function* slices(
  stored: StoredTensor,
  tensor: Tensor,
): AsyncGenerator<[slice: Tensor, numbers: Float32Array | Uint16Array]> {
  const { size } = tensor, flat = tensor.view([size]);
  for (let start = 0; start < size; start += SLICE_VALUES) {
    const end = Math.min(start + SLICE_VALUES, size);
    const numbers = tensor.dtype === "f16"
      ? await stored.toFloat16(start, end)
      : await stored.toFloat32(start, end);
    yield [flat.rows(start, end), numbers];
  }
}
