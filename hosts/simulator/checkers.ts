/**
 * The promises of the README, checked from outside: from boots, flash operations, otadata,
 * the journal's keys and the wire, never from the agent's own memory.
 */

import {
  activeEntry,
  decodeEntry,
  type OtadataPair,
  otadataSectorBytes,
  slotOfSequence,
  stateValid,
} from "../../src/boot/otadata.js";
import type { Partition } from "../../src/boot/partitions.js";
import { readU32 } from "../../src/bytes.js";
import type { Report, StoredReport } from "../../src/server/report.js";
import type { BootRecord } from "./board-observer.js";
import type { Flash } from "./flash.js";
import { Intents, type Journal } from "./intents.js";
import { confirmedIn } from "./journal-view.js";
import { sameBytes } from "./same-bytes.js";

export type PromiseId = "P1" | "P2" | "P3" | "P4" | "P5" | "P6" | "P7" | "P8" | "P9" | "P11";

export interface Violation {
  readonly promise: PromiseId;
  readonly atMs: number;
  readonly text: string;
}

/** An image that was released, by the SHA-256 it carries. */
export interface KnownImage {
  readonly imageHex: string;
  readonly bytes: Uint8Array;
  /**
   * True when it must be kept once it ran; false for one that crashes, hangs or fails its tests.
   */
  readonly isHealthy: boolean;
}

/** What the checkers carry from one boot to the next. */
export interface CheckersState {
  readonly confirmedSlot: number;
  readonly confirmedHex: string;
  readonly marking: string;
  readonly superseded: readonly string[];
  readonly floor: number;
}

export class Checkers {
  /**
   * True where a fault may damage the confirmed image itself: going back to an older one is right.
   */
  mayFallBack = false;
  /** True where a fault may ruin the confirmed image and the other one has no network. */
  mayLackNetwork = false;
  /** Timers that agent and application may have at once; known only where both are. */
  timersMax = Number.POSITIVE_INFINITY;
  readonly violations: Violation[] = [];
  readonly #flash: Flash;
  readonly #slots: readonly Partition[];
  readonly #images: ReadonlyMap<string, KnownImage>;
  readonly #nowMs: () => number;
  readonly #otadata: Partition | null;
  /** Slots whose image was confirmed; the last one is the one that P2 and P5 speak of. */
  #confirmedSlot: number;
  #confirmedHex = "";
  readonly #intents: Intents;
  /** Image whose boot record entry was being marked valid: a cut may hide that it was done. */
  #marking = "";
  /** Images that were confirmed before the last one. */
  #superseded: readonly string[] = [];
  #runningHex = "";
  #runningSlot = -1;
  #floor = 0;
  /** True in a boot that found a boot record which names nothing, until it does. */
  #isLost = false;
  #refusedWindow: { operations: number; payloadBytes: number } | null = null;
  #flashOperations = 0;

  constructor(
    flash: Flash,
    slots: readonly Partition[],
    images: ReadonlyMap<string, KnownImage>,
    nowMs: () => number,
    factorySlot: number,
    otadata?: Partition,
    journal: Journal = () => new Map(),
  ) {
    this.#intents = new Intents(slots, journal, (promise, text) => this.#violated(promise, text));
    this.#flash = flash;
    this.#slots = slots;
    this.#images = images;
    this.#nowMs = nowMs;
    this.#confirmedSlot = factorySlot;
    this.#otadata = otadata ?? null;
  }

  save(): CheckersState {
    return {
      confirmedSlot: this.#confirmedSlot,
      confirmedHex: this.#confirmedHex,
      marking: this.#marking,
      superseded: this.#superseded,
      floor: this.#floor,
    };
  }

  /** Goes on from `state`; violations and operations are counted anew. */
  load(state: CheckersState): void {
    this.#confirmedSlot = state.confirmedSlot;
    this.#confirmedHex = state.confirmedHex;
    this.#marking = state.marking;
    this.#superseded = state.superseded;
    this.#floor = state.floor;
    this.#runningHex = "";
    this.#runningSlot = -1;
    this.#intents.booted(-1);
    this.#refusedWindow = null;
    this.#flashOperations = 0;
    this.violations.length = 0;
  }

  #violated(promise: PromiseId, text: string): void {
    this.violations.push({ promise, atMs: this.#nowMs(), text });
  }

  /** P1: every boot ends in an image that is byte for byte a released one. */
  booted(record: BootRecord): void {
    const { partition } = record.result;
    if (partition === null || record.imageHex === null) {
      return this.#violated("P1", `boot ${record.number}: no slot boots (${record.result.reason})`);
    }
    this.#runningHex = record.imageHex;
    this.#runningSlot = record.slot;
    this.#intents.booted(record.slot);
    if (this.#confirmedHex === "") this.#confirmedHex = record.imageHex;
    const known = this.#images.get(record.imageHex);
    const bytes = this.#flash.bytes.subarray(
      partition.offset,
      partition.offset + (known?.bytes.length ?? 0),
    );
    if (known === undefined || !sameBytes(bytes, known.bytes)) {
      this.#violated("P1", `boot ${record.number} runs bytes that were never released`);
    }
    // From an empty boot record the bootloader itself makes ota_0 valid (bootloader_utility.c); the
    // agent is judged by what it does about that.
    if (record.result.choice !== "initial") this.#becamePermanent(record);
    this.#isLost = this.#runningHex === this.#confirmedHex && this.#activeSlot() === -1;
  }

  /** The slot that the boot record in flash names; -1 for none. */
  #activeSlot(): number {
    const otadata = this.#otadata;
    if (otadata === null) return -1;
    const { bytes } = this.#flash;
    const first = decodeEntry(bytes, otadata.offset);
    const pair: OtadataPair = [first, decodeEntry(bytes, otadata.offset + otadataSectorBytes)];
    const active = activeEntry(pair);
    return active === -1 ? -1 : slotOfSequence(pair[active].sequence, this.#slots.length);
  }

  /** A developer put an image into the slot: from now on that is the one to keep. */
  flashedByCable(slot: number, imageHex: string): void {
    this.#superseded = [...this.#superseded, this.#confirmedHex];
    this.#confirmedSlot = slot;
    this.#confirmedHex = imageHex;
    this.#marking = "";
  }

  /**
   * P3: a boot by an entry in state valid is for good, so somebody must have confirmed that image.
   */
  #becamePermanent(record: BootRecord): void {
    const pair = record.result.otadataAfter;
    const active = pair === null ? -1 : activeEntry(pair);
    if (pair === null || active === -1 || this.#runningHex === this.#confirmedHex) return;
    const { sequence, stateWord } = pair[active];
    if (stateWord !== stateValid || slotOfSequence(sequence, this.#slots.length) !== record.slot) {
      return;
    }
    if (this.#superseded.includes(this.#runningHex)) return;
    if (this.#marking === this.#runningHex) this.confirmed(record.slot);
    else this.#violated("P3", `boot ${record.number}: valid, though it was never confirmed`);
  }

  /** The app has read that part of the flash. */
  flashRead(address: number, length: number): void {
    this.#intents.flashRead(address, length);
  }

  /** P2: called before each erase and program of flash; `programmed` has a program's bytes. */
  flashChanging(address: number, programmed: Uint8Array | null = null): void {
    this.#flashOperations++;
    if (programmed !== null) this.#recordChanging(address, programmed);
    this.#intents.flashChanging(address, programmed);
    const slot = this.#slots.findIndex(
      (one) => address >= one.offset && address < one.offset + one.sizeBytes,
    );
    if (slot >= 0 && programmed === null && this.#isLost) this.#erasing(slot);
    if (slot < 0 || slot !== this.#confirmedSlot) return;
    // What rotted in the slot is not the confirmed image any more, and may be replaced.
    if (!this.#holdsConfirmed(this.#slots[slot])) return;
    // Where flash lied about a confirm, an older confirmed image may run and update itself.
    if (this.mayFallBack && this.#superseded.includes(this.#runningHex)) return;
    this.#violated("P2", `slot ${slot} holds the last confirmed image and is being changed`);
  }

  /** P2: where another slot begins to change, the way back must lead to the image that runs. */
  #erasing(slot: number): void {
    this.#isLost = this.#activeSlot() === -1;
    if (!this.#isLost || slot === this.#runningSlot) return;
    this.#violated("P2", `slot ${slot} changes, and the boot record names nothing`);
  }

  /** True while the slot of the image that was confirmed last still holds it, byte for byte. */
  get keepsConfirmed(): boolean {
    const slot = this.#slots[this.#confirmedSlot];
    return slot !== undefined && this.#holdsConfirmed(slot);
  }

  #holdsConfirmed({ offset }: Partition): boolean {
    const bytes = this.#images.get(this.#confirmedHex)?.bytes;
    if (bytes === undefined) return false;
    return sameBytes(this.#flash.bytes.subarray(offset, offset + bytes.length), bytes);
  }

  /** Sees an entry being marked valid, before that is done and however it ends. */
  #recordChanging(address: number, programmed: Uint8Array): void {
    const otadata = this.#otadata;
    if (otadata === null || programmed.length !== 32 || this.#runningHex === "") return;
    if (address < otadata.offset || address >= otadata.offset + otadata.sizeBytes) return;
    if (readU32(programmed, 24) === stateValid) this.#marking = this.#runningHex;
    this.#intents.recordChanging(decodeEntry(programmed, 0));
  }

  /** P3, P5: the platform made the running image permanent. */
  confirmed(slot: number): void {
    if (this.#runningHex !== this.#confirmedHex) {
      if (this.#superseded.includes(this.#runningHex) && !this.mayFallBack) {
        this.#violated("P5", `slot ${slot}: an older image was made permanent again`);
      }
      this.#superseded = [...this.#superseded, this.#confirmedHex];
    }
    this.#confirmedSlot = slot;
    this.#confirmedHex = this.#runningHex;
    if (this.#images.get(this.#runningHex)?.isHealthy === false) {
      this.#violated("P3", "an image that fails its trial was confirmed");
    }
  }

  /** P4: called with each change of the journal. */
  journalChanged(key: string, value: Uint8Array | null): void {
    if (key !== "confirmed") return;
    const floor = confirmedIn(value)?.sequenceFloor ?? 0;
    if (floor < this.#floor) this.#violated("P4", `the floor fell from ${this.#floor} to ${floor}`);
    this.#floor = floor;
  }

  /** P8: flash operations and payload bytes from here to `refusalEnds` must not grow. */
  refusalBegins(payloadBytes: number): void {
    this.#refusedWindow = { operations: this.#flashOperations, payloadBytes };
  }

  refusalEnds(payloadBytes: number): void {
    const window = this.#refusedWindow;
    if (window === null) return;
    const operations = this.#flashOperations - window.operations;
    const bytes = payloadBytes - window.payloadBytes;
    if (operations > 0) this.#violated("P8", `a refusal cost ${operations} flash operations`);
    if (bytes > 0) this.#violated("P8", `a refusal cost ${bytes} bytes of payload`);
    this.#refusedWindow = null;
  }

  /** P3, P5: after everything has settled, the confirmed image is the one that runs. */
  settled(): void {
    if (this.#runningHex !== this.#confirmedHex) {
      this.#violated("P5", `slot ${this.#runningSlot} runs, but another image was confirmed last`);
    }
    if (this.#images.get(this.#runningHex)?.isHealthy === false) {
      this.#violated("P3", "an image that fails its trial is what remains");
    }
  }

  /** P9: timers that nobody needs any more are cleared, for each one takes RAM. */
  timersWait(count: number): void {
    if (count === this.timersMax + 1) this.#violated("P9", `${count} timers wait at once`);
  }

  /** P9: a resume begins behind all that the device has ever got of that payload. */
  foreignResume(path: string, from: number, haveBytes: number): void {
    this.#violated("P9", `${path} is resumed at ${from}, of which ${haveBytes} bytes were fetched`);
  }

  /** P9: the wire has seen more than an update may cost. */
  overspent(text: string): void {
    this.#violated("P9", text);
  }

  /** P6: the run did not settle within its bounds, though an image was left that could. */
  unsettled(text: string): void {
    if (this.mayLackNetwork && !this.keepsConfirmed) return;
    this.#violated("P6", text);
  }

  /** P7: a report on the wire repeats the one that has its id, or is the first with it. */
  delivered(report: Report, stored: readonly StoredReport[]): void {
    for (const known of stored) {
      if (known.reportId !== report.reportId) continue;
      const isSame =
        known.manifestDigest === report.manifestDigest &&
        known.result === report.result &&
        known.reason === report.reason;
      if (isSame) continue;
      const results = `${known.result}, ${known.reason} and ${report.result}, ${report.reason}`;
      this.#violated("P7", `report ${report.reportId} tells two results: ${results}`);
    }
  }

  /** P7: each attempt has one final result. `attempts` are manifest digests that must have one. */
  reported(reports: readonly StoredReport[], attempts: readonly string[]): void {
    for (const manifestDigest of attempts) {
      const results = reports.filter((one) => one.manifestDigest === manifestDigest);
      if (results.length !== 1) {
        this.#violated("P7", `${results.length} results for release ${manifestDigest.slice(0, 8)}`);
      }
    }
  }
}
