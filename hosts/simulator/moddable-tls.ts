/** A TLS socket with the habits of Moddable's own, over the simulated TCP socket. */
import type {
  HabitSocketClass,
  HabitSocketOptions,
  HabitStream,
  ModdableHabits,
} from "./moddable-habits.js";
import type { WorldEvent } from "./world.js";

export interface HabitTlsOptions extends HabitSocketOptions {
  readonly TCP: { readonly io: HabitSocketClass };
}
export type HabitTlsClass = new (options: HabitTlsOptions) => HabitStream;

/** Bytes of one TLS record. */
const recordBytes = 700;

/**
 * A TLS socket over the TCP class of its options, without the cryptography. As
 * embedded:io/socket/tcp/tls it throws where the peer or a record cannot be trusted, out of the
 * callback that read it; and out of a timer of its own when a record was read and more bytes
 * wait. `isUntrusted` is asked once per connection, `isDamaged` once per record, from 0. Where
 * the clock is not set its constructor throws.
 */
export function habitTls(
  habits: ModdableHabits,
  isUntrusted: () => boolean,
  isDamaged: (record: number) => boolean,
  isClockSet: () => boolean = () => true,
): HabitTlsClass {
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
