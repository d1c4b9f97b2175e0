import type { Engine } from "../../engine/gpu/engine.ts";
import type { Folder } from "../../engine/nn/bytes.ts";
import { loadModel } from "../../engine/nn/model.ts";
import { loadAdapter } from "../../engine/nn/peft.ts";
import { openSafetensors } from "../../engine/nn/safetensors.ts";
import { type Check, Groups, TOLERANCE } from "./check-groups.ts";
import { addGradients, addLogits, lossAndGradients, readInputs } from "./model-check.ts";

const EXPECTED = "expected.safetensors";
const GRADIENT = /^grad\.base_model\.model\.(.*)\.default\.weight$/;

/**
 * Compares an adapter over its base model with the `expected.safetensors` in the adapter's folder: logits, the loss
 * and the gradients of all its weights. The inputs are those in the base model's.
 */
export async function checkAdapter(
  engine: Engine,
  adapter: Folder,
  base: Folder,
): Promise<Check[]> {
  const baseModel = await loadModel(engine, base, { trainable: false });
  const model = await loadAdapter(baseModel, adapter);
  const expected = await openSafetensors(await adapter.open(EXPECTED));
  const groups = new Groups();
  const inputs = await readInputs(engine, await openSafetensors(await base.open(EXPECTED)));
  await addLogits(groups, model, inputs, expected);
  const { loss } = await lossAndGradients(model, inputs.batch);
  groups.add("loss", "loss", [loss], await expected.tensor("loss").toFloat32(), TOLERANCE.losses);

  const recordedAs = new Map(expected.names.flatMap((name): [string, string][] => {
    const weight = name.match(GRADIENT)?.[1];
    return weight === undefined ? [] : [[`${weight}.weight`, name]];
  }));
  await addGradients(groups, model, recordedAs, expected);
  const known = ["logits", "loss", ...recordedAs.values()];
  for (const name of expected.names) {
    if (!known.includes(name)) groups.add("unknown tensors", name, [], [NaN], 0);
  }
  return groups.all;
}
