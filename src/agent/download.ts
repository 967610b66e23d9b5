/**
 * Payload to flash: one 4096-byte buffer, one block at a time. The receive window is the only
 * queue, so a slow flash slows the sender (back-pressure).
 *
 * The first 16 bytes of the image are held back in RAM and in the progress record and programmed
 * only after the digest of everything read back is right. Until then the slot has no image header,
 * and no bootloader fallback can run bytes that were not verified.
 */
import { chipIdOfHead } from "../boot/image-head.js";
import type { HttpHeaders, HttpRequest, SlotFlash } from "../hal.js";
import type { Progress } from "../journal/records.js";
import { limits } from "../limits.js";
import type { Reason } from "../reasons.js";
import type { Release } from "../suit/manifest.js";
import type { AgentContext } from "./context.js";
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

/** What a download needs of the agent. */
type DownloadContext = Pick<AgentContext, "hal" | "buffer" | "device">;

/** Read once: a block passes here for each 4 KB. */
const blockSizeBytes = limits.workBufferBytes;

export class Download implements ExchangeHandler {
  private readonly context: DownloadContext;
  private readonly release: Release;
  private readonly slot: SlotFlash;
  private readonly slotIndex: number;
  private readonly listener: DownloadListener;
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
  /** The next block is the first one to be skipped, or to be erased for: not paid for yet. */
  private isDue = true;
  /** Progress that the journal has. */
  private savedBytes: number;
  /** How it ended, until that is told. */
  private outcome: DownloadEnd | "" = "";
  private reason: Reason | "" = "";
  private retryMs = 0;

  constructor(
    context: DownloadContext,
    release: Release,
    slotIndex: number,
    resume: Progress | null,
    listener: DownloadListener,
  ) {
    this.context = context;
    this.release = release;
    this.slotIndex = slotIndex;
    this.slot = context.hal.boot.openSlot(slotIndex);
    this.listener = listener;
    this.savedBytes = this.offset = resume?.writtenBytes ?? 0;
    this.head = resume?.head ?? new Uint8Array(limits.heldHeadBytes);
  }

  /** With `whole` no range is asked for: what is in flash is skipped as it comes. */
  start(
    target: HttpTarget,
    headers: Map<string, string>,
    stallTimeoutMs: number,
    whole: boolean,
  ): void {
    this.isRanged = this.offset > 0 && !whole;
    if (this.isRanged) headers.set("range", `bytes=${this.offset}-`);
    this.exchange = new Exchange(
      this.context.hal,
      {
        target,
        method: "GET",
        headers,
        stallTimeoutMs,
        totalTimeoutMs: defaults.downloadTimeoutMs + this.release.imageSizeBytes,
      },
      this,
    );
    this.exchange.start();
  }

  headersReceived(status: number, headers: HttpHeaders): void {
    const size = this.release.imageSizeBytes;
    // RFC 9110 14.4: from there to the end.
    const range = `bytes ${this.offset}-${size - 1}/${size}`;
    const isPart = status === 206 && this.isRanged && headers.get("content-range") === range;
    if (!isPart && status !== 200) {
      // RFC 9110 15.5.17; a range that was not asked for is no better.
      const isRefused = status === 416 || status === 206;
      const end = isRefused ? "range-refused" : "interrupted";
      return this.end(end, "", retryAfterMs(headers), `status ${status}`);
    }
    if (!isPart) {
      // RFC 9110 14.2: a server may ignore Range; then the answer starts at byte 0.
      const length = headers.get("content-length");
      if (length !== undefined && decimal(length) !== size) {
        return this.end("interrupted", "payload-size-mismatch");
      }
      this.skip = this.offset;
    }
    this.receiving = true;
    this.nextBlock();
  }

  dataReadable(source: HttpRequest, countBytes: number): void {
    if (this.waitingBytes >= 0) {
      this.waitingBytes = countBytes;
      return;
    }
    const buffer = this.context.buffer;
    let count = countBytes;
    while (count > 0) {
      const fill = this.fill;
      const room = this.blockBytes - fill;
      if (room <= 0) return this.end("interrupted", "payload-size-mismatch");
      const end = room < count ? this.blockBytes : fill + count;
      const isWhole = fill === 0 && end === blockSizeBytes;
      const got = source.read(isWhole ? buffer : buffer.subarray(fill, end));
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
      this.context.hal.timers.set(() => this.resume(source), 0);
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

  /** Pays for it, and takes it. True when the progress is to be saved. */
  private pay(): boolean {
    this.waitingBytes = -1;
    try {
      if (this.skip > 0) this.isDue = !this.listener.skipping(this.skip);
      else if (this.offset > 0 || this.acceptHead(this.fill)) {
        this.isDue = !this.listener.erasing(this.offset);
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
    const outcome = this.outcome || (whole ? "written" : "interrupted");
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
    if (this.skip > 0) {
      this.skip -= length;
      this.isDue = this.skip === 0;
    } else {
      try {
        this.writeBlock(start, length);
      } catch {
        this.end("damaged", "flash-failed");
        return false;
      }
      this.offset = start + length;
    }
    this.nextBlock();
    return (
      this.offset > start && (this.blockBytes === 0 || this.offset % limits.progressBytes === 0)
    );
  }

  private nextBlock(): void {
    const left = this.skip > 0 ? this.skip : this.release.imageSizeBytes - this.offset;
    this.blockBytes = left < blockSizeBytes ? left : blockSizeBytes;
  }

  /** Before the first erase: the first block must start an image for this chip (PSA "checks"). */
  private acceptHead(length: number): boolean {
    const buffer = this.context.buffer;
    const chipId = chipIdOfHead(buffer.subarray(0, length));
    const isOurs = chipId >= 0 && chipId === this.context.device.chipId;
    if (isOurs) this.head = buffer.slice(0, limits.heldHeadBytes);
    else this.end("damaged", "image-header-mismatch");
    return isOurs;
  }

  private writeBlock(offset: number, length: number): void {
    const slot = this.slot;
    const buffer = this.context.buffer;
    slot.eraseBlock(offset / blockSizeBytes);
    if (offset > 0 && length === blockSizeBytes) return slot.write(buffer, offset);
    // Only now, when the old image of the slot cannot boot any more, its entry may go.
    if (offset === 0) this.context.hal.boot.forget(this.slotIndex);
    const start = offset === 0 ? limits.heldHeadBytes : 0;
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

/** Retry-After in milliseconds, at most a day; 0 when absent or a date (RFC 9110 10.2.3). */
export function retryAfterMs(headers: HttpHeaders): number {
  const seconds = decimal(headers.get("retry-after") ?? "");
  return seconds < 0 ? 0 : Math.min(seconds, 86_400) * 1000;
}
