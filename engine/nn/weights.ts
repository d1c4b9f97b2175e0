import { z } from "zod";
import { type Folder, readJson } from "./bytes.ts";
import { openSafetensors, type StoredTensor, type TensorFile, tensorFile } from "./safetensors.ts";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

/**
 * The weights of a Hugging Face model folder: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` names. Only headers are read here.
 */
export async function openWeights(folder: Folder): Promise<TensorFile> {
  const files = await folder.list();
  if (files.includes(SINGLE)) return await openSafetensors(await folder.open(SINGLE));
  if (files.includes(INDEX)) return await openShards(folder);
  throw new Error(
    `${folder.name} holds neither ${SINGLE} nor ${INDEX}; save the model with transformers' ` +
      "save_pretrained, which writes safetensors",
  );
}

const indexSchema = z.object({
  // A shard is a file of the folder itself; a path could lead anywhere.
  weight_map: z.record(
    z.string(),
    z.string().regex(/^[^/\\]+$/, "expected the name of a file in the same folder"),
  ),
});

async function openShards(folder: Folder): Promise<TensorFile> {
  const weightMap = await readWeightMap(folder);
  const tensors = new Map<string, StoredTensor>();
  for (const shardName of new Set(weightMap.values())) {
    const shard = await openSafetensors(await folder.open(shardName));
    for (const tensor of shard.names) {
      const expected = weightMap.get(tensor);
      if (expected !== shardName) {
        throw new Error(
          `${shard.name} holds tensor ${tensor}, which ${INDEX} ` +
            (expected ? `places in ${expected}` : "does not name") +
            "; the index and the shards are not of one model",
        );
      }
      tensors.set(tensor, shard.tensor(tensor));
    }
  }
  for (const [tensor, shardName] of weightMap) {
    if (tensors.has(tensor)) continue;
    throw new Error(
      `${folder.name}/${INDEX} places tensor ${tensor} in ${shardName}, which does not hold it; ` +
        "the index and the shards are not of one model",
    );
  }
  return tensorFile(folder.name, tensors, {});
}

async function readWeightMap(folder: Folder): Promise<Map<string, string>> {
  const index = indexSchema.safeParse(await readJson(folder, INDEX));
  if (!index.success) {
    throw new Error(`${folder.name}/${INDEX} is not valid: ${z.prettifyError(index.error)}`);
  }
  return new Map(Object.entries(index.data.weight_map));
}
