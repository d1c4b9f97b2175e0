import { type HubAccess, hubAccess } from "./hub/access.ts";
import { CachedRepository, type RemoteFile } from "./hub/cache.ts";
import { bytesHere, download } from "./hub/download.ts";
import { TemporaryError } from "./hub/failures.ts";
import { askCommit, askListing } from "./hub/listing.ts";
import {
  noFolder,
  parseRepository,
  type Repository,
  repositoryPage,
  repositoryTitle,
} from "./hub/repository.ts";
import { request } from "./hub/request.ts";

/** Which files of a hub repository are wanted. */
export interface HubRequest {
  kind: Repository["kind"];
  /** `organisation/name` or `organisation/name@revision`. */
  name: string;
  /** The wanted ones of all paths of the repository. May throw, to say why none will do. */
  choose(paths: string[]): string[];
}

/**
 * The local folder with the wanted files of a model or dataset of the Hugging Face hub. What the cache
 * lacks is downloaded, with a progress bar, continued after an interruption and verified by size and
 * hash. Without a network the cache's copy of the revision serves if it holds all wanted files.
 */
export async function resolveHub(
  { kind, name, choose }: HubRequest,
  access: HubAccess = hubAccess(),
): Promise<string> {
  const repository = parseRepository(kind, name);
  const cached = new CachedRepository(access.cache, repository);
  const { commit, offline } = await findCommit(access, repository, cached);
  const pinned = { ...repository, revision: commit };
  const listing = await findListing({ ...access, offline }, pinned, cached);
  const wanted = new Set(choose(listing.map(({ path }) => path)));
  const files = listing.filter(({ path }) => wanted.has(path));
  const missing = files.filter((file) => !cached.holds(commit, file));
  if (missing.length > 0) {
    if (offline) throw new Error(missingOffline(access, repository, missing));
    await fetchAll(access, pinned, cached, missing);
  }
  for (const file of files) cached.link(commit, file);
  cached.setCommit(repository.revision, commit);
  return cached.snapshot(commit);
}

/** The commit of the revision as the hub has it, or without a network as it was last asked for. */
async function findCommit(
  access: HubAccess,
  repository: Repository,
  cached: CachedRepository,
): Promise<{ commit: string; offline: boolean }> {
  const { revision } = repository;
  const known = cached.commit(revision);
  if (known === revision) return { commit: known, offline: access.offline };
  if (access.offline) {
    if (known) return { commit: known, offline: true };
    throw new Error(
      `${
        repositoryTitle(repository)
      } is not in the cache ${access.cache}, and HF_HUB_OFFLINE is set. ${noFolder(repository)}`,
    );
  }
  try {
    // With a copy at hand nobody should wait through all attempts.
    return { commit: await askCommit(access, repository, known ? 1 : undefined), offline: false };
  } catch (error) {
    if (!known && error instanceof Error && error.cause instanceof TemporaryError) {
      throw new Error(`${error.message}. ${noFolder(repository)}`, { cause: error });
    }
    if (!known || !(error instanceof TemporaryError)) throw error;
    sayCached(access, repository, known, error);
    return { commit: known, offline: true };
  }
}

function sayCached(access: HubAccess, { name }: Repository, commit: string, { message }: Error) {
  access.say(`${access.endpoint}: ${message}; using ${name} as cached, commit ${commit}`);
}

async function findListing(
  access: HubAccess,
  pinned: Repository,
  cached: CachedRepository,
): Promise<RemoteFile[]> {
  const known = cached.listing(pinned.revision);
  if (known) return known;
  // A snapshot that another program made has no listing; what it holds is all there is to choose from.
  const here = cached.snapshotFiles(pinned.revision);
  if (access.offline) return here;
  try {
    const attempts = here.length > 0 ? 1 : undefined;
    const listing = await askListing(access, pinned, pinned.revision, attempts);
    cached.setListing(pinned.revision, listing);
    return listing;
  } catch (error) {
    if (here.length === 0 || !(error instanceof TemporaryError)) throw error;
    sayCached(access, pinned, pinned.revision, error);
    return here;
  }
}

async function fetchAll(
  access: HubAccess,
  repository: Repository,
  cached: CachedRepository,
  files: readonly RemoteFile[],
): Promise<void> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const bar = access.progress(repository.name, total, "bytes");
  bar.resume(files.reduce((sum, file) => sum + bytesHere(cached.blob(file)), 0));
  try {
    for (const file of files) {
      const address = fileAddress(access.endpoint, repository, file.path);
      await download(access, {
        file,
        target: cached.blob(file),
        request: (headers) => request(access, repository, address, { headers }),
        advance: (bytes) => bar.advance(bytes, file.path),
      });
    }
  } finally {
    bar.done();
  }
}

function fileAddress(endpoint: string, repository: Repository, path: string): string {
  const escaped = path.split("/").map(encodeURIComponent).join("/");
  return `${repositoryPage(endpoint, repository)}/resolve/${repository.revision}/${escaped}`;
}

function missingOffline(access: HubAccess, repository: Repository, missing: readonly RemoteFile[]) {
  return `${repositoryTitle(repository)}: the cache ${access.cache} lacks ` +
    `${missing.map(({ path }) => path).join(", ")}, and ${access.endpoint} ` +
    `${access.offline ? "is not asked (HF_HUB_OFFLINE is set)" : "cannot be reached"}`;
}
