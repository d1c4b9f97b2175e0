import type { HubAccess } from "./access.ts";
import { noFolder, type Repository, repositoryPage, repositoryTitle } from "./repository.ts";

/** A failure that another attempt may not meet: the connection, the server's load, a cut-off file. */
export class TemporaryError extends Error {
  override name = "TemporaryError";
  constructor(
    message: string,
    /**
     * Seconds the server asks to wait, whether the attempt brought the work forward, and whether there was no
     * server to ask.
     */
    readonly details: { retryAfter?: number; advanced?: boolean; unreachable?: boolean } = {},
  ) {
    super(message);
  }
}

/** Attempts that fail one after the other without any advance in between. */
const ATTEMPTS = 6;
/** The hub counts requests over five minutes; nobody should wait much longer in silence. */
const LONGEST_WAIT = 600;

/**
 * Makes attempts until one does not fail with {@link TemporaryError}; waits 1, 2, 4… s, or as long as the server
 * asks. Where there is no network to begin with, it says so at once.
 */
export async function withRetries<T>(
  { pause, say, contact }: HubAccess,
  title: string,
  attempt: () => Promise<T>,
  attempts = ATTEMPTS,
): Promise<T> {
  for (let failures = 1;; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TemporaryError)) throw error;
      if (error.details.advanced) failures = 1;
      const seconds = error.details.retryAfter ?? 2 ** (failures - 1);
      if (attempts === 1) throw error;
      if (error.details.unreachable && !contact.made) {
        throw new Error(
          `${title}: ${error.message}; look at the network and HF_ENDPOINT, or give a folder`,
          { cause: error },
        );
      }
      if (failures >= attempts || seconds > LONGEST_WAIT) {
        throw new Error(
          `${title}: ${error.message}, ${failures} times in a row; start again later, and the ` +
            "download goes on where it stopped",
          { cause: error },
        );
      }
      say(`${title}: ${error.message}; trying again in ${seconds} s`);
      await pause(seconds);
    }
  }
}

/** The error for an answer that is not a success. */
export function failureOf(
  response: Response,
  { endpoint, token }: HubAccess,
  repository: Repository,
): Error {
  const { status, headers } = response;
  if (status === 408 || status === 429 || status >= 500) {
    return new TemporaryError(`the hub answers ${status}`, { retryAfter: secondsToWait(headers) });
  }
  const title = repositoryTitle(repository);
  const page = repositoryPage(endpoint, repository);
  const code = headers.get("X-Error-Code");
  if (code === null && new URL(response.url).origin !== new URL(endpoint).origin) {
    // Large files lie elsewhere, at addresses that run out; the hub gives a new one each time.
    const reason = `the store of large files answers ${status}`;
    return status === 403 ? new TemporaryError(reason) : new Error(`${title}: ${reason}`);
  }
  if (code === "GatedRepo") {
    return new Error(
      `${title} is gated: accept its licence at ${page}, then set HF_TOKEN to a token of that ` +
        `account (${token ? "the token that is set may not read it" : "no token is set"})`,
    );
  }
  if (code === "RevisionNotFound") {
    return new Error(`${page} has no revision ${repository.revision}; see its branches and tags`);
  }
  if (token && (status === 403 || (status === 401 && code !== "RepoNotFound"))) {
    return new Error(
      `${endpoint} refuses the token in HF_TOKEN (${status}) for ${title}; make a new one with the ` +
        "right to read it",
    );
  }
  // Without a right to see it, the hub does not tell a private repository from none.
  if (code === "RepoNotFound" || status === 401 || (status === 404 && code === null)) {
    return new Error(
      `${endpoint} has no ${title}, or it is private. Check the name; for a private one set ` +
        `HF_TOKEN to a token that may read it. ${noFolder(repository)}`,
    );
  }
  const reason = headers.get("X-Error-Message") ?? code ?? "without a reason";
  return new Error(`${title}: the hub answers ${status} (${reason}) for ${response.url}`);
}

/** What Retry-After says, in seconds or as a date, or else the end of the hub's RateLimit window. */
function secondsToWait(headers: Headers): number | undefined {
  const value = headers.get("Retry-After") ??
    headers.get("RateLimit")?.match(/\bt=(\d+)/)?.[1] ?? "";
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}
