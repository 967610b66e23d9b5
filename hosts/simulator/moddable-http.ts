/**
 * The HTTP client with the habits of Moddable's own (SDK 8.2.3): it throws on a garbage status line
 * and, from a timer, on a chunk's trailer; takes a header without a value for the end of the head;
 * waits for ever where an answer has no length; throws when it is read after the end; reports a
 * broken connection twice; and opens a socket even when the name is resolved after its `close`.
 */
import { asciiBytes } from "../../src/bytes.js";
import type { ResolverClass, SdkHttpClientClass } from "../esp32/guards.js";
import type { ClientRequest, ClientRequestOptions, HttpClientInstance } from "../esp32/platform.js";
import type { HabitSocketClass, HabitStream, ModdableHabits } from "./moddable-habits.js";

/** `embedded:network/http/client`. */
export function habitClient(habits: ModdableHabits): SdkHttpClientClass {
  return class HabitClient implements HttpClientInstance {
    readonly #onError: ((error: unknown) => void) | undefined;
    #socket: HabitStream | null = null;
    #request: HabitRequest | null = null;

    constructor(options: {
      readonly host: string;
      readonly socket: object;
      readonly dns: object;
      onError?(error: unknown): void;
    }) {
      this.#onError = options.onError;
      const { io } = options.socket as { io: HabitSocketClass };
      const dns = options.dns as { io: ResolverClass; gate: never };
      new dns.io(dns).resolve({
        host: options.host,
        onResolved: (_host, address) => {
          try {
            // Also after close: the zombie.
            this.#socket = new io({
              ...options.socket,
              address,
              onReadable: (count) => this.#request?.received(count),
              onWritable: () => {
                if (this.#socket !== null) this.#request?.send(this.#socket);
              },
              // What the socket says is dropped.
              onError: () => this.#failed(undefined),
            });
          } catch (error) {
            this.#failed(error);
          }
        },
        onError: (error) => this.#failed(error),
      });
    }

    request(options: ClientRequestOptions): ClientRequest {
      const later = (callback: () => void): void => {
        habits.later(0, callback);
      };
      this.#request = new HabitRequest(options, later, () => this.#failed(undefined));
      return this.#request;
    }

    close(): void {
      this.#socket?.close();
      this.#socket = null;
      this.#request?.end();
      this.#request = null;
    }

    /** The error is told twice: to the request, then to the client. */
    #failed(error: unknown): void {
      const request = this.#request;
      this.#request = null;
      request?.failed();
      this.#onError?.(error);
      this.close();
    }
  };
}

class HabitRequest implements ClientRequest {
  readonly #options: ClientRequestOptions;
  readonly #later: (callback: () => void) => void;
  readonly #fail: () => void;
  #stream: HabitStream | null = null;
  #state: "head" | "body" | "trailer" | "over" = "head";
  readonly #head: string[] = [];
  /** Bytes of the line of the head that is being read. */
  #codes: number[] = [];
  /** What is left of the chunk, or -1 in an answer without chunks. */
  #chunk = -1;
  #line = "";
  #remaining = Number.POSITIVE_INFINITY;
  #readable = 0;

  constructor(
    options: ClientRequestOptions,
    later: (callback: () => void) => void,
    fail: () => void,
  ) {
    this.#options = options;
    this.#later = later;
    this.#fail = fail;
  }

  send(stream: HabitStream): void {
    if (this.#stream !== null) return;
    this.#stream = stream;
    const { method, path, headers } = this.#options;
    if (stream.writeHead !== undefined) stream.writeHead(method, path, headers);
    else {
      let text = `${method} ${path} HTTP/1.1\r\n`;
      for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
      stream.write(asciiBytes(`${text}\r\n`));
    }
    const length = Number(headers.get("content-length") ?? "0");
    if (length > 0) this.#options.onWritable?.call(this, length);
  }

  write(from: Uint8Array | undefined): number {
    if (from !== undefined) this.#stream?.write(from);
    return 0;
  }

  /** `count` bytes can be read from the socket. */
  received(count: number): void {
    const stream = this.#stream;
    if (stream === null) return;
    this.#readable = count;
    while (this.#state === "head" && this.#readable > 0) {
      this.#readable--;
      const byte = stream.read();
      const codes = this.#codes;
      codes.push(byte);
      if (byte !== 10 || codes[codes.length - 2] !== 13) continue;
      const line = String.fromCharCode(...codes);
      this.#codes = [];
      // A header without a value is taken for the end, too.
      const isEmpty = line.length === 2 || line.indexOf(":") === line.length - 3;
      if (this.#head.length > 0 && isEmpty) this.#headers();
      else this.#head.push(line);
      if (!this.#head[0].includes(" ")) {
        this.#fail();
        // The client goes on with the socket that `fail` has just taken away.
        if (this.#readable > 0) throw new TypeError("cannot coerce undefined to object");
      }
    }
    if (this.#chunk >= 0) return this.#chunks(stream);
    if (this.#state !== "body" || this.#readable === 0) return;
    this.#options.onReadable.call(this, Math.min(this.#readable, this.#remaining));
  }

  /** Goes on up to bytes that the receiver may read, byte by byte. */
  #chunks(stream: HabitStream): void {
    while (this.#readable > 0 && this.#state !== "over") {
      if (this.#chunk > 0) {
        this.#options.onReadable.call(this, Math.min(this.#readable, this.#chunk));
        return;
      }
      this.#readable--;
      this.#line += String.fromCharCode(stream.read());
      if (!this.#line.endsWith("\r\n")) continue;
      const line = this.#line;
      this.#line = "";
      if (this.#state === "trailer") {
        if (line !== "\r\n") throw new Error();
        this.#done();
      } else if (line !== "\r\n") {
        this.#chunk = Number.parseInt(line, 16);
        if (this.#chunk === 0) this.#state = "trailer";
      }
    }
  }

  #headers(): void {
    const status = Number(this.#head[0].split(" ")[1]);
    const headers = new Map<string, string>();
    for (const line of this.#head.slice(1)) {
      const colon = line.indexOf(":");
      if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    this.#state = "body";
    const length = headers.get("content-length");
    if (status === 204 || status === 205) this.#remaining = 0;
    else if (headers.get("transfer-encoding") === "chunked") this.#chunk = 0;
    else if (length !== undefined) this.#remaining = Number(length);
    this.#options.onHeaders.call(this, status, headers);
    if (this.#remaining === 0 && this.#stream !== null) this.#done();
  }

  read(into: Uint8Array): number | undefined {
    const stream = this.#stream;
    if (stream === null) throw new TypeError("read after the end");
    if (this.#state !== "body") return undefined;
    const limit = this.#chunk >= 0 ? this.#chunk : this.#remaining;
    const count = Math.min(into.length, this.#readable, limit);
    into.set(stream.read(count));
    this.#readable -= count;
    if (this.#chunk >= 0) {
      this.#chunk -= count;
      if (this.#chunk === 0 && this.#readable > 0) this.#later(() => this.#chunks(stream));
      return count;
    }
    this.#remaining -= count;
    if (this.#remaining === 0) this.#later(() => this.#done());
    return count;
  }

  #done(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    // The client moves on to its next request; this one cannot be read any more.
    this.#stream = null;
    this.#options.onDone.call(this, null);
  }

  failed(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#options.onDone.call(this, new Error(""));
  }

  end(): void {
    this.#state = "over";
    this.#stream = null;
  }
}
