/**
 * The simulated network: requests go to a handler (the real update server's code) in virtual time,
 * over sockets with the habits of Moddable's, under the guarded client that a device runs: answers
 * come in window-sized pieces, a piece must be drained before the next one comes, nothing times
 * out, a body that ends early is an error, and callbacks stop at close.
 */
import type { ServerRequest, ServerResponse } from "../../src/server/handler.js";
import type { HttpClientClass } from "../esp32/platform.js";
import { GuardedNetwork } from "./guarded-network.js";
import type { WireAnswer } from "./moddable-habits.js";
import { wireAnswer } from "./moddable-wire.js";
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
  /** When the device read the last of them. */
  lastReadMs: number;
  /** The request body, for reports. */
  readonly sent: Uint8Array;
  readonly headers: ReadonlyMap<string, string>;
  /** Headers of the answer. */
  readonly answered: ReadonlyMap<string, string>;
}

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
  /** Since the network's plan began. */
  readonly atMs: number;
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
  /** Called for each request that finds its way to the server, and what is read of its answer. */
  readonly onRequest?: (record: WireRecord) => void;
  readonly onRead?: (record: WireRecord, bytes: number) => void;
  /** Virtual time that had passed when the world of this network began. */
  readonly beganMs?: number;
  /** The device's classes, where they outlive the network of one boot. */
  readonly device?: GuardedNetwork;
  /** Changes how an answer travels; called once per request that finds its way to the server. */
  readonly intercept?: (request: ServerRequest, delivery: Delivery, hostname: string) => void;
}

const noHeaders: ReadonlyMap<string, string> = new Map();

export class Network {
  readonly #world: World;
  readonly #options: NetworkOptions;
  readonly #device: GuardedNetwork;
  /** False: no connection can be made, and open ones break. */
  up = true;
  readonly records: WireRecord[] = [];

  constructor(world: World, options: NetworkOptions) {
    this.#world = world;
    this.#options = options;
    this.#device = options.device ?? new GuardedNetwork();
  }

  /**
   * Takes a request to the server and notes it; null when the network is down or the connection is
   * refused. Every host name leads to the one server, but those that no name server knows.
   */
  exchange(
    request: ServerRequest,
    hostname: string,
  ): { delivery: Delivery; record: WireRecord } | null {
    if (!this.up) return null;
    const atMs = this.#world.nowMs + (this.#options.beganMs ?? 0);
    const delivery = new Travel(this.#options.handler, request, atMs);
    this.#options.intercept?.(request, delivery, hostname);
    const record = {
      method: request.method,
      path: request.path,
      status: delivery.connects ? delivery.response.status : 0,
      hostname,
      atMs: this.#world.nowMs,
      bodyBytes: 0,
      lastReadMs: this.#world.nowMs,
      answered: delivery.connects ? delivery.response.headers : noHeaders,
      sent: request.body,
      headers: request.headers,
    };
    this.records.push(record);
    this.#options.onRequest?.(record);
    return delivery.connects ? { delivery, record } : null;
  }

  #answer(request: ServerRequest, hostname: string): WireAnswer | null {
    const exchange = this.exchange(request, hostname);
    if (exchange === null) return null;
    const { delivery, record } = exchange;
    return wireAnswer(delivery.response, delivery, (bytes) => {
      record.bodyBytes += bytes;
      record.lastReadMs = this.#world.nowMs;
      this.#options.onRead?.(record, bytes);
    });
  }

  /**
   * The HTTP client class of one boot. `run` wraps every callback: the board counts what escapes
   * and drops those of a boot that is over. `hasLink` is the device's own side of the network.
   */
  clientClass(run: (callback: () => void) => void, hasLink: () => boolean): HttpClientClass {
    return this.#device.clientClass({
      world: this.#world,
      run,
      hasLink: () => this.up && hasLink(),
      server: (request, hostname) => this.#answer(request, hostname),
    });
  }
}

class Travel implements Delivery {
  readonly #handler: (request: ServerRequest) => ServerResponse;
  readonly #request: ServerRequest;
  readonly atMs: number;
  #response: ServerResponse | null = null;
  connects = true;
  latencyMs = 20;
  breaksBeforeHeaders = false;
  bytesPerMs = 100;
  pieceBytesMax = Number.POSITIVE_INFINITY;
  breakAfterBytes = Number.POSITIVE_INFINITY;
  stallAfterBytes = Number.POSITIVE_INFINITY;

  constructor(
    handler: (request: ServerRequest) => ServerResponse,
    request: ServerRequest,
    atMs: number,
  ) {
    this.#handler = handler;
    this.#request = request;
    this.atMs = atMs;
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
