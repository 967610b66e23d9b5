/** The ECMA-419 HTTP client over the board: sockets and bodies lie outside this machine. */
import type { ClientRequest, ClientRequestOptions, HttpClientInstance } from "../esp32/platform.js";
import { operations } from "./operations.js";

/** Requests that are open, by number: what the board's events refer to. */
export type OpenRequests = Map<number, BoardClient>;

export interface ClientOptions {
  readonly host: string;
  readonly port: number;
  onError?(error: unknown): void;
}

export class BoardClient implements HttpClientInstance, ClientRequest {
  readonly #id: number;
  readonly #open: OpenRequests;
  readonly #onError: ((error: unknown) => void) | undefined;
  #options: ClientRequestOptions | null = null;

  constructor(open: OpenRequests, options: ClientOptions) {
    this.#open = open;
    this.#onError = options.onError;
    this.#id = boardCall(operations.httpOpen, options.port, 0, options.host);
    open.set(this.#id, this);
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

  headersReceived(status: number, text: string): void {
    const headers = new Map<string, string>();
    let start = 0;
    while (start < text.length) {
      let end = text.indexOf("\n", start);
      if (end < 0) end = text.length;
      const colon = text.indexOf(": ", start);
      headers.set(text.slice(start, colon), text.slice(colon + 2, end));
      start = end + 1;
    }
    this.#options?.onHeaders(status, headers);
  }

  readable(countBytes: number): void {
    this.#options?.onReadable(countBytes);
  }

  writable(countBytes: number): void {
    this.#options?.onWritable?.(countBytes);
  }

  done(failed: boolean): void {
    this.#options?.onDone(failed ? new Error("the exchange failed") : null);
  }

  failed(): void {
    this.#onError?.(undefined);
  }
}
