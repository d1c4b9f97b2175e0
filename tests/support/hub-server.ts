import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the server was asked. */
export interface LoggedRequest {
  path: string;
  range: string | null;
  authorization: string | null;
  /** Whether the store for large files was asked, as a host of its own. */
  store: boolean;
}

/** Answers one request in the hub's place; returns false to let the hub answer. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface HubRepository {
  /** By path, for each branch; files of over 100 bytes lie in the store, as git LFS has them. */
  branches: Record<string, Record<string, string | Uint8Array>>;
  kind?: "model" | "dataset";
  private?: boolean;
  gated?: boolean;
  /** Where the name leads to another. */
  movedTo?: string;
}

export const TOKEN = "hf_right";
const LARGE = 100;
const PAGE = 3; // entries of one page of a listing

/** A server on this machine that answers as the Hugging Face hub does, as far as a download asks. */
export class HubServer {
  readonly log: LoggedRequest[] = [];
  /** Asked in order for each request, until one answers. */
  faults: Fault[] = [];
  /** Address of the hub. */
  endpoint = "";
  readonly #hub: Server;
  readonly #store: Server;

  private constructor(readonly repositories: Record<string, HubRepository>) {
    this.#hub = createServer((request, response) => this.#answer(request, response, false));
    this.#store = createServer((request, response) => this.#answer(request, response, true));
  }

  static async start(repositories: Record<string, HubRepository>): Promise<HubServer> {
    const server = new HubServer(repositories);
    for (const part of [server.#hub, server.#store]) {
      await new Promise<void>((resolve) => part.listen(0, "127.0.0.1", () => resolve()));
    }
    server.endpoint = address(server.#hub);
    return server;
  }

  stop(): void {
    for (const part of [this.#hub, this.#store]) {
      part.closeAllConnections();
      part.close();
    }
  }

  /** The requests for a file's content, the store's included. */
  asked(file: string): LoggedRequest[] {
    return this.log.filter(({ path }) => path.split("?")[0].endsWith(`/${file}`));
  }

  #answer(request: IncomingMessage, response: ServerResponse, store: boolean) {
    const { range = null, authorization = null } = request.headers;
    this.log.push({ path: request.url!, range, authorization, store });
    if (this.faults.some((fault) => fault(request, response))) return;
    const url = new URL(request.url!, "http://hub");
    if (store) return this.#large(url, request, response);
    const api = /^\/api\/(model|dataset)s\/(.+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
    const file = /^\/(datasets\/)?(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const [kind, name] = api ? [api[1], api[2]] : [file?.[1] ? "dataset" : "model", file?.[2]];
    const repository = this.repositories[name!];
    const refusal = refuse(repository, kind, authorization);
    if (refusal) return fail(response, ...refusal);
    if (repository.movedTo) {
      const location = request.url!.replace(name!, repository.movedTo);
      return void response.writeHead(307, { Location: location }).end();
    }
    const revision = decodeURIComponent(api ? api[4] : file![3]);
    const files = branch(repository, revision);
    if (!files) return fail(response, 404, "RevisionNotFound");
    if (api?.[3] === "revision") return json(response, { id: name, sha: commitOf(files) });
    if (api) return this.#tree(url, files, response);
    this.#file(files, decodeURIComponent(file![4]), request, response);
  }

  #tree(url: URL, files: Record<string, string | Uint8Array>, response: ServerResponse) {
    const entries = [
      { type: "directory", path: "folder", size: 0, oid: "0".repeat(40) },
      ...tree(files),
    ];
    const start = Number(url.searchParams.get("cursor") ?? 0);
    const next = new URL(url.pathname + url.search, this.endpoint);
    next.searchParams.set("cursor", `${start + PAGE}`);
    const more = start + PAGE < entries.length && { Link: `<${next}>; rel="next"` };
    json(response, entries.slice(start, start + PAGE), { ...more });
  }

  #file(
    files: Record<string, string | Uint8Array>,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    if (files[path] === undefined) return fail(response, 404, "EntryNotFound");
    const bytes = Buffer.from(files[path]);
    const { oid, lfs } = entry(path, bytes);
    if (!lfs) return send(bytes, request, response, { ETag: `"${oid}"` });
    response.writeHead(302, {
      Location: `${address(this.#store)}/${lfs.oid}/${path}?signature=1`,
      "X-Linked-Size": lfs.size,
      "X-Linked-ETag": `"${lfs.oid}"`,
    }).end();
  }

  #large(url: URL, request: IncomingMessage, response: ServerResponse) {
    // A signed address and a token together are refused, as S3 does.
    if (request.headers.authorization) return fail(response, 400, null);
    const [, oid] = url.pathname.split("/");
    const bytes = Object.values(this.repositories)
      .flatMap(({ branches }) => Object.values(branches).flatMap((files) => Object.values(files)))
      .map((content) => Buffer.from(content)).find((content) => sha256(content) === oid);
    if (bytes) send(bytes, request, response, { ETag: `"${oid}"` });
    else fail(response, 404, null);
  }
}

/** A file's content, whole or from where the Range header asks. */
function send(
  bytes: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
  headers: Record<string, string>,
) {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const part = bytes.subarray(start);
  if (start > 0) headers["Content-Range"] = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
  response.writeHead(start > 0 ? 206 : 200, { ...headers, "Content-Length": part.length });
  response.end(part);
}

/** A fault for the first `times` requests whose path ends so. */
export function fault(
  file: string,
  times: number,
  answer: (response: ServerResponse, request: IncomingMessage) => void,
): Fault {
  let left = times;
  return (request, response) => {
    if (left === 0 || !request.url!.split("?")[0].endsWith(file)) return false;
    left--;
    answer(response, request);
    return true;
  };
}

export const status = (code: number, headers: Record<string, string> = {}) => (r: ServerResponse) =>
  void r.writeHead(code, headers).end();

const address = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const gitHash = (bytes: Uint8Array) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

function entry(path: string, bytes: Buffer) {
  const lfs = bytes.length > LARGE && { oid: sha256(bytes), size: bytes.length, pointerSize: 130 };
  // The hash of a large file is that of its pointer.
  const oid = gitHash(lfs ? Buffer.from(`pointer to ${lfs.oid}`) : bytes);
  return { type: "file", path, size: bytes.length, oid, ...(lfs && { lfs }) };
}

const tree = (files: Record<string, string | Uint8Array>) =>
  Object.entries(files).map(([path, content]) => entry(path, Buffer.from(content)));

/** The commit that holds these files. */
export const commitOf = (files: Record<string, string | Uint8Array>) =>
  gitHash(Buffer.from(JSON.stringify(tree(files))));

function branch({ branches }: HubRepository, revision: string) {
  return branches[revision] ??
    Object.values(branches).find((files) => commitOf(files) === revision);
}

function refuse(
  repository: HubRepository | undefined,
  kind: string,
  authorization: string | null,
): [number, string | null] | null {
  if (authorization !== null && authorization !== `Bearer ${TOKEN}`) return [401, null];
  const hidden = !repository || (repository.kind ?? "model") !== kind ||
    (repository.private && authorization === null);
  if (hidden) return [authorization === null ? 401 : 404, "RepoNotFound"];
  return repository.gated && authorization === null ? [401, "GatedRepo"] : null;
}

function fail(response: ServerResponse, code: number, error: string | null) {
  response.writeHead(code, { ...(error && { "X-Error-Code": error }) }).end("{}");
}

function json(response: ServerResponse, value: unknown, headers: Record<string, string> = {}) {
  response.writeHead(200, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}
