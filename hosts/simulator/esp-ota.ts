/**
 * The OTA functions of ESP-IDF v6.0 (components/app_update/esp_ota_ops.c) on a simulated flash,
 * with the same flash operations in the same order. Without flash encryption, secure boot and
 * anti-rollback.
 * Errors are `EspError`; PowerCut and FlashMisuse pass through.
 */

import { imageMagic } from "../../src/boot/image-head.js";
import {
  activeEntry,
  crcMatches,
  entryInvalid,
  entryValid,
  type OtadataEntry,
  otadataSectorBytes,
  sequenceErased,
  slotOfSequence,
  stateInvalid,
  stateName,
  stateNew,
  statePendingVerify,
  stateUndefined,
  stateValid,
} from "../../src/boot/otadata.js";
import { makeEntry, nextSequence, withState } from "../../src/boot/otadata-write.js";
import {
  isOtaPartition,
  type Partition,
  subtypeFactory,
  subtypeOtadata,
  subtypeTest,
  typeApp,
  typeData,
} from "../../src/boot/partitions.js";
import { slotsMax } from "../../src/boot/select.js";
import type { SlotState } from "../../src/hal.js";
import {
  EspError,
  type EspErrorName,
  type EspOtaOptions,
  EspPartitions,
} from "./esp-partitions.js";

/** Erase size of `begin`: erase each sector just before it is written. */
export const otaWithSequentialWrites = 0xfffffffe;
/** Erase size of `begin`: erase the whole partition now, as 0 does. */
export const otaSizeUnknown = 0xffffffff;

interface OtaUpdate {
  readonly partition: Partition;
  readonly sequential: boolean;
  writtenBytes: number;
}

/** One boot of an app: open updates do not outlive it. */
export class EspOta extends EspPartitions {
  private readonly rollback: boolean;
  private readonly updates = new Map<number, OtaUpdate>();
  private lastHandle = 0;

  constructor(options: EspOtaOptions) {
    super(options);
    this.rollback = options.rollback !== false;
  }

  /** esp_ota_begin: erases `imageBytes` rounded up to sectors, then the inactive otadata entry. */
  begin(partition: Partition, imageBytes: number): number {
    if (partition.type === typeApp) {
      if (!isOtaPartition(partition)) throw new EspError("ESP_ERR_INVALID_ARG");
      if (partition === this.options.running) {
        throw new EspError("ESP_ERR_OTA_PARTITION_CONFLICT");
      }
      if (this.rollback && this.runningEntry()?.stateWord === statePendingVerify) {
        throw new EspError("ESP_ERR_OTA_ROLLBACK_INVALID_STATE");
      }
    }
    const handle = ++this.lastHandle;
    const sequential = imageBytes === otaWithSequentialWrites;
    this.updates.set(handle, { partition, sequential, writtenBytes: 0 });
    if (!sequential) {
      const whole = imageBytes === 0 || imageBytes === otaSizeUnknown;
      this.erase(partition, 0, whole ? partition.sizeBytes : alignUp(imageBytes));
    }
    if (this.rollback && isOtaPartition(partition)) this.forgetInactive();
    return handle;
  }

  /** esp_ota_write: appends `from[start, start + length)`. */
  write(handle: number, from: Uint8Array, start: number, length: number): void {
    if (length === 0) return;
    const update = this.updateOf(handle, "ESP_ERR_INVALID_ARG");
    const { partition, writtenBytes } = update;
    if (update.sequential) {
      const first = alignUp(writtenBytes);
      this.erase(partition, first, alignUp(writtenBytes + length) - first);
    }
    if (writtenBytes === 0 && partition.type === typeApp && from[start] !== imageMagic) {
      throw new EspError("ESP_ERR_OTA_VALIDATE_FAILED");
    }
    this.program(partition, writtenBytes, from, start, length);
    update.writtenBytes += length;
  }

  /** esp_ota_write_with_offset: no erase; ESP-IDF aborts when begin was sequential. */
  writeWithOffset(
    handle: number,
    from: Uint8Array,
    start: number,
    length: number,
    offset: number,
  ): void {
    const update = this.updateOf(handle, "ESP_ERR_INVALID_ARG");
    if (update.sequential) throw new Error("assert: must erase the partition before writing to it");
    this.program(update.partition, offset, from, start, length);
    update.writtenBytes += length;
  }

  /** esp_ota_end: verifies the image. The handle is gone afterwards, whatever happens. */
  end(handle: number): void {
    const update = this.updateOf(handle, "ESP_ERR_NOT_FOUND");
    this.updates.delete(handle);
    if (update.writtenBytes === 0) throw new EspError("ESP_ERR_INVALID_ARG");
    if (update.partition.type === typeApp && !this.verify(update.partition).ok) {
      throw new EspError("ESP_ERR_OTA_VALIDATE_FAILED");
    }
  }

  /** esp_ota_abort: drops the handle; what was written stays. */
  abort(handle: number): void {
    this.updateOf(handle, "ESP_ERR_NOT_FOUND");
    this.updates.delete(handle);
  }

  /** esp_ota_set_boot_partition: verifies the image, then rewrites one otadata entry. */
  setBootPartition(partition: Partition): void {
    if (!this.verify(partition).ok) throw new EspError("ESP_ERR_OTA_VALIDATE_FAILED");
    if (partition.type !== typeApp) throw new EspError("ESP_ERR_INVALID_ARG");
    const otadata = this.otadata();
    if (partition.subtype === subtypeFactory) {
      this.erase(otadata, 0, otadata.sizeBytes);
      return;
    }
    const pair = this.entries();
    const slot = partition.subtype & 0x0f;
    const count = this.slotCount();
    if (slot >= count) throw new EspError("ESP_ERR_INVALID_ARG");
    const active = activeEntry(pair);
    const current = active === -1 ? null : pair[active].sequence;
    const sequence = nextSequence(current, slot, count);
    // v6.0 rewrites the active entry in place when it selects the slot already (996a9ca25fc).
    const inPlace = active === -1 ? 0 : active;
    const sector = active === -1 || sequence === current ? inPlace : other(active);
    const state = this.rollback ? stateNew : stateUndefined;
    this.rewrite(sector, makeEntry(sequence, state, pair[sector].label));
  }

  /** esp_ota_mark_app_valid_cancel_rollback: acts on the active entry, not on the running slot. */
  markAppValid(): void {
    const pair = this.entries();
    const active = activeEntry(pair);
    if (active === -1 || this.slotCount() === 0) throw new EspError("ESP_FAIL");
    if (pair[active].stateWord === stateValid) return;
    this.rewrite(active, withState(pair[active], stateValid));
  }

  /** esp_ota_mark_app_invalid_rollback: the caller restarts. */
  markAppInvalid(): void {
    const pair = this.entries();
    const active = activeEntry(pair);
    if (active === -1 || this.slotCount() === 0) throw new EspError("ESP_FAIL");
    if (!this.checkRollbackIsPossible()) throw new EspError("ESP_ERR_OTA_ROLLBACK_FAILED");
    this.rewrite(active, withState(pair[active], stateInvalid));
  }

  /** esp_ota_check_rollback_is_possible: the other entry's slot, or factory, holds a good image. */
  checkRollbackIsPossible(): boolean {
    const otadata = this.find(typeData, subtypeOtadata);
    const count = this.slotCount();
    if (otadata === null || count === 0) return false;
    const pair = this.entries();
    const active = activeEntry(pair);
    if (active === -1) return false;
    const last = pair[other(active)];
    const target = entryValid(last)
      ? this.slot(slotOfSequence(last.sequence, count))
      : this.find(typeApp, subtypeFactory);
    return target !== null && this.verify(target).ok;
  }

  /** esp_ota_get_state_partition: the first intact entry of the slot, active or not. */
  getStatePartition(partition: Partition): Exclude<SlotState, "none"> {
    if (!isOtaPartition(partition)) throw new EspError("ESP_ERR_NOT_SUPPORTED");
    if (this.slotCount() === 0) throw new EspError("ESP_ERR_NOT_FOUND");
    const entry = this.entryOf(partition);
    if (entry === null) throw new EspError("ESP_ERR_NOT_FOUND");
    return stateName(entry.stateWord);
  }

  /** esp_ota_get_running_partition. */
  getRunningPartition(): Partition {
    return this.options.running;
  }

  /** esp_ota_get_next_update_partition(NULL): the OTA slot after the running one. */
  getNextUpdatePartition(): Partition | null {
    let first: Partition | null = null;
    let next = false;
    for (let slot = 0; slot < slotsMax; slot++) {
      const partition = this.slot(slot);
      if (partition === null) continue;
      first ??= partition;
      if (partition === this.options.running) next = true;
      else if (next) return partition;
    }
    return first;
  }

  /** esp_ota_get_boot_partition: what otadata selects; says nothing about the image there. */
  getBootPartition(): Partition | null {
    if (this.find(typeData, subtypeOtadata) === null) return null;
    const pair = this.entries();
    const count = this.slotCount();
    const active = activeEntry(pair);
    const none = (entryInvalid(pair[0]) && entryInvalid(pair[1])) || count === 0 || active === -1;
    if (!none) return this.slot(slotOfSequence(pair[active].sequence, count));
    const factory = this.find(typeApp, subtypeFactory);
    if (factory !== null) return factory;
    for (let slot = 0; slot < slotsMax; slot++) {
      const partition = this.slot(slot);
      if (partition !== null) return partition;
    }
    return this.find(typeApp, subtypeTest);
  }

  /** esp_ota_invalidate_inactive_ota_data_slot: its failures are ignored by begin. */
  private forgetInactive(): void {
    const count = this.slotCount();
    if (this.find(typeData, subtypeOtadata) === null || count === 0) return;
    const pair = this.entries();
    const active = activeEntry(pair);
    if (active === -1) return;
    const sector = other(active);
    const entry = pair[sector];
    if (entry.sequence === sequenceErased || !crcMatches(entry)) return;
    const target = this.slot(slotOfSequence(entry.sequence, count));
    if (target === null || target === this.options.running) return;
    this.erase(this.otadata(), sector * otadataSectorBytes, otadataSectorBytes);
  }

  private runningEntry(): OtadataEntry | null {
    const { running } = this.options;
    if (!isOtaPartition(running) || this.find(typeData, subtypeOtadata) === null) return null;
    return this.slotCount() === 0 ? null : this.entryOf(running);
  }

  private entryOf(partition: Partition): OtadataEntry | null {
    const slot = partition.subtype & 0x0f;
    const count = this.slotCount();
    for (const entry of this.entries()) {
      if (slotOfSequence(entry.sequence, count) === slot && crcMatches(entry)) return entry;
    }
    return null;
  }

  private updateOf(handle: number, missing: EspErrorName): OtaUpdate {
    const update = this.updates.get(handle);
    if (update === undefined) throw new EspError(missing);
    return update;
  }
}

function other(sector: 0 | 1): 0 | 1 {
  return sector === 0 ? 1 : 0;
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / otadataSectorBytes) * otadataSectorBytes;
}
