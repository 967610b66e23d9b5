/**
 * ESP-IDF's boot record "otadata": two entries, each alone at the start of its own 4 KB sector, so
 * that one survives while the other is erased and written (esp_flash_partitions.h,
 * esp_ota_select_entry_t; all numbers little endian):
 *
 * | offset | bytes | field                                                                  |
 * |--------|-------|------------------------------------------------------------------------|
 * | 0      | 4     | sequence: slot = (sequence - 1) mod slot count; FFFFFFFF = no entry    |
 * | 4      | 20    | label: unused, written FF, copied through when an entry is rewritten   |
 * | 24     | 4     | state: 0 new, 1 pending-verify, 2 valid, 3 invalid, 4 aborted          |
 * | 28     | 4     | crc of the sequence only: the state is NOT covered                     |
 *
 * Any other state word, FFFFFFFF among them, is undefined. Here is what a device reads; entries are
 * written by ESP-IDF, and by otadata-write.ts for those who play it.
 * Decoding is total: any 32 bytes are an entry, and the functions below say what it is worth.
 */

import { readU32 } from "../bytes.js";
import { otadataCrc } from "../crc.js";
import type { SlotIndex, SlotState } from "../hal.js";

export const otadataEntryBytes = 32;
/** Sector of one entry: the erase unit. */
export const otadataSectorBytes = 4096;
/** Both sectors; ESP-IDF refuses a smaller partition (bootloader_common.c, read_otadata). */
export const otadataBytesMin = 2 * otadataSectorBytes;
/** The sequence of an erased entry. */
export const sequenceErased = 0xffffffff;

/** Values of the state word, ESP-IDF `esp_ota_img_states_t`. */
export const stateNew = 0;
export const statePendingVerify = 1;
export const stateValid = 2;
export const stateInvalid = 3;
export const stateAborted = 4;
export const stateUndefined = 0xffffffff;

/** One entry as it lies in flash; every field unsigned. */
export interface OtadataEntry {
  readonly sequence: number;
  /** 20 bytes. */
  readonly label: Uint8Array;
  readonly stateWord: number;
  readonly crc: number;
}

/** The entries of sector 0 and sector 1. */
export type OtadataPair = readonly [OtadataEntry, OtadataEntry];

/** Reads the entry at `bytes[offset, offset + 32)`; the caller checks the range. */
export function decodeEntry(bytes: Uint8Array, offset: number): OtadataEntry {
  return {
    sequence: readU32(bytes, offset),
    label: bytes.slice(offset + 4, offset + 24),
    stateWord: readU32(bytes, offset + 24),
    crc: readU32(bytes, offset + 28),
  };
}

export function crcMatches(entry: OtadataEntry): boolean {
  return entry.crc === otadataCrc(entry.sequence);
}

/** bootloader_common_ota_select_invalid: looks at no crc. */
export function entryInvalid(entry: OtadataEntry): boolean {
  return (
    entry.sequence === sequenceErased ||
    entry.stateWord === stateInvalid ||
    entry.stateWord === stateAborted
  );
}

/** bootloader_common_ota_select_valid: the bootloader may boot by this entry. */
export function entryValid(entry: OtadataEntry): boolean {
  return !entryInvalid(entry) && crcMatches(entry);
}

/** bootloader_common_get_active_otadata: the larger sequence wins, sector 0 on a tie; -1 none. */
export function activeEntry(pair: OtadataPair): 0 | 1 | -1 {
  const first = entryValid(pair[0]);
  const second = entryValid(pair[1]);
  if (first && second) return pair[0].sequence >= pair[1].sequence ? 0 : 1;
  if (first) return 0;
  return second ? 1 : -1;
}

/** The slot that a sequence selects: u32 arithmetic, so sequence 0 counts as FFFFFFFF. */
export function slotOfSequence(sequence: number, slotCount: number): SlotIndex {
  return ((sequence - 1) >>> 0) % slotCount;
}

/** Name of a state word. Unknown words are "undefined": the bootloader boots them unguarded too. */
export function stateName(stateWord: number): Exclude<SlotState, "none"> {
  switch (stateWord) {
    case stateNew:
      return "new";
    case statePendingVerify:
      return "pending-verify";
    case stateValid:
      return "valid";
    case stateInvalid:
      return "invalid";
    case stateAborted:
      return "aborted";
    default:
      return "undefined";
  }
}
