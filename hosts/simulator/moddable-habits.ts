/**
 * Socket and resolver of one boot with the habits of Moddable's own: bytes
 * arrive through callbacks of the engine, so what escapes one aborts the machine, and a socket says
 * only once that bytes can be read. The HTTP client over them is in moddable-http.ts.
 */
import type { ServerRequest } from "../../src/server/handler.js";
import type { NetModule, ResolverClass } from "../esp32/guards.js";
import type { TimerModule } from "../esp32/platform.js";
import { parseRequest } from "./moddable-wire.js";
import type { World, WorldEvent } from "./world.js";

/** What comes back on the wire. */
export interface WireAnswer {
  readonly bytes: Uint8Array;
  /** The server closes the connection after the last byte. */
  readonly closes: boolean;
  /** Bytes of the first window, when it is not full. */
  readonly firstBytes?: number;
}

/** One boot's view of the world. */
export interface HabitOptions {
  readonly world: World;
  /** Runs a callback of the engine; an exception that escapes it aborts the machine. */
  readonly run: (callback: () => void) => void;
  readonly isAlive: () => boolean;
  readonly server: (request: ServerRequest) => WireAnswer;
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
  close(): void;
}
export type HabitSocketClass = new (options: HabitSocketOptions) => HabitStream;
export interface HabitTlsOptions extends HabitSocketOptions {
  readonly TCP: { readonly io: HabitSocketClass };
}
export type HabitTlsClass = new (options: HabitTlsOptions) => HabitStream;

/** The most that arrives at once: lwIP's window on ESP32 (CONFIG_LWIP_TCP_WND_DEFAULT). */
export const windowBytes = 5744;
const lookUpMs = 30;
/** Bytes of one TLS record. */
const recordBytes = 700;

export class ModdableHabits {
  readonly #options: HabitOptions;
  /** Sockets that are open now. */
  openSockets = 0;
  /** The most bytes that were read from one TCP socket. */
  takenBytesMost = 0;
  #lookUps = 0;

  constructor(options: HabitOptions) {
    this.#options = options;
  }

  /** Calls back from the engine, unless the boot is over by then. */
  later(delayMs: number, callback: () => void): WorldEvent {
    const { world, run, isAlive } = this.#options;
    return world.after(delayMs, () => {
      if (isAlive()) run(callback);
    });
  }

  cancel(event: WorldEvent): void {
    this.#options.world.cancel(event);
  }

  answer(request: ServerRequest): WireAnswer {
    return this.#options.server(request);
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
        this.later(lookUpMs, () => {
          this.#lookUps--;
          if (name === "nowhere.example.com") callback(name);
          else callback(name, "192.0.2.1");
        });
      },
    };
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
    return class HabitSocket implements HabitStream {
      readonly #callbacks: HabitSocketOptions;
      readonly #sent: Uint8Array[] = [];
      #received = new Uint8Array(0);
      #arrived = 0;
      #taken = 0;
      #firstBytes = windowBytes;
      #isOpen = true;
      #closes = false;

      constructor(options: HabitSocketOptions) {
        this.#callbacks = options;
        habits.openSockets++;
        const meets = habits.#options.meets?.() ?? "open";
        habits.later(10, () => {
          if (!this.#isOpen || meets === "silence") return;
          if (meets === "refusal") options.onError?.call(this);
          else options.onWritable?.call(this, windowBytes);
        });
      }

      read(count: number): Uint8Array;
      read(): number;
      read(count?: number): Uint8Array | number {
        return count === undefined ? this.#take(1)[0] : this.#take(count);
      }

      #take(count: number): Uint8Array {
        const end = Math.min(this.#taken + count, this.#arrived);
        const bytes = this.#received.subarray(this.#taken, end);
        this.#taken = end;
        habits.takenBytesMost = Math.max(habits.takenBytesMost, end);
        if (this.#taken === this.#arrived) this.#arrive();
        return bytes;
      }

      write(bytes: Uint8Array): void {
        this.#sent.push(bytes.slice());
        const request = parseRequest(this.#sent);
        if (request === null) return;
        const answer = habits.answer(request);
        this.#received = answer.bytes.slice();
        habits.later(20, () => this.#arrive());
        this.#closes = answer.closes;
        this.#firstBytes = answer.firstBytes ?? windowBytes;
      }

      close(): void {
        if (!this.#isOpen) return;
        this.#isOpen = false;
        habits.openSockets--;
      }

      /** The window opens again only when all of it was read. */
      #arrive(): void {
        const left = this.#received.length - this.#arrived;
        if (!this.#isOpen) return;
        if (left === 0) {
          if (this.#closes)
            habits.later(1, () => this.#isOpen && this.#callbacks.onError?.call(this));
          return;
        }
        const piece = Math.min(this.#arrived === 0 ? this.#firstBytes : windowBytes, left);
        habits.later(piece / 100, () => {
          if (!this.#isOpen) return;
          this.#arrived += piece;
          this.#callbacks.onReadable?.call(this, this.#arrived - this.#taken);
        });
      }
    };
  }

  /**
   * A TLS socket over the TCP class of its options, without the cryptography. As
   * embedded:io/socket/tcp/tls it throws where the peer or a record cannot be trusted, out of the
   * callback that read it; and out of a timer of its own when a record was read and more bytes
   * wait. `isUntrusted` is asked once per connection, `isDamaged` once per record, from 0. Where
   * the clock is not set its constructor throws.
   */
  tlsClass(
    isUntrusted: () => boolean,
    isDamaged: (record: number) => boolean,
    isClockSet: () => boolean = () => true,
  ): HabitTlsClass {
    const habits = this;
    return class HabitTls implements HabitStream {
      readonly #options: HabitTlsOptions;
      readonly #socket: HabitStream & { readable?: number };
      #data: Uint8Array = new Uint8Array(0);
      #records = 0;
      #doRead: WorldEvent | null = null;

      constructor(options: HabitTlsOptions) {
        if (!isClockSet()) throw new Error("date validation failed");
        const fails = isUntrusted();
        this.#options = options;
        this.#socket = new options.TCP.io({
          ...options,
          onReadable: (count) => this.#onReadable(count),
          onWritable: (count) => {
            if (fails) throw new Error("bad certificate");
            options.onWritable?.(count);
          },
        });
        this.#socket.readable = 0;
      }

      #onReadable(count: number): void {
        const socket = this.#socket;
        socket.readable = count;
        if (this.#data.length > 0) return;
        const record = socket.read(Math.min(recordBytes, count));
        socket.readable -= record.length;
        if (isDamaged(this.#records++)) throw new Error("bad record MAC");
        this.#data = record;
        this.#options.onReadable?.(record.length);
      }

      read(count: number): Uint8Array;
      read(): number;
      read(count?: number): Uint8Array | number {
        return count === undefined ? this.#take(1)[0] : this.#take(count);
      }

      #take(count: number): Uint8Array {
        const bytes = this.#data.subarray(0, count);
        this.#data = this.#data.subarray(bytes.length);
        const socket = this.#socket;
        if (this.#data.length === 0 && (socket.readable ?? 0) > 0) {
          this.#doRead ??= habits.later(0, () => {
            this.#doRead = null;
            if ((socket.readable ?? 0) > 0) this.#onReadable(socket.readable ?? 0);
          });
        }
        return bytes;
      }

      write(bytes: Uint8Array): void {
        this.#socket.write(bytes);
      }

      close(): void {
        if (this.#doRead !== null) habits.cancel(this.#doRead);
        this.#socket.close();
      }
    };
  }
}
