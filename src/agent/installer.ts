/** From bytes in a slot to a staged image: read-back digest, held head, boot record. */
import { equalBytes } from "../bytes.js";
import type { Digest } from "../crypto/digest.js";
import type { SlotFlash } from "../hal.js";
import { limits } from "../limits.js";
import type { AgentContext } from "./context.js";
import { identityOf } from "./facts.js";
import { setTimer, tryFeed } from "./host.js";

/** A read-back that failed begins anew so often, after a pause: one failure says little. */
const repeatsMax = 2;
const repeatPauseMs = 500;

/** Blocks read in one turn of the event loop (64 KB), so that the watchdog is fed in between. */
const blocksPerTurn = 16;

/** The image that should lie in a slot. */
export interface ExpectedImage {
  readonly slot: number;
  readonly imageSizeBytes: number;
  readonly imageDigest: Uint8Array;
}

export class Installer {
  private readonly context: AgentContext;
  /** Digest that was read back right in this boot; staging asks for it. */
  private verified: Uint8Array | null = null;

  constructor(context: AgentContext) {
    this.context = context;
  }

  /**
   * Reads the slot back and compares; `head` stands for the first 16 bytes while they are held
   * back. `done` gets the image's identity, or null when the bytes are not the signed ones; and
   * whether they could be read at all.
   */
  verify(
    image: ExpectedImage,
    head: Uint8Array | null,
    done: (identity: Uint8Array | null, wasRead: boolean) => void,
  ): void {
    const slot = this.context.hal.boot.openSlot(image.slot);
    const held = head !== null && isHeadOpen(slot, head) ? head : null;
    const read = new SlotDigest(this.context, slot, image.imageSizeBytes, held);
    read.start((digest) => {
      if (digest === null) return done(null, false);
      if (!equalBytes(digest, image.imageDigest)) return done(null, true);
      this.verified = digest;
      done(read.identity, true);
    });
  }

  isVerified(image: ExpectedImage): boolean {
    return this.verified !== null && equalBytes(this.verified, image.imageDigest);
  }

  /** What was read back counts no more. */
  forget(): void {
    this.verified = null;
  }

  /**
   * Programs the held head and selects the slot. Throws when the flash or the platform refuses;
   * must be called only with `isVerified`.
   */
  stage(image: ExpectedImage, head: Uint8Array | null): void {
    const boot = this.context.hal.boot;
    // Also when it reads right: torn by a power cut it may read wrong at another time. Programmed
    // once more its bits are firm, and firm ones stay as they are.
    if (head !== null) writeHead(boot.openSlot(image.slot), head);
    boot.stage(image.slot);
  }
}

/** Programs the first bytes of an image and reads them back. Throws when they differ. */
function writeHead(slot: SlotFlash, head: Uint8Array): void {
  slot.write(head, 0);
  const written = new Uint8Array(limits.heldHeadBytes);
  slot.read(written, 0);
  if (!equalBytes(written, head)) throw new Error("the head of the image was not written");
}

/**
 * SHA-256 over the first `sizeBytes` of a slot as they are read back, a few blocks a turn. While
 * the head of the image is still held back, `head` stands for the first 16 bytes.
 */
export class SlotDigest {
  private readonly context: AgentContext;
  private readonly slot: SlotFlash;
  private readonly sizeBytes: number;
  private readonly head: Uint8Array | null;
  private digest: Digest | null = null;
  private offset = 0;
  private repeats = 0;
  /** Of the image, once all of it was read. */
  identity: Uint8Array | null = null;

  constructor(context: AgentContext, slot: SlotFlash, sizeBytes: number, head: Uint8Array | null) {
    this.context = context;
    this.slot = slot;
    this.sizeBytes = sizeBytes;
    this.head = head;
  }

  /**
   * Calls `done` with the digest, or null when flash or host failed three times; from a timer,
   * never at once.
   */
  start(done: (digest: Uint8Array | null) => void, delayMs = 0): void {
    setTimer(this.context.hal, () => this.step(done), delayMs);
  }

  private step(done: (digest: Uint8Array | null) => void): void {
    let digest: Uint8Array | null = null;
    try {
      const isLast = this.turn();
      this.context.tell("read-back", this.offset, this.sizeBytes);
      if (!isLast) return this.start(done);
      this.identity = identityOf(this.slot, this.sizeBytes);
      digest = this.close();
    } catch {
      this.digest = null;
      this.offset = 0;
      try {
        if (this.repeats++ < repeatsMax) return this.start(done, repeatPauseMs);
      } catch {
        // Without a timer there is no other try.
      }
    }
    done(digest);
  }

  /** The digest in one go, for the boot-time check. Throws what the flash throws. */
  runNow(): Uint8Array {
    while (!this.turn()) {
      // All turns at once.
    }
    return this.close();
  }

  private turn(): boolean {
    const { hal, buffer } = this.context;
    this.digest ??= hal.digest("SHA256");
    for (let i = 0; i < blocksPerTurn && this.offset < this.sizeBytes; i++) {
      const left = this.sizeBytes - this.offset;
      const block = left < limits.workBufferBytes ? buffer.subarray(0, left) : buffer;
      this.slot.read(block, this.offset);
      if (this.offset === 0 && this.head !== null) block.set(this.head);
      this.digest.write(block);
      this.offset += block.length;
    }
    tryFeed(hal);
    return this.offset >= this.sizeBytes;
  }

  private close(): Uint8Array {
    return this.digest === null ? new Uint8Array(0) : this.digest.close();
  }
}

/**
 * True when the head of the image in `slot` can still be programmed to `head`: erased, or torn by a
 * power cut so that bits are only missing (NOR programming clears bits and can be repeated).
 */
export function isHeadOpen(slot: SlotFlash, head: Uint8Array): boolean {
  const found = new Uint8Array(limits.heldHeadBytes);
  slot.read(found, 0);
  if (equalBytes(found, head)) return false;
  for (let i = 0; i < limits.heldHeadBytes; i++) if ((found[i] & head[i]) !== head[i]) return false;
  return true;
}
