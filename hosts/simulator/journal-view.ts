/**
 * The agent's journal as a stranger reads it: a decoder apart from the product's, written after the
 * table of records in src/journal/formats.ts, so that a mistake there cannot excuse itself here.
 */

/** Phases of an attempt, by the number in its byte 1. */
export const phaseSeen = Object.freeze({ staging: 2, confirming: 3 });

export interface AttemptSeen {
  readonly phase: number;
  readonly slot: number;
  /** Bit 2 of the flags: the result is told, nothing is under way. */
  readonly closed: boolean;
  readonly imageSizeBytes: number;
}

export interface ConfirmedSeen {
  /** -1: the confirmed image is lost. */
  readonly slot: number;
  readonly sequenceFloor: number;
}

/** What a newer agent appended lies behind these offsets and is not looked at. */
const attemptBytesMin = 141;
const confirmedBytesMin = 156;
const phasesMax = 6;

/** Key "attempt"; null for a record that is damaged or missing. */
export function attemptIn(record: Uint8Array | null | undefined): AttemptSeen | null {
  const view = intact(record, attemptBytesMin);
  if (view === null) return null;
  const phase = view.getUint8(1);
  if (phase < 1 || phase > phasesMax) return null;
  const closed = (view.getUint8(3) & 4) !== 0;
  return { phase, slot: view.getInt8(2), closed, imageSizeBytes: view.getUint32(32, true) };
}

/** Key "confirmed"; null for a record that is damaged or missing. */
export function confirmedIn(record: Uint8Array | null | undefined): ConfirmedSeen | null {
  const view = intact(record, confirmedBytesMin);
  if (view === null) return null;
  return { slot: view.getInt8(1), sequenceFloor: Number(view.getBigUint64(8, true)) };
}

/** A record whose last four bytes are the crc-32 of all before them; null for any other. */
function intact(record: Uint8Array | null | undefined, lengthMin: number): DataView | null {
  if (record === null || record === undefined || record.length < lengthMin) return null;
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  const end = record.length - 4;
  return view.getUint8(0) >= 1 && view.getInt32(end, true) === crcOf(record, end) ? view : null;
}

/** CRC-32 of IEEE 802.3, bit by bit, as a signed number. */
function crcOf(bytes: Uint8Array, end: number): number {
  let crc = -1;
  for (let i = 0; i < end; i++) {
    crc ^= bytes[i];
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (-(crc & 1) & 0xedb88320);
  }
  return ~crc;
}
