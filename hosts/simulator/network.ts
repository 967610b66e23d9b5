/**
 * The simulated network: requests go to a handler (the real update server's code) in virtual time.
 * Offers the ECMA-419 HTTP client class with the habits of Moddable's: answers
 * come in window-sized pieces, a piece must be drained before the next one comes, nothing times
 * out, a body that ends early is an error, and callbacks stop at close.
 */

import type { Body } from "../../src/server/body.js";
import type { ServerRequest, ServerResponse } from "../../src/server/handler.js";
import type {
  ClientRequest,
  ClientRequestOptions,
  HttpClientClass,
  HttpClientInstance,
} from "../esp32/platform.js";
import type { World } from "./world.js";

/** What one exchange looked like from outside, for checkers and timelines. */
export interface WireRecord {
  readonly method: string;
  readonly path: string;
  /** 0 when the connection was refused. */
  readonly status: number;
  readonly hostname: string;
  readonly atMs: number;
  bodyBytes: number;
  /** The request body, for reports. */
  readonly sent: Uint8Array;
  readonly headers: ReadonlyMap<string, string>;
}

/** Hosts that no name server knows (RFC 6761 6.4). */
const unresolvedSuffix = ".invalid";

/** The path of a request without what a redirect added. */
export function withoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}

/** How an answer travels. A fault plan changes these per exchange. */
export interface Delivery {
  /** The server's answer, or what arrives instead. The server is asked when this is first read. */
  response: ServerResponse;
  /** False: the connection is refused, and a server that was not asked yet never is. */
  connects: boolean;
  /** Before the headers arrive; Infinity when they never do. */
  latencyMs: number;
  /** True: the connection breaks after `latencyMs`, in place of the headers. */
  breaksBeforeHeaders: boolean;
  /** The server's answer to another request; has its effects on the server. */
  ask(request: ServerRequest): ServerResponse;
  /** Payload bytes per virtual millisecond. */
  bytesPerMs: number;
  /** Most bytes that arrive at once; never more than the receive window. */
  pieceBytesMax: number;
  /** Bytes after which the connection breaks; Infinity when it does not. */
  breakAfterBytes: number;
  /** Bytes after which nothing more comes though the connection stays open. */
  stallAfterBytes: number;
}

export interface NetworkOptions {
  readonly handler: (request: ServerRequest) => ServerResponse;
  /** Receive window in bytes; 8192 as on ESP32 with Moddable. */
  readonly windowBytes?: number;
  /** Changes how an answer travels; called once per request that finds its way to the server. */
  readonly intercept?: (request: ServerRequest, delivery: Delivery, hostname: string) => void;
}

export class Network {
  readonly #world: World;
  readonly #options: NetworkOptions;
  /** False: no connection can be made, and open ones break. */
  up = true;
  readonly records: WireRecord[] = [];

  constructor(world: World, options: NetworkOptions) {
    this.#world = world;
    this.#options = options;
  }

  get world(): World {
    return this.#world;
  }

  get windowBytes(): number {
    return this.#options.windowBytes ?? 8192;
  }

  /**
   * Takes a request to the server and notes it; null when the network is down or the connection is
   * refused. Every host name leads to the one server, but those that end in ".invalid".
   */
  exchange(
    request: ServerRequest,
    hostname: string,
  ): { delivery: Delivery; record: WireRecord } | null {
    if (!this.up || hostname.endsWith(unresolvedSuffix)) return null;
    const delivery = new Travel(this.#options.handler, request);
    this.#options.intercept?.(request, delivery, hostname);
    const record = {
      method: request.method,
      path: request.path,
      status: delivery.connects ? delivery.response.status : 0,
      hostname,
      atMs: this.#world.nowMs,
      bodyBytes: 0,
      sent: request.body,
      headers: request.headers,
    };
    this.records.push(record);
    return delivery.connects ? { delivery, record } : null;
  }

  /**
   * The HTTP client class of one boot. `run` wraps every callback (the board counts what escapes);
   * `isAlive` turns false when the boot ends; `hasLink` is the device's own side of the network.
   */
  clientClass(
    run: (callback: () => void) => void,
    isAlive: () => boolean,
    hasLink: () => boolean,
  ): HttpClientClass {
    const network = this;
    return class SimulatedHttpClient implements HttpClientInstance {
      readonly #host: string;
      readonly #onError: ((error: unknown) => void) | undefined;
      #request: SimulatedRequest | null = null;

      constructor(options: {
        readonly host: string;
        readonly port: number;
        onError?(error: unknown): void;
      }) {
        this.#host = options.host;
        this.#onError = options.onError;
      }

      request(options: ClientRequestOptions): ClientRequest {
        if (this.#request !== null) throw new Error("one request per simulated client");
        const later = (delayMs: number, callback: () => void): void => {
          network.world.after(delayMs, () => {
            if (isAlive() && this.#request !== null) run(callback);
          });
        };
        this.#request = new SimulatedRequest(
          network,
          this.#host,
          options,
          later,
          hasLink,
          (error) => this.#onError?.(error),
        );
        this.#request.start();
        return this.#request;
      }

      close(): void {
        this.#request = null;
      }
    };
  }
}

class Travel implements Delivery {
  readonly #handler: (request: ServerRequest) => ServerResponse;
  readonly #request: ServerRequest;
  #response: ServerResponse | null = null;
  connects = true;
  latencyMs = 20;
  breaksBeforeHeaders = false;
  bytesPerMs = 100;
  pieceBytesMax = Number.POSITIVE_INFINITY;
  breakAfterBytes = Number.POSITIVE_INFINITY;
  stallAfterBytes = Number.POSITIVE_INFINITY;

  constructor(handler: (request: ServerRequest) => ServerResponse, request: ServerRequest) {
    this.#handler = handler;
    this.#request = request;
  }

  get response(): ServerResponse {
    this.#response ??= this.#handler(this.#request);
    return this.#response;
  }

  set response(response: ServerResponse) {
    this.#response = response;
  }

  ask(request: ServerRequest): ServerResponse {
    return this.#handler(request);
  }
}

class SimulatedRequest implements ClientRequest {
  readonly #network: Network;
  readonly #hostname: string;
  readonly #options: ClientRequestOptions;
  readonly #later: (delayMs: number, callback: () => void) => void;
  readonly #hasLink: () => boolean;
  readonly #onError: (error: unknown) => void;
  readonly #sent: Uint8Array[] = [];
  #sentBytes = 0;
  #body: Body | null = null;
  #delivery: Delivery | null = null;
  #record: WireRecord | null = null;
  #offset = 0;
  /** Bytes in the window that were announced and not read yet. */
  #window = 0;
  #over = false;

  constructor(
    network: Network,
    hostname: string,
    options: ClientRequestOptions,
    later: (delayMs: number, callback: () => void) => void,
    hasLink: () => boolean,
    onError: (error: unknown) => void,
  ) {
    this.#network = network;
    this.#hostname = hostname;
    this.#options = options;
    this.#later = later;
    this.#hasLink = hasLink;
    this.#onError = onError;
  }

  start(): void {
    const length = Number(this.#options.headers.get("content-length") ?? "0");
    this.#later(5, () => {
      if (length > 0) this.#options.onWritable?.call(this, length);
      this.#send(length);
    });
  }

  #send(length: number): void {
    if (!this.#hasLink()) return this.#later(1000, () => this.#fail());
    if (this.#sentBytes !== length) return this.#later(1000, () => this.#fail());
    const body = new Uint8Array(length);
    let offset = 0;
    for (const part of this.#sent) {
      body.set(part, offset);
      offset += part.length;
    }
    const { method, path, headers } = this.#options;
    const exchange = this.#network.exchange({ method, path, headers, body }, this.#hostname);
    if (exchange === null) return this.#later(1000, () => this.#fail());
    this.#delivery = exchange.delivery;
    this.#record = exchange.record;
    this.#body = exchange.delivery.response.body;
    const { latencyMs, response } = exchange.delivery;
    if (latencyMs === Number.POSITIVE_INFINITY) return;
    this.#later(latencyMs, () => {
      if (exchange.delivery.breaksBeforeHeaders) return this.#fail();
      this.#options.onHeaders.call(this, response.status, response.headers);
      this.#next();
    });
  }

  /** Brings the next piece once the window is empty. */
  #next(): void {
    const body = this.#body;
    const delivery = this.#delivery;
    if (body === null || delivery === null || this.#over) return;
    if (this.#offset >= body.lengthBytes) {
      this.#later(0, () => {
        this.#over = true;
        this.#options.onDone.call(this, null);
      });
      return;
    }
    if (this.#offset >= delivery.stallAfterBytes) return;
    if (this.#offset >= delivery.breakAfterBytes || !this.#network.up || !this.#hasLink()) {
      this.#later(0, () => this.#fail());
      return;
    }
    const limit = Math.min(body.lengthBytes, delivery.breakAfterBytes, delivery.stallAfterBytes);
    const piece = Math.min(this.#network.windowBytes, delivery.pieceBytesMax, limit - this.#offset);
    this.#later(piece / delivery.bytesPerMs, () => {
      if (!this.#network.up || !this.#hasLink()) return this.#fail();
      this.#window = piece;
      this.#options.onReadable.call(this, piece);
    });
  }

  #fail(): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onDone.call(this, new Error(""));
    this.#onError(undefined);
  }

  read(into: Uint8Array): number | undefined {
    if (this.#body === null || this.#window === 0) return undefined;
    const length = Math.min(into.length, this.#window);
    const got = this.#body.read(this.#offset, into, 0, length);
    this.#offset += got;
    this.#window -= got;
    if (this.#record !== null) this.#record.bodyBytes += got;
    if (this.#window === 0) this.#next();
    return got;
  }

  write(from: Uint8Array | undefined): number {
    if (from === undefined) return 0;
    this.#sent.push(from.slice());
    this.#sentBytes += from.length;
    return 0;
  }
}
