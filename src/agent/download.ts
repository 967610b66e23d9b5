/**
 * Payload to flash: one 4096-byte buffer, one block at a time. The receive window is the only
 * queue, so a slow flash slows the sender (back-pressure).
 *
 * The first 16 bytes of the image are held back in RAM and in the progress record and programmed
 * only after the digest of everything read back is right. Until then the slot has no image header,
 * and no bootloader fallback can run bytes that were not verified.
 */
import { chipIdOfHead } from "../boot/image-head.js";
import type { Hal, HttpHeaders, HttpRequest, SlotFlash } from "../hal.js";
import type { Progress } from "../journal/records.js";
import { heldHeadBytes, progressBytes, workBufferBytes } from "../limits.js";
import type { Reason } from "../reasons.js";
import type { Release } from "../suit/manifest.js";
import { Exchange, type ExchangeHandler } from "./exchange.js";
import { defaults } from "./options.js";
import { decimal, type HttpTarget } from "./url.js";

/**
 * How a download ended: whole, to be tried again, to be tried without a range, or with bytes that
 * are not the image.
 */
export type DownloadEnd = "written" | "interrupted" | "range-refused" | "damaged";

export interface DownloadListener {
  /** Before the first block is erased, at `offsetBytes`; false when that must not be now. */
  erasing(offsetBytes: number): boolean;
  /** Before that many bytes come which are in flash already; false as above. */
  skipping(skippedBytes: number): boolean;
  /** Each 64 KB and at the end: safe in flash. Saving it may throw, which ends the download. */
  progressed(progress: Progress): void;
  /** With what was wrong with the server, for people. */
  ended(end: DownloadEnd, reason: Reason | "", retryAfterMs: number, error: string): void;
}

export class Download implements ExchangeHandler {
  private readonly hal: Hal;
  private readonly release: Release;
  private readonly slot: SlotFlash;
  private readonly slotIndex: number;
  private readonly listener: DownloadListener;
  private readonly buffer: Uint8Array;
  private readonly chipId: number;
  private head: Uint8Array;
  private exchange: Exchange | null = null;
  /** Bytes already in flash; a multiple of the block until the end. */
  private offset: number;
  private fill = 0;
  /** Length of the block that is being filled: 0 while nothing is expected. */
  private blockBytes = 0;
  /** Bytes of the answer that are in flash already, when the server ignored the range. */
  private skip = 0;
  private receiving = false;
  /** A range was asked for: only then a part is an answer. */
  private isRanged = false;
  /** Bytes that wait until the progress is saved, or the next block is paid for; -1: none do. */
  private waitingBytes = -1;
  /** What is skipped, and what is erased, is paid for. */
  private isSkipPaid = false;
  private isPaid = false;
  /** Progress that the journal has. */
  private savedBytes: number;
  /** How it ended, until that is told. */
  private outcome: DownloadEnd | "" = "";
  private reason: Reason | "" = "";
  private retryMs = 0;

  constructor(
    hal: Hal,
    release: Release,
    slotIndex: number,
    chipId: number,
    resume: Progress | null,
    buffer: Uint8Array,
    listener: DownloadListener,
  ) {
    this.hal = hal;
    this.release = release;
    this.slotIndex = slotIndex;
    this.slot = hal.boot.openSlot(slotIndex);
    this.chipId = chipId;
    this.buffer = buffer;
    this.listener = listener;
    this.savedBytes = this.offset = resume === null ? 0 : resume.writtenBytes;
    this.head = resume === null ? new Uint8Array(heldHeadBytes) : resume.head;
  }

  /** With `whole` no range is asked for: what is in flash is skipped as it comes. */
  start(
    target: HttpTarget,
    headers: ReadonlyMap<string, string>,
    stallTimeoutMs: number,
    whole: boolean,
  ): void {
    const request = new Map(headers);
    this.isRanged = this.offset > 0 && !whole;
    if (this.isRanged) request.set("range", `bytes=${this.offset}-`);
    const exchange = new Exchange(
      this.hal,
      {
        target,
        method: "GET",
        headers: request,
        stallTimeoutMs,
        totalTimeoutMs: defaults.downloadTimeoutMs + this.release.imageSizeBytes,
      },
      this,
    );
    this.exchange = exchange;
    exchange.start();
  }

  headersReceived(status: number, headers: HttpHeaders): void {
    const size = this.release.imageSizeBytes;
    const length = headers.get("content-length");
    const range = headers.get("content-range");
    if (status === 206 && this.isRanged && isRange(range, this.offset, size)) {
      return this.receive();
    }
    if (status === 200) {
      // RFC 9110 14.2: a server may ignore Range; then the answer starts at byte 0.
      if (length !== undefined && decimal(length) !== size) {
        return this.end("interrupted", "payload-size-mismatch");
      }
      this.skip = this.offset;
      return this.receive();
    }
    // RFC 9110 15.5.17; a range that was not asked for is no better.
    const isRefused = status === 416 || status === 206;
    const end = isRefused ? "range-refused" : "interrupted";
    this.end(end, "", retryAfterMs(headers), `status ${status}`);
  }

  private receive(): void {
    this.receiving = true;
    this.nextBlock();
  }

  dataReadable(source: HttpRequest, countBytes: number): void {
    if (this.waitingBytes >= 0) {
      this.waitingBytes = countBytes;
      return;
    }
    let count = countBytes;
    while (count > 0) {
      const fill = this.fill;
      const room = this.blockBytes - fill;
      if (room <= 0) return this.end("interrupted", "payload-size-mismatch");
      const end = room < count ? this.blockBytes : fill + count;
      const isWhole = fill === 0 && end === workBufferBytes;
      const got = source.read(isWhole ? this.buffer : this.buffer.subarray(fill, end));
      if (got <= 0) return;
      count -= got;
      this.fill = fill + got;
      if (got === room && this.blockFilled()) return this.pause(source, count);
      if (this.outcome !== "") return;
    }
  }

  /**
   * Progress is saved from a timer, and the rest of the answer waits: on top of HTTP's calls the
   * journal needed 336 of the 384 slots of stack of the smallest ESP32 build, and TLS adds more.
   */
  private pause(source: HttpRequest, countBytes: number): void {
    this.waitingBytes = countBytes;
    try {
      this.hal.timers.set(() => this.resume(source), 0);
    } catch {
      this.resume(source);
    }
  }

  private resume(source: HttpRequest): void {
    const count = this.waitingBytes;
    if (count < 0) return;
    if (this.isDue) {
      if (this.pay()) return this.pause(source, count);
    } else this.saveProgress();
    try {
      if (this.outcome === "" && count > 0) this.dataReadable(source, count);
    } catch {
      this.end("interrupted", "");
    }
  }

  /** The block in the buffer is the first one to be skipped, or to be erased for. */
  private get isDue(): boolean {
    return this.skip > 0 ? !this.isSkipPaid : !this.isPaid;
  }

  /** Pays for it, and takes it. True when the progress is to be saved. */
  private pay(): boolean {
    this.waitingBytes = -1;
    try {
      if (this.skip > 0) this.isSkipPaid = this.listener.skipping(this.skip);
      else if (this.offset > 0 || this.acceptHead(this.fill)) {
        this.isPaid = this.listener.erasing(this.offset);
      }
      if (this.isDue && this.outcome === "") this.end("interrupted", "wear-held");
    } catch {
      this.end("interrupted", "journal-failed");
    }
    return this.outcome === "" && this.blockFilled();
  }

  /** Saves the progress, unless that was done. */
  private saveProgress(): void {
    this.waitingBytes = -1;
    if (this.savedBytes === this.offset) return;
    this.savedBytes = this.offset;
    try {
      this.listener.progressed({
        writtenBytes: this.offset,
        head: this.head,
        manifestDigest: this.release.manifestDigest,
      });
    } catch {
      this.end("interrupted", "journal-failed");
    }
  }

  ended(failed: boolean, error: string): void {
    // Also what a break has left behind: it is not erased again.
    if (this.outcome !== "damaged") this.saveProgress();
    this.waitingBytes = -1;
    const whole = !failed && this.receiving && this.offset === this.release.imageSizeBytes;
    const outcome = this.outcome === "" ? (whole ? "written" : "interrupted") : this.outcome;
    this.listener.ended(outcome, this.reason, this.retryMs, error);
  }

  /**
   * A block of the answer is in the buffer: in flash already, or to be written. True when it must
   * be paid for first, or the progress is to be saved.
   */
  private blockFilled(): boolean {
    if (this.isDue) return true;
    const length = this.fill;
    this.fill = 0;
    const start = this.offset;
    if (this.skip > 0) this.skip -= length;
    else {
      try {
        this.writeBlock(start, length);
      } catch {
        this.end("damaged", "flash-failed");
        return false;
      }
      this.offset = start + length;
    }
    this.nextBlock();
    return this.offset > start && (this.blockBytes === 0 || this.offset % progressBytes === 0);
  }

  private nextBlock(): void {
    const left = this.skip > 0 ? this.skip : this.release.imageSizeBytes - this.offset;
    this.blockBytes = left < workBufferBytes ? left : workBufferBytes;
  }

  /** Before the first erase: the first block must start an image for this chip (PSA "checks"). */
  private acceptHead(length: number): boolean {
    const chipId = chipIdOfHead(this.buffer.subarray(0, length));
    if (chipId < 0 || chipId !== this.chipId) {
      this.end("damaged", "image-header-mismatch");
      return false;
    }
    this.head = this.buffer.slice(0, heldHeadBytes);
    return true;
  }

  private writeBlock(offset: number, length: number): void {
    const { slot, buffer } = this;
    slot.eraseBlock(offset / workBufferBytes);
    if (offset > 0 && length === workBufferBytes) return slot.write(buffer, offset);
    // Only now, when the old image of the slot cannot boot any more, its entry may go.
    if (offset === 0) this.hal.boot.forget(this.slotIndex);
    const start = offset === 0 ? heldHeadBytes : 0;
    // The write unit is 16 bytes (flash encryption); FF leaves flash as it is.
    const end = (length + 15) & ~15;
    buffer.fill(0xff, length, end);
    slot.write(buffer.subarray(start, end), offset + start);
  }

  /** The last word of the download, whether the server has more to say or not. */
  private end(outcome: DownloadEnd, reason: Reason | "", retryMs = 0, why: string = reason): void {
    this.outcome = outcome;
    this.reason = reason;
    this.retryMs = retryMs;
    this.exchange?.end(true, why);
  }
}

/**
 * True for "bytes first-last/size" that runs from `offset` to the end of `size` (RFC 9110 14.4).
 */
function isRange(contentRange: string | undefined, offset: number, size: number): boolean {
  return contentRange === `bytes ${offset}-${size - 1}/${size}`;
}

/** Retry-After in milliseconds, at most a day; 0 when absent or a date (RFC 9110 10.2.3). */
export function retryAfterMs(headers: HttpHeaders): number {
  const seconds = decimal(headers.get("retry-after") ?? "");
  return seconds < 0 ? 0 : Math.min(seconds, 86_400) * 1000;
}
