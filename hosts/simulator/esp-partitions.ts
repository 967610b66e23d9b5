/**
 * What the OTA functions build on: the partition table as an app sees it, flash by partition
 * (esp_partition.c), otadata, and esp_image_verify.
 */

import { type ImageReader, type ImageResult, verifyImage } from "../../src/boot/image.js";
import {
  decodeEntry,
  type OtadataEntry,
  type OtadataPair,
  otadataEntryBytes,
  otadataSectorBytes,
} from "../../src/boot/otadata.js";
import { encodeEntry } from "../../src/boot/otadata-write.js";
import {
  type Partition,
  subtypeOta0,
  subtypeOtadata,
  typeApp,
  typeData,
} from "../../src/boot/partitions.js";
import { slotsMax } from "../../src/boot/select.js";
import type { DigestFactory } from "../../src/crypto/digest.js";
import type { BootFlash } from "./bootloader.js";

export type EspErrorName =
  | "ESP_FAIL"
  | "ESP_ERR_INVALID_ARG"
  | "ESP_ERR_INVALID_SIZE"
  | "ESP_ERR_NOT_FOUND"
  | "ESP_ERR_NOT_SUPPORTED"
  | "ESP_ERR_OTA_PARTITION_CONFLICT"
  | "ESP_ERR_OTA_ROLLBACK_FAILED"
  | "ESP_ERR_OTA_ROLLBACK_INVALID_STATE"
  | "ESP_ERR_OTA_VALIDATE_FAILED";

/** An esp_err_t other than ESP_OK; the message is its name. */
export class EspError extends Error {
  readonly code: EspErrorName;

  constructor(code: EspErrorName) {
    super(code);
    this.code = code;
  }

  override get name(): string {
    return "EspError";
  }
}

export interface EspOtaOptions {
  readonly flash: BootFlash;
  /** The table as the app sees it; of equal rows the first counts. */
  readonly partitions: readonly Partition[];
  /** The partition this app runs from; an element of `partitions`. */
  readonly running: Partition;
  readonly digest: DigestFactory;
  readonly chipId: number;
  /** major * 100 + minor. */
  readonly chipRevision: number;
  /** CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE; default true. */
  readonly rollback?: boolean;
}

/** The partitions of a running app. Errors are EspError; PowerCut and FlashMisuse pass through. */
export class EspPartitions {
  protected readonly options: EspOtaOptions;
  private work: Uint8Array | null = null;

  constructor(options: EspOtaOptions) {
    this.options = options;
  }

  protected find(type: number, subtype: number): Partition | null {
    const { partitions } = this.options;
    return partitions.find((each) => each.type === type && each.subtype === subtype) ?? null;
  }

  protected slot(index: number): Partition | null {
    return this.find(typeApp, subtypeOta0 + index);
  }

  /** esp_ota_get_app_partition_count: slots without a gap from ota_0. */
  protected slotCount(): number {
    let count = 0;
    while (count < slotsMax && this.slot(count) !== null) count++;
    return count;
  }

  protected otadata(): Partition {
    const otadata = this.find(typeData, subtypeOtadata);
    if (otadata === null) throw new EspError("ESP_ERR_NOT_FOUND");
    return otadata;
  }

  protected entries(): OtadataPair {
    const { offset } = this.otadata();
    const bytes = new Uint8Array(2 * otadataEntryBytes);
    this.options.flash.read(offset, bytes, 0, otadataEntryBytes);
    const second = offset + otadataSectorBytes;
    this.options.flash.read(second, bytes, otadataEntryBytes, otadataEntryBytes);
    return [decodeEntry(bytes, 0), decodeEntry(bytes, otadataEntryBytes)];
  }

  /** rewrite_ota_seq: erase the sector, write 32 bytes; the crc is made anew. */
  protected rewrite(sector: 0 | 1, entry: OtadataEntry): void {
    const address = this.otadata().offset + sector * otadataSectorBytes;
    this.options.flash.eraseBlock(address);
    this.options.flash.write(address, encodeEntry(entry), 0, otadataEntryBytes);
  }

  protected verify(partition: Partition): ImageResult {
    const { flash, digest, chipId, chipRevision } = this.options;
    const read: ImageReader = (offset, into, start, length) =>
      flash.read(partition.offset + offset, into, start, length);
    this.work ??= new Uint8Array(4096);
    return verifyImage(read, partition.sizeBytes, { chipId, chipRevision }, digest, {
      work: this.work,
      address: partition.offset,
    });
  }

  /** esp_partition_erase_range. */
  protected erase(partition: Partition, offset: number, length: number): void {
    if (offset > partition.sizeBytes || length > partition.sizeBytes - offset) {
      throw new EspError("ESP_ERR_INVALID_SIZE");
    }
    for (let done = 0; done < length; done += otadataSectorBytes) {
      this.options.flash.eraseBlock(partition.offset + offset + done);
    }
  }

  /** esp_partition_write. */
  protected program(
    partition: Partition,
    offset: number,
    from: Uint8Array,
    start: number,
    length: number,
  ): void {
    if (offset > partition.sizeBytes || length > partition.sizeBytes - offset) {
      throw new EspError("ESP_ERR_INVALID_SIZE");
    }
    this.options.flash.write(partition.offset + offset, from, start, length);
  }
}
