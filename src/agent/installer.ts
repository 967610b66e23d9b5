/** From bytes in a slot to a staged image: read-back digest, held head, boot record. */
import { equalBytes } from "../bytes.js";
import type { SlotFlash } from "../hal.js";
import { heldHeadBytes } from "../limits.js";
import type { AgentContext } from "./context.js";
import { identityOf, isHeadOpen, SlotDigest } from "./slots.js";

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
    const context = this.context;
    const slot = context.hal.boot.openSlot(image.slot);
    const held = head !== null && isHeadOpen(slot, head) ? head : null;
    const total = image.imageSizeBytes;
    const told = (bytes: number): void => context.tell("read-back", bytes, total);
    new SlotDigest(context.hal, slot, total, held, context.buffer).start(told, (digest) => {
      if (digest === null) return done(null, false);
      if (!equalBytes(digest, image.imageDigest)) return done(null, true);
      let identity: Uint8Array | null = null;
      try {
        identity = identityOf(slot, total);
        this.verified = digest;
      } catch {
        // Told as not read.
      }
      done(identity, identity !== null);
    });
  }

  isVerified(image: ExpectedImage): boolean {
    return this.verified !== null && equalBytes(this.verified, image.imageDigest);
  }

  /**
   * Programs the held head and selects the slot. Throws when the flash or the platform refuses;
   * must be called only with `isVerified`.
   */
  stage(image: ExpectedImage, head: Uint8Array | null): void {
    const boot = this.context.hal.boot;
    const slot = boot.openSlot(image.slot);
    // Also when it reads right: torn by a power cut it may read wrong at another time. Programmed
    // once more its bits are firm, and firm ones stay as they are.
    if (head !== null) writeHead(slot, head);
    boot.stage(image.slot);
  }
}

/** Programs the first bytes of an image and reads them back. Throws when they differ. */
function writeHead(slot: SlotFlash, head: Uint8Array): void {
  slot.write(head, 0);
  const written = new Uint8Array(heldHeadBytes);
  slot.read(written, 0);
  if (!equalBytes(written, head)) throw new Error("the head of the image was not written");
}
