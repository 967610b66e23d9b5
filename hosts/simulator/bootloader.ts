/**
 * ESP-IDF's second stage bootloader on a simulated flash: boot/select.ts chooses, this drives it.
 * Every otadata change is an erase of its sector and a program of 32 bytes, two flash operations,
 * so that a power cut can fall between them (bootloader_utility.c, write_otadata).
 */

import { type ImageReader, type ImageResult, verifyImage } from "../../src/boot/image.js";
import {
  decodeEntry,
  type OtadataPair,
  otadataBytesMin,
  otadataEntryBytes,
  otadataSectorBytes,
} from "../../src/boot/otadata.js";
import { encodeEntry } from "../../src/boot/otadata-write.js";
import {
  type BootLayout,
  bootLayout,
  type Md5,
  type Partition,
  parsePartitions,
  partitionTableAddress,
  partitionTableBytesMax,
  type TableError,
} from "../../src/boot/partitions.js";
import {
  type ChoiceReason,
  candidateOrder,
  chooseStart,
  factoryIndex,
  initialRewrite,
  type Rewrite,
  replaced,
  slotsMax,
  testIndex,
} from "../../src/boot/select.js";
import type { DigestFactory } from "../../src/crypto/digest.js";

/** What the bootloader needs of a flash. */
export interface BootFlash {
  readonly sizeBytes: number;
  read(address: number, into: Uint8Array, start: number, length: number): void;
  write(address: number, from: Uint8Array, start: number, length: number): void;
  eraseBlock(address: number): void;
}

export interface BootCrypto {
  readonly digest: DigestFactory;
  readonly md5: Md5;
}

export interface BootOptions {
  /** Default 0, the ESP32. */
  readonly chipId?: number;
  /** major * 100 + minor; default 300. */
  readonly chipRevision?: number;
  /** CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE; default true. */
  readonly rollback?: boolean;
  /** CONFIG_BOOTLOADER_SKIP_VALIDATE_ALWAYS; default false. */
  readonly skipValidate?: boolean;
  /** false: nothing is written, the result says what would be; default true. */
  readonly write?: boolean;
  /** Size of the chip when it is not that of `flash`. */
  readonly flashBytes?: number;
}

/**
 * Why that slot boots, or why the chip resets for ever. Stable codes. "fallback": the image that
 * should have booted was refused.
 */
export type BootReason =
  | ChoiceReason
  | "fallback"
  | "partition-table-invalid"
  | "otadata-too-small"
  | "no-bootable-image";

export interface CheckedImage {
  readonly label: string;
  readonly index: number;
  readonly result: ImageResult;
}

export interface BootResult {
  /** Label of the partition that boots; null when the chip resets, for ever. */
  readonly slot: string | null;
  readonly partition: Partition | null;
  /** Slot index, -1 factory, -2 test, null reset. */
  readonly index: number | null;
  readonly reset: boolean;
  readonly reason: BootReason;
  readonly tableError: TableError | null;
  readonly choice: ChoiceReason | null;
  /** Sector addresses written, in order. */
  readonly writes: readonly number[];
  readonly rewrites: readonly Rewrite[];
  readonly checked: readonly CheckedImage[];
  readonly otadataBefore: OtadataPair | null;
  readonly otadataAfter: OtadataPair | null;
}

/** Boots once. Throws what the flash throws, PowerCut among it. */
export function runBootloader(
  flash: BootFlash,
  crypto: BootCrypto,
  options: BootOptions = {},
): BootResult {
  const table = new Uint8Array(partitionTableBytesMax);
  const tableBytes = Math.min(table.length, flash.sizeBytes - partitionTableAddress);
  flash.read(partitionTableAddress, table, 0, tableBytes);
  const flashBytes = options.flashBytes ?? flash.sizeBytes;
  const parsed = parsePartitions(table, { flashBytes, md5: crypto.md5 });
  if (!parsed.ok) return resetResult("partition-table-invalid", parsed.code, null);
  return new Boot(flash, crypto, options, bootLayout(parsed.partitions)).run();
}

/** One boot with a good partition table. */
class Boot {
  private readonly flash: BootFlash;
  private readonly crypto: BootCrypto;
  private readonly options: BootOptions;
  private readonly layout: BootLayout;
  private readonly checked: CheckedImage[] = [];
  private readonly rewrites: Rewrite[] = [];
  private readonly writes: number[] = [];
  private readonly work = new Uint8Array(4096);

  constructor(flash: BootFlash, crypto: BootCrypto, options: BootOptions, layout: BootLayout) {
    this.flash = flash;
    this.crypto = crypto;
    this.options = options;
    this.layout = layout;
  }

  run(): BootResult {
    const { layout } = this;
    const otadata = layout.otadata !== null && layout.otadata.offset !== 0 ? layout.otadata : null;
    if (otadata !== null && otadata.sizeBytes < otadataBytesMin) {
      return resetResult("otadata-too-small", null, null);
    }
    const before = otadata === null ? null : this.readEntries(otadata);
    const choice = chooseStart({
      entries: before,
      appCount: layout.appCount,
      factoryPresent: layout.factory !== null && layout.factory.offset !== 0,
      rollback: this.options.rollback !== false,
    });
    let after = choice.entries;
    for (const rewrite of choice.rewrites) this.apply(otadata, rewrite);
    for (const index of candidateOrder(choice.startIndex, layout.appCount)) {
      const partition = this.partitionOf(index);
      if (partition === null || partition.sizeBytes === 0) continue;
      const result = this.verify(partition);
      this.checked.push({ label: partition.label, index, result });
      if (!result.ok) continue;
      if (choice.writesInitial && index >= 0 && after !== null) {
        const rewrite = initialRewrite(index);
        this.apply(otadata, rewrite);
        after = replaced(after, rewrite.sector, rewrite.entry);
      }
      const reason = this.checked.length > 1 ? "fallback" : choice.reason;
      return {
        ...this.facts(choice.reason, before, after),
        slot: partition.label,
        partition,
        index,
        reset: false,
        reason,
      };
    }
    return {
      ...resetResult("no-bootable-image", null, choice.reason),
      ...this.facts(choice.reason, before, after),
    };
  }

  private facts(
    choice: ChoiceReason,
    otadataBefore: OtadataPair | null,
    otadataAfter: OtadataPair | null,
  ) {
    const { writes, rewrites, checked } = this;
    return { tableError: null, choice, writes, rewrites, checked, otadataBefore, otadataAfter };
  }

  private readEntries(otadata: Partition): OtadataPair {
    const bytes = new Uint8Array(2 * otadataEntryBytes);
    this.flash.read(otadata.offset, bytes, 0, otadataEntryBytes);
    const second = otadata.offset + otadataSectorBytes;
    this.flash.read(second, bytes, otadataEntryBytes, otadataEntryBytes);
    return [decodeEntry(bytes, 0), decodeEntry(bytes, otadataEntryBytes)];
  }

  /** write_otadata: erase first, then 32 bytes. */
  private apply(otadata: Partition | null, rewrite: Rewrite): void {
    if (otadata === null) return;
    const address = otadata.offset + rewrite.sector * otadataSectorBytes;
    this.rewrites.push(rewrite);
    this.writes.push(address);
    if (this.options.write === false) return;
    this.flash.eraseBlock(address - (address % otadataSectorBytes));
    this.flash.write(address, encodeEntry(rewrite.entry), 0, otadataEntryBytes);
  }

  /** index_to_partition: slots from the number of OTA rows on do not exist. */
  private partitionOf(index: number): Partition | null {
    if (index === factoryIndex) return this.layout.factory;
    if (index === testIndex) return this.layout.test;
    if (index < 0 || index >= slotsMax || index >= this.layout.appCount) return null;
    return this.layout.slots[index];
  }

  private verify(partition: Partition): ImageResult {
    const read: ImageReader = (offset, into, start, length) =>
      this.flash.read(partition.offset + offset, into, start, length);
    const chip = {
      chipId: this.options.chipId ?? 0,
      chipRevision: this.options.chipRevision ?? 300,
    };
    return verifyImage(read, partition.sizeBytes, chip, this.crypto.digest, {
      work: this.work,
      address: partition.offset,
      skipValidate: this.options.skipValidate === true,
    });
  }
}

function resetResult(
  reason: BootReason,
  tableError: TableError | null,
  choice: ChoiceReason | null,
): BootResult {
  return {
    slot: null,
    partition: null,
    index: null,
    reset: true,
    reason,
    tableError,
    choice,
    writes: [],
    rewrites: [],
    checked: [],
    otadataBefore: null,
    otadataAfter: null,
  };
}
