/**
 * A TLS class over guarded sockets: an entry of its own, for devices that speak TLS. With more
 * bytes waiting, SDK 8.2's TLS socket goes on to the next record from a timer of its own, where a
 * damaged record's exception aborts XS. Here no bytes wait while it reads, and the guarded callback
 * of the TCP socket takes the next record.
 */
import type { Gate, SocketOptions, TlsLink } from "./guards.js";
import type { TimerModule } from "./platform.js";

export interface TlsOptions extends SocketOptions {
  readonly timer: TimerModule;
}

/** `embedded:io/socket/tcp/tls`. */
export type TlsClass = new (
  options: TlsOptions,
) => { read(count?: unknown): unknown; write(bytes: unknown): unknown; close(): void };

/** The class to give to `createHal`, made of the SDK's. */
export function guardedTls(Tls: TlsClass): TlsClass {
  return class GuardedTls extends Tls {
    readonly guardGate: Gate | undefined;
    readonly guardLink: TlsLink;
    readonly guardTimer: TimerModule;

    constructor(options: TlsOptions) {
      const link: TlsLink = { tcp: {}, onReadable: undefined, timer: null };
      const { gate } = options;
      // It may throw, at a certificate of ours that is not valid by the clock.
      if (gate !== undefined) gate.phase = "TLS";
      // The TCP socket below gets these options too.
      super({ ...options, link });
      if (gate !== undefined) gate.phase = "connect";
      this.guardGate = gate;
      this.guardLink = link;
      this.guardTimer = options.timer;
    }

    override read(count?: unknown): unknown {
      const { guardLink: link } = this;
      const { tcp } = link;
      const waiting = tcp.readable ?? 0;
      tcp.readable = 0;
      let result: unknown;
      try {
        result = super.read(count);
      } finally {
        tcp.readable = waiting;
      }
      this.guardGate?.took(count, result);
      if (waiting > 0 && link.timer === null) {
        link.timer = this.guardTimer.set(() => {
          link.timer = null;
          const left = tcp.readable ?? 0;
          if (left > 0) link.onReadable?.call(tcp, left);
        }, 0);
      }
      return result;
    }

    /** The request goes out: the handshake is over. */
    override write(bytes: unknown): unknown {
      const result = super.write(bytes);
      if (this.guardGate !== undefined) this.guardGate.phase = "answer";
      return result;
    }

    override close(): void {
      const { guardLink: link } = this;
      if (link.timer !== null) this.guardTimer.clear(link.timer);
      link.timer = null;
      super.close();
    }
  };
}
