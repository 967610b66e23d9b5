/**
 * The ECMA-419 HTTP client over the board: bodies lie outside this machine. The head of an answer
 * comes through a socket and grows byte by byte in this heap, as in the SDK's client.
 */
import type { SocketClass, SocketOptions } from "../esp32/guards.js";
import type { ClientRequest, ClientRequestOptions, HttpClientInstance } from "../esp32/platform.js";
import { operations } from "./operations.js";

/** Requests that are open, by number: what the board's events refer to. */
export type OpenRequests = Map<number, BoardClient>;

export interface ClientOptions {
  readonly host: string;
  readonly port: number;
  /** What the guards make of `HeadSocket`; itself when there are none. */
  readonly socket?: { readonly io: SocketClass };
  onError?(error: unknown): void;
}

/** A connection, as far as the head of the answer. */
export class HeadSocket {
  readonly #onReadable: SocketOptions["onReadable"];
  #window = "";
  #taken = 0;

  constructor(options: SocketOptions) {
    this.#onReadable = options.onReadable;
  }

  /** A window of bytes arrived. */
  arrived(text: string): void {
    this.#window = text;
    this.#taken = 0;
    this.#onReadable?.call(this, text.length);
    this.#window = "";
  }

  read(): number {
    return this.#window.charCodeAt(this.#taken++);
  }

  close(): void {}
}

export class BoardClient implements HttpClientInstance, ClientRequest {
  readonly #id: number;
  readonly #open: OpenRequests;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly socket: HeadSocket;
  #options: ClientRequestOptions | null = null;
  #line = "";
  #status = -1;
  #headers: Map<string, string> | null = null;
  #hasHead = false;

  constructor(open: OpenRequests, options: ClientOptions) {
    this.#open = open;
    this.#onError = options.onError;
    this.#id = boardCall(operations.httpOpen, options.port, 0, options.host);
    open.set(this.#id, this);
    const Socket = options.socket?.io ?? HeadSocket;
    this.socket = new Socket({
      ...options.socket,
      onReadable: (count) => this.#readHead(count as number),
      onError: () => this.failed(),
    }) as HeadSocket;
  }

  request(options: ClientRequestOptions): ClientRequest {
    this.#options = options;
    let head = `${options.method}\n${options.path}`;
    for (const [name, value] of options.headers) head += `\n${name}: ${value}`;
    boardCall(operations.httpRequest, this.#id, 0, head);
    return this;
  }

  read(into: Uint8Array): number | undefined {
    const count = boardCall(operations.httpRead, this.#id, 0, undefined, into);
    return count < 0 ? undefined : count;
  }

  write(from: Uint8Array | undefined): number {
    return from === undefined ? 0 : boardCall(operations.httpWrite, this.#id, 0, from);
  }

  close(): void {
    this.#open.delete(this.#id);
    boardCall(operations.httpClose, this.#id, 0);
  }

  /** As deep on the stack as the SDK's client: the receiver is called from here. */
  #readHead(count: number): void {
    for (let i = 0; i < count; i++) {
      const code = this.socket.read();
      this.#line += String.fromCharCode(code);
      if (code === 10) this.#endLine();
    }
    const headers = this.#headers;
    if (!this.#hasHead || headers === null) return;
    this.#headers = null;
    this.#options?.onHeaders.call(this, this.#status, headers);
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = "";
    if (this.#status < 0) {
      const start = line.indexOf(" ") + 1;
      this.#status = Number.parseInt(line.slice(start, line.indexOf(" ", start)), 10);
      this.#headers = new Map();
    } else if (line === "\r\n") {
      this.#hasHead = true;
    } else {
      const colon = line.indexOf(":");
      this.#headers?.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
  }

  readable(countBytes: number): void {
    if (this.#hasHead) this.#options?.onReadable.call(this, countBytes);
  }

  writable(countBytes: number): void {
    this.#options?.onWritable?.call(this, countBytes);
  }

  /** Without a whole head the client waits on: nothing is done. */
  done(failed: boolean): void {
    if (!failed && !this.#hasHead) return;
    this.#options?.onDone.call(this, failed ? new Error("the exchange failed") : null);
  }

  failed(): void {
    this.#onError?.(undefined);
  }
}
