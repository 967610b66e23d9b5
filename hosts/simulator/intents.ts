/**
 * Two orders that are never broken, seen from outside while an app runs: nothing is staged that was
 * not read back in the same boot, and the journal names an act before the boot record changes.
 */
import { type OtadataEntry, slotOfSequence, stateNew, stateValid } from "../../src/boot/otadata.js";
import type { Partition } from "../../src/boot/partitions.js";
import { heldHeadBytes } from "./bounds.js";
import type { PromiseId } from "./checkers.js";
import { type AttemptSeen, attemptIn, confirmedIn, phaseSeen } from "./journal-view.js";

/** The records of the journal as they are stored. */
export type Journal = () => ReadonlyMap<string, Uint8Array>;

export class Intents {
  readonly #slots: readonly Partition[];
  readonly #journal: Journal;
  readonly #violated: (promise: PromiseId, text: string) => void;
  /** Bytes from the start of each slot that were read in this boot, since they last changed. */
  readonly #readBytes: number[];
  #runningSlot = -1;

  constructor(
    slots: readonly Partition[],
    journal: Journal,
    violated: (promise: PromiseId, text: string) => void,
  ) {
    this.#slots = slots;
    this.#journal = journal;
    this.#violated = violated;
    this.#readBytes = slots.map(() => 0);
  }

  /** The bootloader has started what is in the slot; -1: nothing yet. */
  booted(slot: number): void {
    this.#runningSlot = slot;
    this.#readBytes.fill(0);
  }

  flashRead(address: number, length: number): void {
    const slot = this.#slotAt(address);
    if (slot < 0) return;
    const offset = address - this.#slots[slot].offset;
    const before = this.#readBytes[slot];
    if (offset <= before) this.#readBytes[slot] = Math.max(before, offset + length);
  }

  flashChanging(address: number, programmed: Uint8Array | null): void {
    const slot = this.#slotAt(address);
    if (slot < 0) return;
    // The head that was held back is programmed last, and read back by itself.
    const isHead = address === this.#slots[slot].offset && programmed?.length === heldHeadBytes;
    if (!isHead) this.#readBytes[slot] = 0;
  }

  /** An entry is about to be written by the app that runs. */
  recordChanging({ sequence, stateWord }: OtadataEntry): void {
    if (this.#runningSlot < 0) return;
    const slot = slotOfSequence(sequence, this.#slots.length);
    if (stateWord === stateNew && slot !== this.#runningSlot) this.#staging(slot);
    if (stateWord === stateValid) this.#confirming(slot);
  }

  #staging(slot: number): void {
    const attempt = this.#attempt();
    if (attempt === undefined) return;
    if (attempt?.closed !== false || attempt.slot !== slot || attempt.phase !== phaseSeen.staging) {
      if (this.#confirmedSlot() === slot) return;
      return this.#violated("P7", `slot ${slot} is staged before the journal says so`);
    }
    const readBytes = this.#readBytes[slot];
    if (readBytes >= attempt.imageSizeBytes) return;
    this.#violated("P1", `slot ${slot} is staged with ${readBytes} bytes of it read back`);
  }

  #confirming(slot: number): void {
    const attempt = this.#attempt();
    if (attempt === undefined) return;
    const isIntended = attempt?.closed === false && attempt.phase === phaseSeen.confirming;
    if (isIntended || this.#confirmedSlot() === slot) return;
    this.#violated("P7", `slot ${slot} is confirmed before the journal says so`);
  }

  /** null without a record; undefined when a fault has damaged it, so that nobody can tell. */
  #attempt(): AttemptSeen | null | undefined {
    const record = this.#journal().get("attempt");
    return record === undefined ? null : (attemptIn(record) ?? undefined);
  }

  #confirmedSlot(): number {
    return confirmedIn(this.#journal().get("confirmed"))?.slot ?? -1;
  }

  #slotAt(address: number): number {
    return this.#slots.findIndex(
      ({ offset, sizeBytes }) => address >= offset && address < offset + sizeBytes,
    );
  }
}
