/** The update server on node:http. Public entry "daruma-ota/server". */

import { createServer, type IncomingMessage, type ServerResponse as Reply } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { bytesBody } from "../../src/server/body.js";
import { offersToAll, type StoredRelease } from "../../src/server/catalog.js";
import { type ServerResponse, UpdateServer } from "../../src/server/handler.js";
import { decodeReport, reportBytesMax, type StoredReport } from "../../src/server/report.js";
import { checkPayloads } from "./check-payloads.js";
import { describeForServer } from "./describe.js";
import { nodeDigest } from "./digest.js";
import { FileStore } from "./file-store.js";
import { ReadyStore } from "./ready-store.js";
import { lockDirectory } from "./serve-lock.js";

/** Bounds on what one client may take. Times in milliseconds, sizes in bytes. */
export interface ServerLimits {
  readonly headerBytesMax: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** A connection that moves no byte for so long is closed. */
  readonly idleTimeoutMs: number;
  readonly connectionsMax: number;
}

export interface StartServerOptions {
  /** Directory of envelopes and payloads; see `FileStore`. */
  readonly dir: string;
  /** 0 (default) lets the system choose. */
  readonly port?: number;
  /** Default 127.0.0.1: reachable from this machine only. */
  readonly hostname?: string;
  readonly limits?: Partial<ServerLimits>;
  /** Refuses to start while a payload is missing or not the signed one; default false. */
  readonly checksPayloads?: boolean;
  /** One line per answered request, without headers. */
  onRequest?(line: string): void;
  /** A release that devices do not get, a file that is not used, or a fault while answering. */
  onWarning?(message: string): void;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Ends all connections; resolves when the port is free. */
  close(): Promise<void>;
  /** The newest release of every class whose payload is there. */
  offers(): readonly StoredRelease[];
  /** All reports stored so far, oldest first. */
  reports(): readonly StoredReport[];
}

const defaultLimits: ServerLimits = {
  headerBytesMax: 8192,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  connectionsMax: 256,
};

const chunkBytes = 65536;

/**
 * Starts serving a directory. Rejects when the directory or the port cannot be used, or another
 * server runs on that directory.
 */
export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  const unlock = lockDirectory(options.dir);
  try {
    return await serve(options, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function serve(options: StartServerOptions, unlock: () => void): Promise<RunningServer> {
  const limits = { ...defaultLimits, ...options.limits };
  const warn = (message: string): void => options.onWarning?.(message);
  const files = new FileStore({
    dir: options.dir,
    digest: nodeDigest,
    describe: describeForServer,
    onWarning: warn,
  });
  if (options.checksPayloads === true) checkPayloads(files);
  const store = new ReadyStore(files, warn);
  // What is amiss is told now, not at the first request.
  store.releases();
  const server = new UpdateServer(store, nodeDigest, { nowMs: Date.now, decodeReport });
  const http = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: Math.min(5000, limits.idleTimeoutMs),
      connectionsCheckingInterval: Math.min(1000, limits.headersTimeoutMs),
    },
    (message, reply) => {
      receive(message, reply, (body) => {
        const response = answer(server, message, body, warn);
        options.onRequest?.(`${message.method} ${printable(message.url)} ${response.status}`);
        send(message, reply, response);
      });
    },
  );
  http.maxConnections = limits.connectionsMax;
  http.timeout = limits.idleTimeoutMs;
  // The default answer would name the parser's fault; a line and a closed connection do.
  http.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    else socket.destroy();
  });
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    const hostname = options.hostname ?? "127.0.0.1";
    http.listen(options.port ?? 0, hostname, () => {
      const { port } = http.address() as AddressInfo;
      const host = hostname.includes(":") ? `[${hostname}]` : hostname;
      resolve({
        url: `http://${host}:${port}`,
        port,
        reports: () => store.reports(),
        offers: () => offersToAll(store),
        close: () => closeServer(http).then(unlock),
      });
    });
  });
}

function closeServer(http: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeAllConnections();
  });
}

/** Collects at most one byte more than a report may have; the handler refuses that one. */
function receive(message: IncomingMessage, reply: Reply, done: (body: Uint8Array) => void): void {
  const body = new Uint8Array(reportBytesMax + 1);
  let length = 0;
  let finished = false;
  const finish = (): void => {
    if (finished) return;
    finished = true;
    done(body.subarray(0, length));
  };
  message.on("data", (chunk: Buffer) => {
    if (finished) return;
    const count = Math.min(chunk.length, body.length - length);
    body.set(chunk.subarray(0, count), length);
    length += count;
    if (length < body.length) return;
    // What is still to come would have to be read before a next request: end the connection.
    reply.setHeader("connection", "close");
    message.pause();
    finish();
  });
  message.on("end", finish);
  message.on("error", () => reply.destroy());
}

function answer(
  server: UpdateServer,
  message: IncomingMessage,
  body: Uint8Array,
  warn: (message: string) => void,
): ServerResponse {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(message.headers)) {
    if (typeof value === "string") headers.set(name, value);
  }
  try {
    return server.handle({
      method: message.method ?? "",
      path: originForm(message.url ?? ""),
      headers,
      body,
    });
  } catch (error) {
    warn(`could not answer ${printable(message.url)}: ${error}`);
    const empty = bytesBody(new Uint8Array(0));
    return { status: 500, headers: new Map([["content-length", "0"]]), body: empty };
  }
}

/** RFC 9112 3.2.2: a server takes the absolute form too. */
function originForm(target: string): string {
  return target.replace(/^http:\/\/[^/]*/i, "");
}

/** Sends a body in pieces no faster than the client takes them. */
function send(message: IncomingMessage, reply: Reply, response: ServerResponse): void {
  const { body } = response;
  const isHead = message.method === "HEAD";
  let offset = 0;
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    body.close();
  };
  const pump = (): void => {
    while (!ended && offset < body.lengthBytes) {
      const chunk = new Uint8Array(Math.min(chunkBytes, body.lengthBytes - offset));
      const count = readSafely(response, offset, chunk);
      if (count === 0) {
        // The file shrank: a cut connection tells so, a shorter answer would not.
        end();
        (reply.socket as Socket | null)?.destroy();
        return;
      }
      offset += count;
      if (!reply.write(chunk.subarray(0, count))) {
        reply.once("drain", pump);
        return;
      }
    }
    if (ended) return;
    end();
    reply.end();
  };
  reply.on("close", end);
  reply.writeHead(response.status, Object.fromEntries(response.headers));
  if (isHead) {
    end();
    reply.end();
  } else {
    pump();
  }
}

function readSafely(response: ServerResponse, offset: number, chunk: Uint8Array): number {
  try {
    return response.body.read(offset, chunk, 0, chunk.length);
  } catch {
    return 0;
  }
}

/** A request target fit for a log line. */
function printable(target: string | undefined): string {
  return (target ?? "").slice(0, 200).replace(/[^\x21-\x7e]/g, "?");
}
