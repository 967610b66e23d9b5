/**
 * The ECMA-419 HTTP client over the board. As in the SDK's client an answer comes through a socket,
 * its head byte by byte, and that grows in this heap; bodies lie outside this machine.
 */
import type { SocketClass, SocketOptions } from "../esp32/guards.js";
import type { ClientRequest, ClientRequestOptions, HttpClientInstance } from "../esp32/platform.js";
import { operations } from "./operations.js";

/** Requests that are open, by number: what the board's events refer to. */
export type OpenRequests = Map<number, BoardClient>;

export interface ClientOptions {
  readonly host: string;
  readonly port: number;
  /** What the guards make of `BoardSocket`; itself when there are none. */
  readonly socket?: { readonly io: SocketClass };
  onError?(error: unknown): void;
}

interface BoardSocketOptions extends SocketOptions {
  /** Number of the request. */
  readonly id: number;
}

/** The connection of one request. */
export class BoardSocket {
  readonly #id: number;
  readonly #onReadable: SocketOptions["onReadable"];
  #window = "";
  #taken = 0;

  constructor(options: SocketOptions) {
    this.#id = (options as BoardSocketOptions).id;
    this.#onReadable = options.onReadable;
  }

  /** A window of the head arrived. */
  headArrived(text: string): void {
    this.#window = text;
    this.#taken = 0;
    this.readable(text.length);
    this.#window = "";
  }

  /** `countBytes` of the body can be read. */
  readable(countBytes: number): void {
    this.#onReadable?.call(this, countBytes);
  }

  /** A byte of the head, or bytes of the body. */
  read(into?: unknown): number {
    if (into === undefined) return this.#window.charCodeAt(this.#taken++);
    return boardCall(operations.httpRead, this.#id, 0, undefined, into as Uint8Array);
  }

  close(): void {}
}

export class BoardClient implements HttpClientInstance, ClientRequest {
  readonly #id: number;
  readonly #open: OpenRequests;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly socket: BoardSocket;
  #options: ClientRequestOptions | null = null;
  #line = "";
  /** Of the header whose value is being read. */
  #name = "";
  #status = -1;
  #headers: Map<string, string> | null = null;
  #hasHead = false;

  constructor(open: OpenRequests, options: ClientOptions) {
    this.#open = open;
    this.#onError = options.onError;
    const id = boardCall(operations.httpOpen, options.port, 0, options.host);
    this.#id = id;
    open.set(id, this);
    const Socket = options.socket?.io ?? BoardSocket;
    const socketOptions: BoardSocketOptions = {
      ...options.socket,
      id,
      onReadable: (count) => this.#readable(count as number),
      onError: () => this.failed(),
    };
    this.socket = new Socket(socketOptions) as BoardSocket;
    // The board looks up and connects: for the guards that is done.
    const gate = (socketOptions as SocketOptions).gate;
    if (gate !== undefined) gate.phase = "answer";
  }

  request(options: ClientRequestOptions): ClientRequest {
    this.#options = options;
    let head = `${options.method}\n${options.path}`;
    for (const [name, value] of options.headers) head += `\n${name}: ${value}`;
    boardCall(operations.httpRequest, this.#id, 0, head);
    return this;
  }

  read(into: Uint8Array): number | undefined {
    const count = this.socket.read(into);
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
  #readable(count: number): void {
    if (this.#hasHead) return this.#options?.onReadable.call(this, count);
    for (let i = 0; i < count; i++) {
      const code = this.socket.read();
      if (code === 58 && this.#status >= 0 && this.#name === "") {
        this.#name = this.#line.toLowerCase();
        this.#line = "";
        continue;
      }
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
    const name = this.#name;
    this.#line = this.#name = "";
    if (this.#status < 0) {
      const start = line.indexOf(" ") + 1;
      this.#status = Number.parseInt(line.slice(start, line.indexOf(" ", start)), 10);
      this.#headers = new Map();
    } else if (line === "\r\n") {
      // Also after a name: the SDK's client takes a header without a value for the end.
      this.#hasHead = true;
    } else {
      this.#headers?.set(name, line.trim());
    }
  }

  readable(countBytes: number): void {
    if (this.#hasHead) this.socket.readable(countBytes);
  }

  writable(countBytes: number): void {
    this.#options?.onWritable?.call(this, countBytes);
  }

  /** Without a whole head the client waits on: nothing is done. */
  done(failed: boolean): void {
    if (!failed && !this.#hasHead) return;
    this.#options?.onDone.call(this, failed ? new Error("") : null);
  }

  failed(): void {
    this.#onError?.(undefined);
  }
}
