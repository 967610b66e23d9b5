/**
 * Sockets, resolver and timers of a device with the habits of Moddable's own: bytes
 * arrive through callbacks of the engine, so what escapes one aborts the machine, and a socket says
 * only once that bytes can be read. The HTTP client over them is in moddable-http.ts.
 */
import type { Body } from "../../src/server/body.js";
import type { ServerRequest } from "../../src/server/handler.js";
import type { NetModule, ResolverClass } from "../esp32/guards.js";
import type { TimerModule } from "../esp32/platform.js";
import { HabitSocket, refusalMs } from "./moddable-socket.js";
import type { World, WorldEvent } from "./world.js";

/** How the bytes of an answer travel. */
export interface Travel {
  /** Before the first byte arrives; Infinity when none ever does. */
  readonly latencyMs: number;
  /** True: the connection breaks in place of the first byte. */
  readonly breaksBeforeHeaders: boolean;
  readonly bytesPerMs: number;
  /** Most bytes of the body that arrive at once; never more than the receive window. */
  readonly pieceBytesMax: number;
  /** Bytes of the body after which the connection breaks, or falls silent. */
  readonly breakAfterBytes: number;
  readonly stallAfterBytes: number;
}

/** What comes back on the wire. */
export interface WireAnswer {
  /** Status line and headers as text, one character a byte; else `bytes` has all of the answer. */
  readonly head?: string;
  readonly bytes?: Uint8Array;
  readonly body?: Body;
  /** The server closes the connection after the last byte. */
  readonly closes: boolean;
  /** Bytes of the first window, when it is not full. */
  readonly firstBytes?: number;
  readonly travel?: Travel;
  /** Called for the bytes of the body that the device has read. */
  readonly onRead?: (bytes: number) => void;
}

/** One boot's view of the world. */
export interface HabitOptions {
  readonly world: World;
  /**
   * Runs a callback of the engine, unless the boot is over; an exception that escapes it aborts the
   * machine.
   */
  readonly run: (callback: () => void) => void;
  /** The device's own side of the network; default: it is up. */
  readonly hasLink?: () => boolean;
  /** Null: the connection is refused. */
  readonly server: (request: ServerRequest, hostname: string) => WireAnswer | null;
  /** What a new connection meets; default "open". */
  readonly meets?: () => "open" | "refusal" | "silence";
  /** Name look-ups at the same time; one more throws. Default 4. */
  readonly lookUpsMax?: number;
}

/** Of a TCP socket the callbacks have it for their `this`, as tcp.c calls them. */
export interface HabitSocketOptions {
  readonly address?: string;
  onReadable?(this: unknown, count: number): void;
  onWritable?(this: unknown, count: number): void;
  onError?(this: unknown, error?: unknown): void;
}

/** A socket of the engine. */
export interface HabitStream {
  /** Up to `count` bytes that have arrived. */
  read(count: number): Uint8Array;
  /** The next byte (format "number"). */
  read(): number;
  write(bytes: Uint8Array): void;
  /**
   * The head of a request, as a socket that needs no bytes of it takes it: text that is only
   * written to be parsed again costs a sweep a tenth of its time.
   */
  writeHead?(method: string, path: string, headers: ReadonlyMap<string, string>): void;
  close(): void;
}
export type HabitSocketClass = new (options: HabitSocketOptions) => HabitStream;

const lookUpMs = 30;
/** Names that no name server knows: RFC 6761 6.4. */
function isUnknown(name: string): boolean {
  return name.endsWith(".invalid") || name === "nowhere.example.com";
}

export class ModdableHabits {
  #options: HabitOptions;
  /** Sockets that are open now. */
  openSockets = 0;
  /** The most bytes that were read from one TCP socket. */
  takenBytesMost = 0;
  #lookUps = 0;
  /** Names by the last byte of the address that they were resolved to. */
  readonly #names: string[] = [];

  constructor(options: HabitOptions) {
    this.#options = options;
  }

  /** The next boot: what is left of the one before calls nobody any more. */
  begin(options: HabitOptions): void {
    this.#options = options;
    this.openSockets = 0;
    this.#lookUps = 0;
  }

  /** Calls back from the engine, unless the boot is over by then. */
  later(delayMs: number, callback: () => void): WorldEvent {
    const { world, run } = this.#options;
    return world.after(delayMs, () => run(callback));
  }

  cancel(event: WorldEvent): void {
    this.#options.world.cancel(event);
  }

  get hasLink(): boolean {
    return this.#options.hasLink?.() ?? true;
  }

  answer(request: ServerRequest, address: string): WireAnswer | null {
    const name = this.#names[Number(address.slice(address.lastIndexOf(".") + 1))];
    return this.#options.server(request, name ?? address);
  }

  /** What the next connection meets. */
  meets(): "open" | "refusal" | "silence" {
    return this.#options.meets?.() ?? "open";
  }

  get timer(): TimerModule {
    return {
      set: (callback, delayMs) => this.later(delayMs, callback),
      clear: (event) => this.cancel(event as WorldEvent),
    };
  }

  /** Module "net". */
  get net(): NetModule {
    return {
      resolve: (name, callback) => {
        if (this.#lookUps >= (this.#options.lookUpsMax ?? 4)) throw new Error("queue full");
        this.#lookUps++;
        this.later(this.hasLink ? lookUpMs : refusalMs, () => {
          this.#lookUps--;
          if (!this.hasLink || isUnknown(name)) callback(name);
          else callback(name, this.#addressOf(name));
        });
      },
    };
  }

  /** An address of TEST-NET-1 (RFC 5737). */
  #addressOf(name: string): string {
    let index = this.#names.indexOf(name);
    if (index < 0) index = this.#names.push(name) - 1;
    return `192.0.2.${index}`;
  }

  /** A resolver as the SDK has them: it knows nothing of the client's end. */
  get plainResolver(): ResolverClass {
    const { net } = this;
    return class PlainResolver {
      resolve(options: { host: string; onResolved(host: string, address: string): void }): void {
        net.resolve(options.host, (_name, address) =>
          options.onResolved(options.host, address ?? ""),
        );
      }
    };
  }

  /** `embedded:io/socket/tcp`, connected to the server of the options. */
  socketClass(): HabitSocketClass {
    const habits = this;
    return class extends HabitSocket {
      constructor(options: HabitSocketOptions) {
        super(habits, options);
      }
    };
  }
}
