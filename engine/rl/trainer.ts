import { openSafetensors, type TensorEntry, writeSafetensors } from "../nn/safetensors.ts";
import { bytesSource } from "../nn/bytes.ts";
import type { AdamW } from "../nn/optimizer.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Numbers and words of one step, for metrics.jsonl. */
export type StepMetrics = Record<string, number | string>;

/**
 * Something that trains in steps and whose whole state is one serialisable object: continued from a saved
 * state it computes the same bits as if it had never stopped.
 */
export interface Trainer {
  /** Steps done. */
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
  /** Does one step. Throws where a loss or gradient is not finite: the last saved state is then the good one. */
  advance(): Promise<StepMetrics>;
  save(): Promise<Uint8Array>;
  load(state: Uint8Array): Promise<void>;
}

/** The tensors of a model in training, under the names of a checkpoint. */
export function trainingTensors(prefix: string, { parameters, state }: AdamW): [string, Tensor][] {
  const tensors: [string, Tensor][] = [[`${prefix}.optimizer`, state]];
  for (const [i, { weights, moment1, moment2 }] of parameters.shards.entries()) {
    tensors.push([`${prefix}.${i}.weights`, weights]);
    tensors.push([`${prefix}.${i}.moment1`, moment1]);
    tensors.push([`${prefix}.${i}.moment2`, moment2]);
  }
  return tensors;
}

/** A checkpoint: a safetensors file with counters as JSON in its metadata. */
export async function packState(
  tensors: readonly [string, Tensor][],
  counters: object,
): Promise<Uint8Array> {
  const entries: TensorEntry[] = [];
  for (const [name, tensor] of tensors) {
    entries.push({ name, shape: tensor.shape, data: await tensor.read() });
  }
  return writeSafetensors(entries, { counters: JSON.stringify(counters) });
}

/** Writes a checkpoint back into the tensors; returns its counters. */
export async function unpackState<T>(
  tensors: readonly [string, Tensor][],
  state: Uint8Array,
): Promise<T> {
  const file = await openSafetensors(bytesSource("checkpoint", state));
  for (const [name, tensor] of tensors) {
    const stored = file.tensor(name);
    if (stored.shape.join() !== tensor.shape.join()) {
      throw new Error(
        `the checkpoint's ${name} has shape [${stored.shape}], this run's [${tensor.shape}]: it was written with another model or other settings`,
      );
    }
    tensor.engine.write(tensor, await stored.toFloat32());
  }
  return JSON.parse(file.metadata["counters"] ?? "{}") as T;
}
