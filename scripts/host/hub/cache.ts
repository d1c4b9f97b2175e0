import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import process from "node:process";
import { z } from "zod";
import type { Repository } from "./repository.ts";

// A path or hash comes from the server and becomes part of a path here.
const hash = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "expected a hash in hexadecimal");
const path = z.string().refine(
  (value) =>
    value.split("/").every((part) => !["", ".", ".."].includes(part)) && !/[\\\0:]/.test(value),
  "expected a path inside the repository",
);

/** A file of a repository at one commit: its size in bytes and the hash its content must have. */
export const remoteFileSchema = z.object({
  path,
  size: z.int().nonnegative(),
  /** SHA-256 of a large file, the git blob's SHA-1 of a small one; also its name in the cache. */
  hash,
});
export type RemoteFile = z.infer<typeof remoteFileSchema>;

export const commitSchema = z.string().regex(/^[0-9a-f]{40}$/, "expected a commit's hash");

/**
 * One repository in the cache, in the layout of Python's huggingface_hub: `blobs/<hash>` hold the
 * contents, `snapshots/<commit>/<path>` link to them, `refs/<revision>` hold commits. Beside these
 * stand our `.homeport/<commit>.json`: what the commit holds, so that an incomplete snapshot is seen
 * without a network.
 */
export class CachedRepository {
  readonly folder: string;

  constructor(cache: string, { kind, name }: Repository) {
    this.folder = join(cache, `${kind}s--${name.replace("/", "--")}`);
  }

  /** The commit a revision had when it was last asked for. */
  commit(revision: string): string | null {
    if (commitSchema.safeParse(revision).success) return revision;
    const file = join(this.folder, "refs", revision);
    return existsSync(file) ? commitSchema.parse(readFileSync(file, "utf8").trim()) : null;
  }

  setCommit(revision: string, commit: string): void {
    // A cache that others keep may be read only.
    if (this.commit(revision) !== commit) write(join(this.folder, "refs", revision), commit);
  }

  listing(commit: string): RemoteFile[] | null {
    const file = this.#listingFile(commit);
    if (!existsSync(file)) return null;
    return z.array(remoteFileSchema).parse(JSON.parse(readFileSync(file, "utf8")));
  }

  setListing(commit: string, files: readonly RemoteFile[]): void {
    write(this.#listingFile(commit), JSON.stringify(files));
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** The files of a snapshot that another program made; the names of their blobs are the hashes. */
  snapshotFiles(commit: string): RemoteFile[] {
    const folder = this.snapshot(commit);
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((name) => {
      const place = join(folder, name);
      const stat = statSync(place, { throwIfNoEntry: false });
      if (!stat?.isFile()) return [];
      const path = name.replaceAll("\\", "/");
      return [{ path, size: stat.size, hash: basename(realpathSync(place)) }];
    });
  }

  blob({ hash }: RemoteFile): string {
    return join(this.folder, "blobs", hash);
  }

  /** Whether the file's content is here: in the snapshot, or as another commit's blob. */
  holds(commit: string, file: RemoteFile): boolean {
    return [join(this.snapshot(commit), file.path), this.blob(file)].some((place) =>
      statSync(place, { throwIfNoEntry: false })?.size === file.size
    );
  }

  /** Makes the file of the snapshot a relative link to its blob, so that the cache can be moved. */
  link(commit: string, file: RemoteFile): void {
    const place = join(this.snapshot(commit), file.path);
    if (existsSync(place)) return;
    mkdirSync(dirname(place), { recursive: true });
    if (lstatSync(place, { throwIfNoEntry: false })) rmSync(place); // a link to a blob that is gone
    try {
      symlinkSync(relative(dirname(place), this.blob(file)), place);
    } catch {
      linkSync(this.blob(file), place); // Windows wants a right for symbolic links
    }
  }

  #listingFile(commit: string): string {
    return join(this.folder, ".homeport", `${commit}.json`);
  }
}

/** Writes a small file at once or not at all. */
function write(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, file);
}
