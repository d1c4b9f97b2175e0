import type { HubAccess } from "./access.ts";
import { failureOf, TemporaryError, withRetries } from "./failures.ts";
import { type Repository, repositoryTitle } from "./repository.ts";

/** An answer of the hub whose body is still on its way. */
export interface OpenResponse {
  response: Response;
  /** The parts of the body. Throws {@link TemporaryError} where the connection breaks or stalls. */
  body(): AsyncGenerator<Uint8Array>;
}

/**
 * Asks once and follows redirects; the token goes to the hub itself and to no other host. Throws
 * {@link TemporaryError} where another attempt may help, else an error that says what to do.
 */
export async function request(
  access: HubAccess,
  repository: Repository,
  url: string,
  init: RequestInit = {},
): Promise<OpenResponse> {
  const watch = stallWatch(access.stallSeconds);
  const headers = new Headers(init.headers);
  if (access.token && new URL(url).origin === new URL(access.endpoint).origin) {
    headers.set("Authorization", `Bearer ${access.token}`);
  }
  const response = await watch.guard(fetch(url, { ...init, headers, signal: watch.signal }));
  access.contact.made = true;
  // 416 says that the file is not as long as the part of it that is here.
  if (!response.ok && response.status !== 416) {
    await response.body?.cancel();
    throw failureOf(response, access, repository);
  }
  return { response, body: () => parts(response, watch) };
}

/** A `fetch` for the hub package: the same rules, the whole body at once, with retries. */
export function retryingFetch(access: HubAccess, repository: Repository, attempts?: number) {
  const title = `${access.endpoint}, asked for ${repositoryTitle(repository)}`;
  const ask = (url: string, init?: RequestInit) =>
    withRetries(access, title, async () => {
      const { response, body } = await request(access, repository, url, init);
      const bytes = await new Blob(await Array.fromAsync(body()) as BlobPart[]).arrayBuffer();
      return new Response(bytes, response);
    }, attempts);
  return ask as typeof fetch;
}

async function* parts(response: Response, watch: StallWatch): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await watch.guard(reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have failed already
  }
}

/** No name server, or nobody at the address, as Node, Deno and Bun call it. */
const UNREACHABLE = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ConnectionRefused"];

/** What a failed fetch is caused by: Node says only there what it was. */
function rootOf(error: Error & { code?: string }): Error & { code?: string } {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

interface StallWatch {
  signal: AbortSignal;
  /** Waits for one step; a failure or a silence becomes a {@link TemporaryError}. */
  guard<T>(step: Promise<T>): Promise<T>;
}

function stallWatch(seconds: number): StallWatch {
  const controller = new AbortController();
  const guard = async <T>(step: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => controller.abort(), 1000 * seconds);
    try {
      return await step;
    } catch (error) {
      if (controller.signal.aborted) throw new TemporaryError(`nothing came for ${seconds} s`);
      const { message, code } = rootOf(error as Error);
      const reason = message.replace(/ For more information, pass .*$/, ""); // Bun's word to programmers
      throw new TemporaryError(`no connection (${reason})`, {
        unreachable: UNREACHABLE.includes(code ?? ""),
      });
    } finally {
      clearTimeout(timer);
    }
  };
  return { signal: controller.signal, guard };
}
