/** Reading slots back: digests and identity. */
import { equalBytes } from "../bytes.js";
import type { Digest } from "../crypto/digest.js";
import type { Hal, SlotFlash } from "../hal.js";
import { heldHeadBytes, workBufferBytes } from "../limits.js";
import { setTimer, tryFeed } from "./host.js";

/** Bytes of the identity: the appended SHA-256 at the end of an ESP32 image. */
export const identityBytes = 32;

/** Blocks read in one turn of the event loop (64 KB), so that the watchdog is fed in between. */
const blocksPerTurn = 16;

/** Last 32 bytes of an image of `sizeBytes` in `slot`; all zero when that cannot be. */
export function identityOf(slot: SlotFlash, sizeBytes: number): Uint8Array {
  const identity = new Uint8Array(identityBytes);
  if (sizeBytes >= identityBytes && sizeBytes <= slot.status().size) {
    slot.read(identity, sizeBytes - identityBytes);
  }
  return identity;
}

/** True when `slot` ends an image of `sizeBytes` with `identity`. */
export function hasIdentity(slot: SlotFlash, sizeBytes: number, identity: Uint8Array): boolean {
  return sizeBytes >= identityBytes && equalBytes(identityOf(slot, sizeBytes), identity);
}

/**
 * SHA-256 over the first `sizeBytes` of a slot as they are read back, a few blocks a turn. While
 * the head of the image is still held back, `head` stands for the first 16 bytes.
 */
export class SlotDigest {
  private readonly hal: Hal;
  private readonly slot: SlotFlash;
  private readonly sizeBytes: number;
  private readonly head: Uint8Array | null;
  private readonly buffer: Uint8Array;
  private digest: Digest | null = null;
  private offset = 0;

  constructor(
    hal: Hal,
    slot: SlotFlash,
    sizeBytes: number,
    head: Uint8Array | null,
    buffer: Uint8Array,
  ) {
    this.hal = hal;
    this.slot = slot;
    this.sizeBytes = sizeBytes;
    this.head = head;
    this.buffer = buffer;
  }

  /**
   * Calls `told` with the bytes read so far, and `done` with the digest, or null when flash or
   * host failed; from a timer, never at once.
   */
  start(told: (bytes: number) => void, done: (digest: Uint8Array | null) => void): void {
    setTimer(this.hal, () => this.step(told, done), 0);
  }

  private step(told: (bytes: number) => void, done: (digest: Uint8Array | null) => void): void {
    let digest: Uint8Array | null = null;
    try {
      const isLast = this.turn();
      told(this.offset);
      if (!isLast) return this.start(told, done);
      digest = this.close();
    } catch {
      digest = null;
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
    this.digest ??= this.hal.digest("SHA256");
    const { digest, sizeBytes, slot, head } = this;
    let offset = this.offset;
    for (let i = 0; i < blocksPerTurn && offset < sizeBytes; i++) {
      const left = sizeBytes - offset;
      const block = left < workBufferBytes ? this.buffer.subarray(0, left) : this.buffer;
      slot.read(block, offset);
      if (offset === 0 && head !== null) block.set(head);
      digest.write(block);
      offset += block.length;
    }
    this.offset = offset;
    tryFeed(this.hal);
    return offset >= sizeBytes;
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
  const found = new Uint8Array(heldHeadBytes);
  slot.read(found, 0);
  if (equalBytes(found, head)) return false;
  for (let i = 0; i < heldHeadBytes; i++) if ((found[i] & head[i]) !== head[i]) return false;
  return true;
}
