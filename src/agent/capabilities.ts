/**
 * What this device can do to survive a bad update, as far as that can be known at run time. A
 * report carries it as a number, one bit each.
 *
 * Whether the bootloader in flash reverts cannot be read. What the app was built with is known at
 * once; what the bootloader does shows at the first boot of an update, when it must have turned the
 * entry from "new" to "pending-verify" (ESP-IDF bootloader_utility.c). A bootloader that did not is
 * remembered in key "no-rollback", whose presence is all that counts.
 */
import type { Hal, SlotState } from "../hal.js";
import { tryLog } from "./host.js";

/** Bits of a report's capability field. */
export const capabilities = Object.freeze({
  /** The bootloader armed its revert for the trial of this boot. */
  rollbackArmed: 1,
  /** The app was built with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE. */
  rollbackBuilt: 2,
  /** The app was built for a bootloader that checks images at every boot. */
  imageValidation: 4,
  /** The watchdog of a trial can be armed. */
  watchdog: 8,
  /** There are two slots or more. */
  twoSlots: 16,
  /** The journal holds a record of ours: key-value storage could be written and read. */
  keyValue: 32,
  /** A trial ran that the bootloader would not have reverted. */
  rollbackMissing: 64,
});

const missingKey = "no-rollback";

export class CapabilityProbe {
  private readonly hal: Hal;
  /** Of `capabilities`. */
  bits = 0;

  constructor(hal: Hal) {
    this.hal = hal;
  }

  /** True when the bootloader, as far as is known, reverts an image that is not confirmed. */
  get canRevert(): boolean {
    return this.has(capabilities.rollbackBuilt) && !this.has(capabilities.rollbackMissing);
  }

  /** Looks at everything that costs no wear. `hasWatchdog` is what arming it told. */
  run(hasWatchdog: boolean): void {
    const hal = this.hal;
    const features = hal.boot.features();
    this.set(capabilities.rollbackBuilt, features.rollback);
    this.set(capabilities.imageValidation, features.validation);
    this.set(capabilities.watchdog, hasWatchdog);
    this.set(capabilities.twoSlots, hal.boot.slotCount() >= 2);
    this.set(capabilities.rollbackMissing, hal.keyValue.read(missingKey, new Uint8Array(1)) >= 0);
  }

  /** A record of ours was found, or written in this boot. */
  journalFound(): void {
    this.set(capabilities.keyValue, true);
  }

  /**
   * A trial runs from the active entry, which has `state`. "new" proves a bootloader without
   * rollback: one with it would have rewritten the entry before it started this image.
   */
  trialSeen(state: SlotState): void {
    const isArmed = state === "pending-verify";
    this.set(capabilities.rollbackArmed, isArmed);
    if (isArmed || state === "new") this.setMissing(!isArmed);
  }

  /** The app was flashed by cable, and the bootloader perhaps with it: what was seen is void. */
  flashedByCable(): void {
    this.setMissing(false);
  }

  private has(bit: number): boolean {
    return (this.bits & bit) !== 0;
  }

  private set(bit: number, on: boolean): void {
    if (on) this.bits |= bit;
    else this.bits &= ~bit;
  }

  /** Written on change only, and never at the cost of a trial. */
  private setMissing(missing: boolean): void {
    if (this.has(capabilities.rollbackMissing) === missing) return;
    this.set(capabilities.rollbackMissing, missing);
    try {
      if (missing) this.hal.keyValue.write(missingKey, Uint8Array.of(1), 1);
      else this.hal.keyValue.delete(missingKey);
    } catch {
      tryLog(this.hal, "bootloader: what was seen of it could not be recorded");
    }
  }
}
