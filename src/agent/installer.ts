/** From bytes in a slot to a staged image: read-back digest, held head, boot record. */
import { equalBytes } from "../bytes.js";
import type { Hal } from "../hal.js";
import { heldHeadBytes } from "../limits.js";
import { SlotDigest, identityOf, isHeadOpen } from "./slots.js";

/** The image that should lie in a slot. */
export interface ExpectedImage {
  readonly slot: number;
  readonly imageSizeBytes: number;
  readonly imageDigest: Uint8Array;
}

export class Installer {
  readonly #hal: Hal;
  readonly #buffer: Uint8Array;
  #running: SlotDigest | null = null;
  /** Digest that was read back right in this boot; staging asks for it. */
  #verified: Uint8Array | null = null;

  constructor(hal: Hal, buffer: Uint8Array) {
    this.#hal = hal;
    this.#buffer = buffer;
  }

  /**
   * Reads the slot back and compares; `head` stands for the first 16 bytes while they are held back.
   * `done` gets the image's identity, or null when the bytes are not the signed ones.
   */
  verify(
    image: ExpectedImage,
    head: Uint8Array | null,
    done: (identity: Uint8Array | null) => void,
  ): void {
    const slot = this.#hal.boot.openSlot(image.slot);
    const held = head !== null && isHeadOpen(slot, head) ? head : null;
    this.#running = new SlotDigest(
      this.#hal,
      slot,
      image.imageSizeBytes,
      held,
      this.#buffer,
    );
    this.#running.start((digest) => {
      this.#running = null;
      if (digest === null || !equalBytes(digest, image.imageDigest)) return done(null);
      this.#verified = digest;
      done(identityOf(slot, image.imageSizeBytes));
    });
  }

  isVerified(image: ExpectedImage): boolean {
    return this.#verified !== null && equalBytes(this.#verified, image.imageDigest);
  }

  /**
   * Programs the held head, if it still is, and selects the slot. Throws when the flash or the
   * platform refuses; must be called only with `isVerified`.
   */
  stage(image: ExpectedImage, head: Uint8Array | null): void {
    const slot = this.#hal.boot.openSlot(image.slot);
    if (head !== null && isHeadOpen(slot, head)) {
      slot.write(0, head, 0, heldHeadBytes);
      const written = new Uint8Array(heldHeadBytes);
      slot.read(0, written, 0, heldHeadBytes);
      if (!equalBytes(written, head)) throw new Error("the head of the image was not written");
    }
    this.#hal.boot.stage(image.slot);
  }

  cancel(): void {
    this.#running?.cancel();
    this.#running = null;
  }
}
