/**
 * Guards around the SDK's network classes. An exception that escapes a callback called from C
 * aborts XS, which on ESP32 restarts the chip. The SDK's clients let several escape: on a garbage
 * status line, on every TLS failure, and when a name resolves after `close`. Here each becomes
 * `onError` on that connection, or is dropped when the connection is closed. And its HTTP client
 * keeps status line and headers in RAM, however long they are; here a head has its limit.
 */
import { limits } from "../../src/limits.js";
import type { HttpClientClass, HttpClientInstance, TimerId, TimerModule } from "./platform.js";

/** A callback of a socket; `this` is the socket. */
export type SocketCallback = ((this: unknown, value?: unknown) => void) | undefined;

/** Options of `embedded:io/socket/tcp`; all others are passed on. */
export interface SocketOptions {
  readonly onReadable?: SocketCallback;
  readonly onWritable?: SocketCallback;
  readonly onError?: SocketCallback;
  /** Where a TLS socket over this one finds it. */
  readonly link?: TlsLink | undefined;
  /** Of the HTTP client over this socket. */
  readonly gate?: Gate | undefined;
}

/** The TCP socket below a TLS socket, which keeps there how many bytes wait; see tls.ts. */
export interface TlsLink {
  tcp: { readable?: number };
  onReadable: SocketCallback;
  timer: TimerId | null;
}

export type SocketClass = new (
  options: SocketOptions,
) => { read(count?: unknown): unknown; close(): void };

/** A socket with its owner's callbacks. Those below it are functions of the module: no RAM. */
interface Guarded {
  guardOwner: Owner;
  guardFailed: boolean;
}

interface Owner extends SocketOptions {
  readonly timer: TimerModule;
}

function call(socket: Guarded, callback: SocketCallback, value: unknown): void {
  if (socket.guardFailed) return;
  try {
    callback?.call(socket, value);
  } catch (error) {
    const { gate } = socket.guardOwner;
    socket.guardFailed = true;
    // SDK 8.2's client drops what it is told.
    if (gate !== undefined) gate.error ??= error;
    try {
      // Not at once: the class is in the middle of what went wrong.
      socket.guardOwner.timer.set(() => report(socket, error), 0);
    } catch {
      // Nobody is told, and nothing is called any more: the agent's deadline ends the exchange.
    }
  }
}

function report(socket: Guarded, error: unknown): void {
  try {
    socket.guardOwner.onError?.call(socket, error);
  } catch {
    // The owner was told; there is nobody above it.
  }
}

function onReadable(this: Guarded, count: unknown): void {
  call(this, this.guardOwner.onReadable, count);
}

function onWritable(this: Guarded, count: unknown): void {
  const { gate, link } = this.guardOwner;
  if (gate?.phase === "connect") gate.phase = link === undefined ? "answer" : "TLS";
  call(this, this.guardOwner.onWritable, count);
}

function onError(this: Guarded, error: unknown): void {
  call(this, this.guardOwner.onError, error);
}

const guards = Object.freeze({ onReadable, onWritable, onError });

/** A TCP class from whose callbacks nothing escapes. */
export function guardedSocket(Socket: SocketClass, timer: TimerModule): SocketClass {
  return class GuardedSocket extends Socket implements Guarded {
    guardOwner: Owner;
    guardFailed = false;

    constructor(options: SocketOptions) {
      super({ ...options, ...(guards as SocketOptions) });
      const { onReadable, onWritable, onError, gate, link } = options;
      this.guardOwner = { onReadable, onWritable, onError, gate, link, timer };
      if (link !== undefined) {
        link.tcp = this as TlsLink["tcp"];
        link.onReadable = guards.onReadable as SocketCallback;
      }
    }

    override read(count?: unknown): unknown {
      // The SDK's class counts its arguments.
      const result = count === undefined ? super.read() : super.read(count);
      const { gate, link } = this.guardOwner;
      // What carries TLS is more than the head.
      if (link === undefined) gate?.took(count, result);
      return result;
    }
  };
}

/** Moddable's module "net". Calls back without an address when the name is not found. */
export interface NetModule {
  resolve(name: string, callback: (name: string, address?: string) => void): void;
}

/**
 * Between a client and what it opens: the head of its answer is counted here, and what the client
 * does not tell is known.
 */
export class Gate {
  /** Where the connection stands. */
  phase: "" | "resolve" | "connect" | "TLS" | "answer" = "";
  /** What was thrown in one of its callbacks. */
  error: unknown;
  /** Closed with its client: what is resolved later is dropped. */
  open = true;
  private isHead = true;
  private bytes = 0;
  private lines = 0;
  /** Where a byte must not end the line: behind the name of a header; 0 when there is none yet. */
  private valueAt = 0;

  /**
   * The client read `byte`; it reads a head by single bytes, without an argument, and keeps all of
   * it: the text in chunks, each line in slots. Throws when either would be too much, and at a
   * header without a value and without a space: SDK 8.2's client takes that for the end of the
   * head, and the other headers for the body. What is read with an argument is the body.
   */
  took(count: unknown, byte: unknown): void {
    if (count !== undefined) this.isHead = false;
    if (!this.isHead) return;
    const at = ++this.bytes;
    if (byte === 58 && this.valueAt === 0 && this.lines > 0) this.valueAt = at + 1;
    const isEmpty = byte === 13 && at === this.valueAt;
    if (byte === 10) {
      this.lines++;
      this.valueAt = 0;
    }
    if (isEmpty || at > limits.headBytesMax || this.lines > limits.headLinesMax) {
      throw new Error(isEmpty ? "header without a value" : "head too long");
    }
  }
}

export interface ResolveOptions {
  readonly host: string;
  onResolved(host: string, address: string): void;
  onError?(error: unknown): void;
}

export type ResolverClass = new (options: {
  readonly gate: Gate;
}) => { resolve(options: ResolveOptions): void };

/** A resolver over the name servers that the network gave, as HTTPClient expects one. */
export function guardedResolver(net: NetModule, timer: TimerModule): ResolverClass {
  return class NetResolver {
    readonly guardGate: Gate;

    constructor(options: { readonly gate: Gate }) {
      this.guardGate = options.gate;
    }

    resolve(options: ResolveOptions): void {
      this.guardGate.phase = "resolve";
      const answer = (address: string | undefined): void => {
        if (!this.guardGate.open) return;
        try {
          if (address === undefined) options.onError?.(new Error("name not found"));
          else {
            this.guardGate.phase = "connect";
            options.onResolved(options.host, address);
          }
        } catch {
          // HTTPClient reports what goes wrong when it connects; the rest is its own fault.
        }
      };
      try {
        net.resolve(options.host, (_name, address) => answer(address));
      } catch {
        // lwIP's queue is full; like any other failure it arrives later.
        timer.set(() => answer(undefined), 0);
      }
    }
  };
}

/** `embedded:network/http/client` as the SDK has it: socket and resolver are options. */
export type SdkHttpClientClass = new (options: {
  readonly host: string;
  readonly port: number;
  readonly socket: object;
  readonly dns: object;
  onError?(error: unknown): void;
}) => HttpClientInstance;

/** The HTTP client over a socket (for example `{ io: GuardedSocket }`) and a guarded resolver. */
export function guardedClient(
  Client: SdkHttpClientClass,
  socket: object,
  Resolver: ResolverClass,
): HttpClientClass {
  return class GuardedClient extends Client {
    override readonly guardGate: Gate;

    constructor(options: {
      readonly host: string;
      readonly port: number;
      onError?(error: unknown): void;
    }) {
      const gate = new Gate();
      super({ ...options, socket: { ...socket, gate }, dns: { io: Resolver, gate } });
      this.guardGate = gate;
    }

    override close(): void {
      this.guardGate.open = false;
      super.close();
    }
  };
}

/**
 * Milliseconds since `first`, from a counter of 32 bits that wraps (Time.ticks on ESP32: a signed
 * number that turns negative after 24.8 days). Right when it is read at least once in 49 days.
 */
export class MonotonicClock {
  private readonly ticks: () => number;
  private last: number;
  private elapsedMs = 0;

  constructor(ticks: () => number) {
    this.ticks = ticks;
    this.last = ticks();
  }

  nowMs(): number {
    const ticks = this.ticks();
    this.elapsedMs += (ticks - this.last) >>> 0;
    this.last = ticks;
    return this.elapsedMs;
  }
}
