/** A TCP socket of the engine: its answer arrives window by window, as its travel says. */
import { asciiBytes } from "../../src/bytes.js";
import type { ServerRequest } from "../../src/server/handler.js";
import type {
  HabitSocketOptions,
  HabitStream,
  ModdableHabits,
  Travel,
  WireAnswer,
} from "./moddable-habits.js";
import { RequestReader } from "./moddable-wire.js";

/** The most that arrives at once: lwIP's window on ESP32 (CONFIG_LWIP_TCP_WND_DEFAULT). */
export const windowBytes = 5744;
const connectMs = 10;
/** Until a refused connection, or a device without a link, hears of it. */
export const refusalMs = 1000;
const nothing: Uint8Array = new Uint8Array(0);
/** An ordinary answer. */
const usualTravel: Travel = Object.freeze({
  latencyMs: 20,
  breaksBeforeHeaders: false,
  bytesPerMs: 100,
  pieceBytesMax: Number.POSITIVE_INFINITY,
  breakAfterBytes: Number.POSITIVE_INFINITY,
  stallAfterBytes: Number.POSITIVE_INFINITY,
});

/** `embedded:io/socket/tcp`, connected to the server of the habits. */
export class HabitSocket implements HabitStream {
  readonly #habits: ModdableHabits;
  readonly #callbacks: HabitSocketOptions;
  readonly #request = new RequestReader();
  #answer: WireAnswer | null = null;
  #travel = usualTravel;
  #head = "";
  #bytes = nothing;
  #headBytes = 0;
  #totalBytes = 0;
  #arrived = 0;
  #taken = 0;
  #isOpen = true;

  constructor(habits: ModdableHabits, options: HabitSocketOptions) {
    this.#habits = habits;
    this.#callbacks = options;
    habits.openSockets++;
    const meets = habits.meets();
    habits.later(connectMs, () => {
      if (!this.#isOpen || meets === "silence") return;
      if (meets === "refusal") options.onError?.call(this);
      else options.onWritable?.call(this, windowBytes);
    });
  }

  read(count: number): Uint8Array;
  read(): number;
  read(count?: number): Uint8Array | number {
    const at = this.#taken;
    if (count !== undefined || at >= this.#arrived || at >= this.#head.length) {
      return count === undefined ? this.#take(1)[0] : this.#take(count);
    }
    // A head is read byte by byte.
    this.#taken = at + 1;
    if (at + 1 === this.#arrived) this.#arrive();
    return this.#head.charCodeAt(at);
  }

  #take(count: number): Uint8Array {
    const start = this.#taken;
    const end = Math.min(start + count, this.#arrived);
    const head = this.#headBytes;
    if (start < head) {
      const inHead = Math.min(end, head);
      const bytes = this.#head === "" ? this.#bytes : asciiBytes(this.#head);
      this.#took(inHead);
      return bytes.slice(start, inHead);
    }
    const into = new Uint8Array(end - start);
    const { body, onRead } = this.#answer ?? {};
    body?.read(start - head, into, 0, into.length);
    onRead?.(into.length);
    this.#took(end);
    return into;
  }

  #took(end: number): void {
    this.#taken = end;
    if (end === this.#arrived) this.#arrive();
  }

  writeHead(method: string, path: string, headers: ReadonlyMap<string, string>): void {
    this.#send(this.#request.takeHead({ method, path, headers }));
  }

  write(bytes: Uint8Array): void {
    this.#send(this.#request.take(bytes));
  }

  #send(request: ServerRequest | null): void {
    if (request === null) return;
    const { address = "" } = this.#callbacks;
    const answer = this.#habits.hasLink ? this.#habits.answer(request, address) : null;
    if (answer === null) return this.#breaks(refusalMs);
    this.#answer = answer;
    this.#travel = answer.travel ?? usualTravel;
    const { head = "", bytes = nothing } = answer;
    this.#head = head;
    this.#bytes = bytes;
    this.#headBytes = head === "" ? bytes.length : head.length;
    this.#totalBytes = this.#headBytes + (answer.body?.lengthBytes ?? 0);
    const { latencyMs, breaksBeforeHeaders } = this.#travel;
    if (latencyMs === Number.POSITIVE_INFINITY) return;
    if (breaksBeforeHeaders) this.#breaks(latencyMs);
    else this.#arrive(latencyMs);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#habits.openSockets--;
    this.#habits.takenBytesMost = Math.max(this.#habits.takenBytesMost, this.#taken);
  }

  /** The connection ends with an error. */
  #breaks(afterMs: number): void {
    this.#habits.later(afterMs, () => {
      if (this.#isOpen) this.#callbacks.onError?.call(this);
    });
  }

  /** The window opens again only when all of it was read. */
  #arrive(latencyMs = 0): void {
    if (!this.#isOpen || this.#answer === null) return;
    const at = this.#arrived;
    if (at === this.#totalBytes) {
      if (this.#answer.closes) this.#breaks(1);
      return;
    }
    const head = this.#headBytes;
    const travel = this.#travel;
    if (at >= head + travel.stallAfterBytes) return;
    if (at >= head + travel.breakAfterBytes || !this.#habits.hasLink) return this.#breaks(0);
    const piece = this.#pieceAt(at);
    this.#habits.later(latencyMs + piece / travel.bytesPerMs, () => {
      if (!this.#isOpen) return;
      if (!this.#habits.hasLink) return this.#breaks(0);
      this.#arrived += piece;
      this.#habits.takenBytesMost = Math.max(this.#habits.takenBytesMost, this.#taken);
      this.#callbacks.onReadable?.call(this, this.#arrived - this.#taken);
    });
  }

  /** Bytes of the window that begins at `at`. */
  #pieceAt(at: number): number {
    const { pieceBytesMax, breakAfterBytes, stallAfterBytes } = this.#travel;
    const head = this.#headBytes;
    const end = Math.min(this.#totalBytes, head + Math.min(breakAfterBytes, stallAfterBytes));
    const most = at === 0 ? (this.#answer?.firstBytes ?? windowBytes) : windowBytes;
    // The head comes at once: slow senders are slow with what follows.
    const piece = at < head ? Math.max(head - at, pieceBytesMax) : pieceBytesMax;
    return Math.min(most, piece, end - at);
  }
}
