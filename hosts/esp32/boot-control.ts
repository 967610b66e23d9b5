/**
 * Boot control on ESP32. Bytes go through `embedded:storage/flash`; the boot record is read from
 * the otadata partition and changed by ESP-IDF's own functions. `embedded:update` is not used: its
 * `complete()` can only stage an image after erasing and writing part of it again, and a repair
 * after a lost stage must not do that, for the image in the slot may be the only good one.
 */
import {
  activeEntry,
  crcMatches,
  decodeEntry,
  entryValid,
  type OtadataPair,
  otadataEntryBytes,
  otadataSectorBytes,
  sequenceErased,
  slotOfSequence,
  stateName,
  statePendingVerify,
} from "../../src/boot/otadata.js";
import type { BootControl, BootFeatures, SlotFlash, SlotIndex, SlotState } from "../../src/hal.js";
import type { FlashClass, FlashPartition, Natives, Platform } from "./platform.js";

/** Throws when an ESP-IDF function did not return ESP_OK. */
function check(code: number, name: string): void {
  if (code !== 0) throw new Error(`${name}: esp_err ${code}`);
}

class Esp32BootControl implements BootControl {
  private readonly flash: FlashClass;
  private readonly natives: Natives;

  constructor(platform: Platform) {
    this.flash = platform.flash;
    this.natives = platform.natives;
  }

  features(): BootFeatures {
    const natives = this.natives;
    return {
      rollback: natives.daruma_rollback_enabled() !== 0,
      validation: natives.daruma_validation_enabled() !== 0,
    };
  }

  runningSlot(): SlotIndex {
    return this.natives.daruma_running_slot();
  }

  slotCount(): number {
    return this.natives.daruma_slot_count();
  }

  activeSlot(): SlotIndex {
    const pair = this.entries();
    const active = pair === null ? -1 : activeEntry(pair);
    return pair === null || active < 0 ? -1 : this.slotOf(pair, active);
  }

  slotState(slot: SlotIndex): SlotState {
    const pair = this.entries();
    if (pair === null) return "none";
    // An older entry may be the active one: a newer one that was aborted says nothing of it.
    const active = activeEntry(pair);
    if (active !== -1 && this.speaksOf(pair, active, slot))
      return stateName(pair[active].stateWord);
    let newest = -1;
    for (let i = 0; i < pair.length; i++) {
      if (!this.speaksOf(pair, i, slot)) continue;
      if (newest < 0 || pair[i].sequence > pair[newest].sequence) newest = i;
    }
    return newest < 0 ? "none" : stateName(pair[newest].stateWord);
  }

  forget(slot: SlotIndex): void {
    const pair = this.entries();
    if (pair === null) return;
    const active = activeEntry(pair);
    const partition = this.flash.open({ path: "otadata", mode: "r+" });
    for (let i = 0; i < pair.length; i++) {
      if (pair[i].sequence === sequenceErased) continue;
      const other = 1 - i;
      const isLast = !entryValid(pair[other]) || this.speaksOf(pair, other, slot);
      if (i === active && isLast) continue;
      // One that is not intact was torn, and may read as intact at another time.
      if (!crcMatches(pair[i]) || this.speaksOf(pair, i, slot)) partition.eraseBlock(i);
    }
    partition.close();
  }

  secure(slot: SlotIndex): void {
    const pair = this.entries();
    if (pair === null) return;
    const own = [0, 1].find((i) => entryValid(pair[i]) && this.speaksOf(pair, i, slot));
    if (own === undefined) return;
    const other = pair[1 - own];
    if (crcMatches(other) && other.sequence < pair[own].sequence) return;
    const partition = this.flash.open({ path: "otadata", mode: "r+" });
    // Also one that reads as blank: torn, it may read as something at another time.
    partition.eraseBlock(1 - own);
    partition.close();
  }

  openSlot(slot: SlotIndex): SlotFlash {
    const running = this.runningSlot();
    if (slot === running) return this.flash.open({ path: "running" });
    // The flash module opens one other slot only: esp_ota_get_next_update_partition.
    if (slot !== (running + 1) % this.slotCount()) throw new Error(`slot ${slot} cannot be opened`);
    // As esp_ota_begin (esp_ota_ops.c): while the running image is unconfirmed, the other slot
    // holds the one to go back to, and writes to it throw.
    // The platform reads the first entry of the slot, slotState the newest; either may be the one.
    const isOnTrial =
      this.slotState(running) === "pending-verify" ||
      this.natives.daruma_running_state() === statePendingVerify;
    return this.flash.open({ path: "nextota", mode: isOnTrial ? "r" : "r+" });
  }

  stage(slot: SlotIndex): void {
    check(this.natives.daruma_stage(slot), "esp_ota_set_boot_partition");
  }

  confirm(): void {
    const code = this.natives.esp_ota_mark_app_valid_cancel_rollback();
    check(code, "esp_ota_mark_app_valid_cancel_rollback");
  }

  reject(): void {
    check(this.natives.daruma_mark_invalid(), "esp_ota_mark_app_invalid_rollback");
  }

  /** Both entries; null when there is no otadata partition to read. */
  private entries(): OtadataPair | null {
    let partition: FlashPartition;
    try {
      partition = this.flash.open({ path: "otadata" });
    } catch {
      return null;
    }
    const bytes = new Uint8Array(otadataEntryBytes);
    partition.read(bytes, 0);
    const first = decodeEntry(bytes, 0);
    partition.read(bytes, otadataSectorBytes);
    const second = decodeEntry(bytes, 0);
    partition.close();
    return [first, second];
  }

  private slotOf(pair: OtadataPair, index: number): SlotIndex {
    return slotOfSequence(pair[index].sequence, this.slotCount());
  }

  private speaksOf(pair: OtadataPair, index: number, slot: SlotIndex): boolean {
    const entry = pair[index];
    if (entry.sequence === sequenceErased || !crcMatches(entry)) return false;
    return this.slotOf(pair, index) === slot;
  }
}

export function createBootControl(platform: Platform): BootControl {
  return new Esp32BootControl(platform);
}
