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
  private seen = 0;

  constructor(hal: Hal) {
    this.hal = hal;
  }

  get bits(): number {
    return this.seen;
  }

  /** True when the bootloader, as far as is known, reverts an image that is not confirmed. */
  get canRevert(): boolean {
    return this.has(capabilities.rollbackBuilt) && !this.has(capabilities.rollbackMissing);
  }

  /** Looks at everything that costs no wear. `hasWatchdog` is what arming it told. */
  run(hasWatchdog: boolean): void {
    const boot = this.hal.boot;
    const features = boot.features();
    this.set(capabilities.rollbackBuilt, features.rollback);
    this.set(capabilities.imageValidation, features.validation);
    this.set(capabilities.watchdog, hasWatchdog);
    this.set(capabilities.twoSlots, boot.slotCount() >= 2);
    this.set(
      capabilities.rollbackMissing,
      this.hal.keyValue.read(missingKey, new Uint8Array(1)) >= 0,
    );
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
    this.set(capabilities.rollbackArmed, state === "pending-verify");
    if (state === "pending-verify") this.setMissing(false);
    else if (state === "new") this.setMissing(true);
  }

  /** The app was flashed by cable, and the bootloader perhaps with it: what was seen is void. */
  flashedByCable(): void {
    this.setMissing(false);
  }

  private has(bit: number): boolean {
    return (this.seen & bit) !== 0;
  }

  private set(bit: number, on: boolean): void {
    this.seen = on ? this.seen | bit : this.seen & ~bit;
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
