/** Making and changing otadata entries as ESP-IDF does: for the simulated board and for tools. */

import { writeU32 } from "../bytes.js";
import { otadataCrc } from "../crc.js";
import type { SlotIndex } from "../hal.js";
import {
  crcMatches,
  type OtadataEntry,
  otadataEntryBytes,
  sequenceErased,
  slotOfSequence,
} from "./otadata.js";

/** The 32 bytes of an entry; its crc is written as it is, right or wrong. */
export function encodeEntry(entry: OtadataEntry): Uint8Array {
  const bytes = new Uint8Array(otadataEntryBytes);
  writeU32(bytes, 0, entry.sequence);
  bytes.set(entry.label, 4);
  writeU32(bytes, 24, entry.stateWord);
  writeU32(bytes, 28, entry.crc);
  return bytes;
}

/** An entry with a right crc and, unless a label is handed on, an erased label. */
export function makeEntry(sequence: number, stateWord: number, label?: Uint8Array): OtadataEntry {
  return {
    sequence,
    label: label ?? new Uint8Array(20).fill(0xff),
    stateWord,
    crc: otadataCrc(sequence),
  };
}

/** The same entry in another state. Its crc is kept, as the bootloader keeps even a wrong one. */
export function withState(entry: OtadataEntry, stateWord: number): OtadataEntry {
  return { sequence: entry.sequence, label: entry.label, stateWord, crc: entry.crc };
}

/** Erased, or with a wrong crc; what ESP-IDF calls initial contents. */
export function entryInitial(entry: OtadataEntry): boolean {
  return entry.sequence === sequenceErased || !crcMatches(entry);
}

/**
 * The sequence that selects `slot` next (esp_ota_ops.c, esp_rewrite_ota_data at v6.0): unchanged
 * when the active entry already selects it, else the smallest number that is not below the active
 * one; `slot + 1` when no entry is active (null). Throws RangeError when 32 bits are used up.
 */
export function nextSequence(
  activeSequence: number | null,
  slot: SlotIndex,
  slotCount: number,
): number {
  if (activeSequence === null) return slot + 1;
  if (slotOfSequence(activeSequence, slotCount) === slot) return activeSequence;
  const base = (slot + 1) % slotCount;
  const rounds = Math.ceil(Math.max(0, activeSequence - base) / slotCount);
  const sequence = base + rounds * slotCount;
  if (sequence >= sequenceErased) throw new RangeError("otadata sequence numbers are used up");
  return sequence;
}
