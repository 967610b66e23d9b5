/**
 * ESP-IDF partition tables (esp_flash_partitions.h). One table of at most 96 rows of 32 bytes,
 * little endian, at 0x8000; the rest of its sector is FF:
 *
 * | offset | bytes | field                                               |
 * |--------|-------|-----------------------------------------------------|
 * | 0      | 2     | AA 50; EB EB for the MD5 row; FF FF ends the table  |
 * | 2      | 1     | type: 0 app, 1 data, 40..FE custom                  |
 * | 3      | 1     | subtype                                             |
 * | 4      | 4     | offset in flash                                     |
 * | 8      | 4     | size                                                |
 * | 12     | 16    | label, NUL padded                                   |
 * | 28     | 4     | flags: bit 0 encrypted, bit 1 read-only             |
 *
 * The MD5 row has 14 bytes FF after its magic, then the MD5 of all bytes of the table before it.
 */

import { asciiBytes, asciiText, equalBytes, readU16, readU32, writeU32 } from "../bytes.js";
import { slotsMax } from "./select.js";

export const partitionTableAddress = 0x8000;
export const partitionTableBytesMax = 0xc00;
const rowBytes = 32;
const sectorBytes = 4096;

export const typeApp = 0;
export const typeData = 1;
export const subtypeFactory = 0x00;
export const subtypeOta0 = 0x10;
export const subtypeTest = 0x20;
export const subtypeOtadata = 0x00;

/** MD5 of `bytes`: 16 bytes. Injected, for only tables need it. */
export type Md5 = (bytes: Uint8Array) => Uint8Array;

export interface Partition {
  readonly type: number;
  readonly subtype: number;
  /** Flash address. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** At most 16 characters. */
  readonly label: string;
  readonly flags: number;
}

export type TableError =
  | "table-too-short"
  | "partition-outside-flash"
  | "second-md5-row"
  | "md5-mismatch"
  | "md5-missing"
  | "bad-row"
  | "table-unterminated";

export type TableResult =
  | { readonly ok: true; readonly partitions: readonly Partition[]; readonly md5Present: boolean }
  | { readonly ok: false; readonly code: TableError };

export interface TableOptions {
  /** Size of the flash chip in bytes. */
  readonly flashBytes: number;
  readonly md5: Md5;
  /**
   * The rule of apps built with CONFIG_PARTITION_TABLE_MD5 (esp_partition, load_partitions): the
   * table ends at its MD5 row, which must exist. The bootloader does not ask; default false.
   */
  readonly md5Required?: boolean;
}

/** Reads a table as esp_partition_table_verify and bootloader_utility_load_partition_table do. */
export function parsePartitions(bytes: Uint8Array, options: TableOptions): TableResult {
  const rowsMax = partitionTableBytesMax / rowBytes;
  const partitions: Partition[] = [];
  let md5Row = -1;
  for (let row = 0; row < rowsMax; row++) {
    const at = row * rowBytes;
    if (at + rowBytes > bytes.length) return refuse("table-too-short");
    const magic = readU16(bytes, at);
    if (magic === 0x50aa) {
      const partition = readRow(bytes, at);
      const { offset, sizeBytes } = partition;
      if (offset > options.flashBytes || sizeBytes > options.flashBytes - offset) {
        return refuse("partition-outside-flash");
      }
      partitions.push(partition);
    } else if (magic === 0xebeb) {
      if (md5Row >= 0) return refuse("second-md5-row");
      const md5 = options.md5(bytes.subarray(0, at));
      if (!equalBytes(md5, bytes.subarray(at + 16, at + 32))) return refuse("md5-mismatch");
      md5Row = row;
      if (options.md5Required === true) return { ok: true, partitions, md5Present: true };
    } else if (row !== 0 && magic === 0xffff && readU16(bytes, at + 2) === 0xffff) {
      if (md5Row < 0 && options.md5Required === true) return refuse("md5-missing");
      // The bootloader takes the first (rows - 1) rows once it has seen an MD5 row, wherever it
      // was: when rows follow it, the last of them is lost.
      if (md5Row >= 0 && md5Row < row - 1) partitions.pop();
      return { ok: true, partitions, md5Present: md5Row >= 0 };
    } else {
      return refuse("bad-row");
    }
  }
  return refuse("table-unterminated");
}

/** The partitions that matter to the bootloader. */
export interface BootLayout {
  readonly otadata: Partition | null;
  readonly factory: Partition | null;
  readonly test: Partition | null;
  /** By slot index, always 16 long. */
  readonly slots: readonly (Partition | null)[];
  /** OTA rows in the table; doubled slots make it wrong, as on a chip. */
  readonly appCount: number;
}

/** bootloader_utility_load_partition_table: of rows with equal subtypes the last one counts. */
export function bootLayout(partitions: readonly Partition[]): BootLayout {
  const slots: (Partition | null)[] = new Array(slotsMax).fill(null);
  let otadata: Partition | null = null;
  let factory: Partition | null = null;
  let test: Partition | null = null;
  let appCount = 0;
  for (const partition of partitions) {
    const { type, subtype } = partition;
    if (type === typeData && subtype === subtypeOtadata) otadata = partition;
    if (type !== typeApp) continue;
    if (subtype === subtypeFactory) factory = partition;
    else if (subtype === subtypeTest) test = partition;
    else if ((subtype & 0xf0) === subtypeOta0) {
      slots[subtype & 0x0f] = partition;
      appCount++;
    }
  }
  return { otadata, factory, test, slots, appCount };
}

/** True for the partition of an OTA slot (esp_ota_ops.c, is_ota_partition). */
export function isOtaPartition(partition: Partition): boolean {
  return partition.type === typeApp && (partition.subtype & 0xf0) === subtypeOta0;
}

/**
 * Bytes of a table with its MD5 row, FF to 0xC00. Throws RangeError for a table that gen_esp32part
 * refuses: misaligned, overlapping, doubled labels, an otadata that is not one of 0x2000 bytes.
 * `md5` null leaves the MD5 row out (CONFIG_PARTITION_TABLE_MD5=n).
 */
export function encodePartitions(partitions: readonly Partition[], md5: Md5 | null): Uint8Array {
  checkTable(partitions);
  const rows = partitions.length + (md5 === null ? 0 : 1);
  if (partitions.length === 0 || rows * rowBytes >= partitionTableBytesMax) {
    throw new RangeError(`partition table of ${rows} rows does not fit`);
  }
  const bytes = new Uint8Array(partitionTableBytesMax).fill(0xff);
  let at = 0;
  for (const partition of partitions) {
    writeU32(bytes, at, 0x50aa | (partition.type << 16) | (partition.subtype << 24));
    writeU32(bytes, at + 4, partition.offset);
    writeU32(bytes, at + 8, partition.sizeBytes);
    bytes.fill(0, at + 12, at + 28);
    bytes.set(asciiBytes(partition.label), at + 12);
    writeU32(bytes, at + 28, partition.flags);
    at += rowBytes;
  }
  if (md5 !== null) {
    bytes[at] = 0xeb;
    bytes[at + 1] = 0xeb;
    bytes.set(md5(bytes.subarray(0, at)), at + 16);
  }
  return bytes;
}

/** gen_esp32part.py, PartitionTable.verify and PartitionDefinition.verify. */
function checkTable(partitions: readonly Partition[]): void {
  const fail = (partition: Partition, why: string): never => {
    throw new RangeError(`partition "${partition.label}" ${why}`);
  };
  const labels = new Set<string>();
  for (const partition of partitions) {
    const { type, subtype, offset, sizeBytes, label } = partition;
    if (label.length > 16) fail(partition, "has a label of more than 16 characters");
    if (labels.has(label)) fail(partition, "has a label that is already used");
    labels.add(label);
    if (offset % (type === typeApp ? 0x10000 : sectorBytes) !== 0) fail(partition, "is misaligned");
    if (type === typeApp && sizeBytes % sectorBytes !== 0) fail(partition, "has a misaligned size");
    if (type === typeData && subtype === subtypeOtadata && sizeBytes !== 2 * sectorBytes) {
      fail(partition, "is otadata and must have 0x2000 bytes");
    }
  }
  const otadata = partitions.filter((p) => p.type === typeData && p.subtype === subtypeOtadata);
  if (otadata.length > 1) fail(otadata[1], "is a second otadata");
  let end = partitionTableAddress + sectorBytes;
  for (const partition of [...partitions].sort((a, b) => a.offset - b.offset)) {
    if (partition.offset < end) fail(partition, "overlaps what lies before it");
    end = partition.offset + partition.sizeBytes;
  }
}

function readRow(bytes: Uint8Array, at: number): Partition {
  let end = at + 12;
  while (end < at + 28 && bytes[end] !== 0) end++;
  return {
    type: bytes[at + 2],
    subtype: bytes[at + 3],
    offset: readU32(bytes, at + 4),
    sizeBytes: readU32(bytes, at + 8),
    label: asciiText(bytes, at + 12, end),
    flags: readU32(bytes, at + 28),
  };
}

function refuse(code: TableError): TableResult {
  return { ok: false, code };
}
