import { datasetInfo, type ListFileEntry, listFiles, modelInfo } from "@huggingface/hub";
import { z } from "zod";
import type { HubAccess } from "./access.ts";
import { commitSchema, type RemoteFile, remoteFileSchema } from "./cache.ts";
import { retryingFetch } from "./request.ts";
import type { Repository } from "./repository.ts";

/** The commit that a revision stands for now. */
export async function askCommit(
  access: HubAccess,
  repository: Repository,
  attempts?: number,
): Promise<string> {
  const { kind, name, revision } = repository;
  const question = {
    name,
    revision,
    hubUrl: access.endpoint,
    fetch: retryingFetch(access, repository, attempts),
  };
  const { sha } = kind === "model"
    ? await modelInfo({ ...question, additionalFields: ["sha"] })
    : await datasetInfo({ ...question, additionalFields: ["sha"] });
  return checked(commitSchema, sha, access, repository);
}

/** All files of a commit, with their sizes and hashes. */
export async function askListing(
  access: HubAccess,
  repository: Repository,
  commit: string,
  attempts?: number,
): Promise<RemoteFile[]> {
  const { kind, name } = repository;
  const entries = await Array.fromAsync(listFiles({
    repo: { type: kind, name },
    revision: commit,
    recursive: true,
    hubUrl: access.endpoint,
    fetch: retryingFetch(access, repository, attempts),
  }));
  const files = entries.filter(({ type }) => type === "file").map(remoteFile);
  return checked(z.array(remoteFileSchema), files, access, repository);
}

const remoteFile = ({ path, size, oid, lfs }: ListFileEntry) => ({
  path,
  size: lfs?.size ?? size,
  hash: lfs?.oid ?? oid,
});

function checked<T>(schema: z.ZodType<T>, value: unknown, access: HubAccess, { name }: Repository) {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(
    `${access.endpoint} says about ${name} what cannot be: ${z.prettifyError(result.error)}`,
  );
}
