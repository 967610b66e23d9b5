/**
 * The Moddable SDK's ECMA-419 HTTP client over node:http, so that the code of the ESP32 host can
 * talk through a real socket. It keeps the original's habits where code can depend on them:
 * requests queue on one connection; `this` in callbacks is the request; bytes that are not read
 * stay in the socket; a failed request gets `onDone(error)`, so do all that wait behind it, and
 * then the client gets `onError` and is closed. Unlike the original it completes answers to HEAD
 * and 304.
 */

import { Agent, type ClientRequest, type IncomingMessage, request as nodeRequest } from "node:http";

export interface HttpClientOptions {
  readonly host: string;
  /** Default 80. */
  readonly port?: number;
  /** Allows other hosts than this machine. Default false. */
  readonly anyHost?: boolean;
  onError?(error?: Error): void;
}

export interface RequestOptions {
  /** Default GET. */
  readonly method?: string;
  /** Default "/". */
  readonly path?: string;
  /** With `content-length` or `transfer-encoding: chunked` a body is asked for by `onWritable`. */
  readonly headers?: ReadonlyMap<string, string>;
  /** When given, `onHeaders` gets only these (lower case). */
  readonly headersMask?: readonly string[];
  onHeaders?(this: Request, status: number, headers: Map<string, string>): void;
  onReadable?(this: Request, countBytes: number): void;
  onWritable?(this: Request, countBytes: number): void;
  onDone?(this: Request, error: Error | null): void;
}

/** Handle of one request. */
export interface Request {
  /**
   * Bytes of the body: their number when they went into a given array, else a new buffer of at
   * most `count` bytes; undefined when none is ready. Throws when the request is not the current.
   */
  read(into: Uint8Array): number | undefined;
  read(count?: number): ArrayBuffer | undefined;
  /**
   * Sends a part of the body and returns how many bytes may follow now; undefined ends a chunked
   * body. Throws when `data` is more than `onWritable` or `content-length` allow.
   */
  write(data: ArrayBuffer | Uint8Array | undefined): number;
}

const localHosts = ["127.0.0.1", "localhost"];
const writableBytes = 16384;

export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #queue: Exchange[] = [];
  #closed = false;

  /** Throws RangeError for a host that is not this machine, unless `anyHost`. */
  constructor(options: HttpClientOptions) {
    if (options.anyHost !== true && !localHosts.includes(options.host)) {
      throw new RangeError(`${options.host} is not this machine; pass anyHost to allow it`);
    }
    this.#options = options;
  }

  request(options: RequestOptions): Request {
    if (this.#closed) throw new Error("client closed");
    const exchange = new Exchange(options, (error) => this.#finished(error));
    this.#queue.push(exchange);
    if (this.#queue.length === 1) this.#startFirst();
    return exchange;
  }

  /** Drops the connection; no callback fires afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const exchange of this.#queue.splice(0)) exchange.abandon();
    this.#agent.destroy();
  }

  #startFirst(): void {
    // Never inside the call that asked: callers finish their own state first.
    setImmediate(() => {
      if (!this.#closed) this.#queue[0]?.start(this.#options, this.#agent);
    });
  }

  #finished(error: Error | null): void {
    const exchange = this.#queue.shift();
    exchange?.done(error);
    if (this.#closed) return;
    if (error === null) {
      if (this.#queue.length > 0) this.#startFirst();
      return;
    }
    while (this.#queue.length > 0) this.#queue.shift()?.done(error);
    if (this.#closed) return;
    this.#options.onError?.(error);
    this.close();
  }
}

/** One request on the wire. It tells its end once, through `finished`. */
class Exchange implements Request {
  readonly #options: RequestOptions;
  readonly #finished: (error: Error | null) => void;
  #outgoing: ClientRequest | null = null;
  #incoming: IncomingMessage | null = null;
  #writable = 0;
  /** Body bytes still to be written; Infinity for a chunked body. */
  #unsent = 0;
  #over = false;

  constructor(options: RequestOptions, finished: (error: Error | null) => void) {
    this.#options = options;
    this.#finished = finished;
  }

  start(client: HttpClientOptions, agent: Agent): void {
    const headers = new Map(this.#options.headers ?? []);
    const outgoing = nodeRequest({
      agent,
      host: client.host,
      port: client.port ?? 80,
      method: this.#options.method ?? "GET",
      path: this.#options.path ?? "/",
      headers: Object.fromEntries(headers),
      // The original resolves to IPv4 only.
      family: 4,
    });
    this.#outgoing = outgoing;
    outgoing.on("error", (error) => this.#end(error));
    outgoing.on("response", (incoming) => this.#receive(incoming));
    this.#unsent = bodyBytesOf(headers);
    if (this.#unsent === 0) {
      outgoing.end();
      return;
    }
    outgoing.on("drain", () => this.#offerWrite());
    // Node holds the head back until a body comes; the body is asked for once connected.
    outgoing.flushHeaders();
    outgoing.once("socket", (socket) => {
      if (socket.connecting) socket.once("connect", () => this.#offerWrite());
      else setImmediate(() => this.#offerWrite());
    });
  }

  read(into: Uint8Array): number | undefined;
  read(count?: number): ArrayBuffer | undefined;
  read(target?: Uint8Array | number): number | ArrayBuffer | undefined {
    if (this.#over) throw new Error("bad state");
    const available = this.#incoming?.readableLength ?? 0;
    const wanted = typeof target === "number" ? target : (target?.length ?? available);
    const count = Math.min(wanted, available);
    if (count === 0) return undefined;
    const incoming = this.#incoming;
    const bytes: Buffer | null = incoming?.read(count) ?? null;
    if (incoming === null || bytes === null) return undefined;
    // Node tells the end only to a reader that asks for more than there is.
    if (incoming.readableLength === 0) setImmediate(() => incoming.read(0));
    if (target instanceof Uint8Array) {
      target.set(bytes);
      return bytes.length;
    }
    return Uint8Array.from(bytes).buffer;
  }

  write(data: ArrayBuffer | Uint8Array | undefined): number {
    const outgoing = this.#outgoing;
    if (this.#over || outgoing === null || this.#unsent === 0) throw new Error("bad state");
    if (data === undefined) {
      if (this.#unsent !== Number.POSITIVE_INFINITY) throw new Error("bad data");
      this.#unsent = 0;
      outgoing.end();
      return 0;
    }
    if (data.byteLength > this.#writable || data.byteLength > this.#unsent) {
      throw new Error("too much");
    }
    this.#writable -= data.byteLength;
    this.#unsent -= data.byteLength;
    const bytes = new Uint8Array(data.byteLength);
    bytes.set(data instanceof Uint8Array ? data : new Uint8Array(data));
    const flowing = outgoing.write(bytes);
    if (this.#unsent === 0) outgoing.end();
    else if (flowing && this.#writable === 0) setImmediate(() => this.#offerWrite());
    return this.#writable;
  }

  /** Tells the caller; `HttpClient` decides when. */
  done(error: Error | null): void {
    this.#over = true;
    this.#options.onDone?.call(this, error);
  }

  /** Ends silently. */
  abandon(): void {
    this.#over = true;
    this.#outgoing?.destroy();
  }

  #offerWrite(): void {
    if (this.#over || this.#unsent === 0) return;
    this.#writable = writableBytes;
    this.#options.onWritable?.call(this, this.#writable);
  }

  #receive(incoming: IncomingMessage): void {
    if (this.#over) return;
    this.#incoming = incoming;
    const headers = headersOf(incoming);
    const status = incoming.statusCode ?? 0;
    const bounded =
      headers.has("content-length") ||
      headers.get("transfer-encoding")?.toLowerCase() === "chunked" ||
      this.#options.method === "HEAD" ||
      status === 204 ||
      status === 304;
    incoming.on("error", (error) => this.#end(error));
    incoming.on("close", () => this.#end(new Error("connection closed in the body")));
    const mask = this.#options.headersMask;
    const shown = [...headers].filter(([name]) => mask === undefined || mask.includes(name));
    this.#options.onHeaders?.call(this, status, new Map(shown));
    if (this.#over) return;
    incoming.on("readable", () => this.#offerRead(incoming));
    // Without a length a cut answer looks like one that ended: an error, as on the device.
    incoming.on("end", () => this.#end(bounded ? null : new Error("answer without a length")));
  }

  #offerRead(incoming: IncomingMessage): void {
    if (this.#over) return;
    const count = incoming.readableLength;
    if (count > 0) this.#options.onReadable?.call(this, count);
    // An empty stream reports its end only when it is read.
    else incoming.read();
  }

  #end(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    if (error !== null) this.#outgoing?.destroy();
    this.#finished(error);
  }
}

/** Length of a request's body by its headers; Infinity when it is chunked. */
function bodyBytesOf(headers: ReadonlyMap<string, string>): number {
  let length = 0;
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (lower === "transfer-encoding" && value.toLowerCase() === "chunked") {
      return Number.POSITIVE_INFINITY;
    }
    if (lower === "content-length") length = Number(value);
  }
  return length;
}

/** As the original: names in lower case, the last of equal names wins. */
function headersOf(incoming: IncomingMessage): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.set(incoming.rawHeaders[i].toLowerCase(), incoming.rawHeaders[i + 1]);
  }
  return headers;
}
