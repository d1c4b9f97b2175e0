import { resolve } from "node:path";

/** A repository of the hub at one of its revisions. */
export interface Repository {
  kind: "model" | "dataset";
  /** `organisation/name`, or the bare name of an old repository such as `gpt2`. */
  name: string;
  /** A branch, a tag or a commit. */
  revision: string;
}

const NAME = /^\w[\w.-]*(?:\/\w[\w.-]*)?$/;
const REVISION = /^\w[\w./-]*$/;

/**
 * The repository that `organisation/name` or `organisation/name@revision` names. Throws where the
 * text cannot be a hub name.
 */
export function parseRepository(kind: Repository["kind"], text: string): Repository {
  const at = text.indexOf("@");
  const name = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? "main" : text.slice(at + 1);
  // Both become parts of paths in the cache, where "--" stands for "/".
  const unsafe = /\.\.|--/.test(name) || revision.includes("..");
  if (unsafe || !NAME.test(name) || !REVISION.test(revision)) {
    throw new Error(
      `"${text}" is neither a folder that exists (${resolve(text)} does not) nor a name on the ` +
        `hub; give a ${kind}'s folder, or organisation/name or organisation/name@revision`,
    );
  }
  return { kind, name, revision };
}

/** What messages call it. */
export function repositoryTitle({ kind, name, revision }: Repository): string {
  return `${kind} ${name}${revision === "main" ? "" : `@${revision}`}`;
}

/** For a name that the hub does not know or cannot be asked about: a folder's name may look the same. */
export function noFolder({ name }: Repository): string {
  return `If a folder was meant: there is none at ${resolve(name)}`;
}

/** Where a person looks at it. */
export function repositoryPage(endpoint: string, { kind, name }: Repository): string {
  return `${endpoint}/${kind === "dataset" ? "datasets/" : ""}${name}`;
}
