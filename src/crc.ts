/**
 * CRC-32 (IEEE 802.3, reflected polynomial EDB88320). A crc finds accidents, not attacks; digests
 * are in crypto/. The package computes its tables when it loads, so preloaded they lie in flash.
 */

import CRC32 from "crc-32";

/** CRC-32 of `bytes[start, start + length)` as an unsigned number; the caller checks range. */
export function crc32(bytes: Uint8Array, start: number, length: number): number {
  return CRC32.buf(bytes.subarray(start, start + length)) >>> 0;
}

/**
 * The crc of an otadata entry: `esp_rom_crc32_le(UINT32_MAX, &ota_seq, 4)` (ESP-IDF
 * bootloader_common_loader.c, bootloader_common_ota_select_crc). The ROM inverts the seed, so the
 * register starts at 0: this is NOT the plain CRC-32 of the four bytes.
 */
export function otadataCrc(sequence: number): number {
  const bytes = new Uint8Array(4);
  bytes[0] = sequence;
  bytes[1] = sequence >>> 8;
  bytes[2] = sequence >>> 16;
  bytes[3] = sequence >>> 24;
  return CRC32.buf(bytes, 0xffffffff | 0) >>> 0;
}
