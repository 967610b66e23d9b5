/**
 * The journal's records: what survives a restart. Four keys in key-value storage, each replaced
 * whole or not at all. All integers little endian; the last four bytes of a record are the crc-32
 * of all before them. A newer agent may append fields before the crc and raise the version; an
 * older one reads the fields it knows (so both directions of an update can read the other's
 * records).
 *
 *   key "attempt": the update under way, or the last one
 *     0 version u8 = 1    1 phase u8     2 slot i8        3 flags u8
 *           bit 0: repair, bit 1: an unguarded trial has begun, bit 2: closed, its result is told
 *     4 tries u8          5 damages u8   6 powerTrials u8 7 restages u8
 *     8 reportId [8]     16 sequenceNumber u64           24 sequenceFloor u64
 *    32 imageSizeBytes u32    36 returns u32
 *    40 manifestDigest [32]   72 imageDigest [32]   104 identity [32]
 *   136 reason length u8     137 reason, ASCII        then crc u32
 *
 *   key "confirmed": the newest release that was confirmed, and the floor it set
 *     0 version u8 = 1    1 slot i8, -1: it is lost   2 previousSlot i8   3 zero
 *     4 imageSizeBytes u32    8 sequenceFloor u64    16 previousSizeBytes u32   20 zero u32
 *    24 manifestDigest [32]   56 imageDigest [32]    88 identity [32]
 *   120 previousIdentity [32]    152 crc u32
 *
 *   key "progress": how far the payload of one manifest lies in the target slot
 *     0 version u8 = 1    1 zero [3]     4 writtenBytes u32    8 head [16]
 *    24 manifestDigest [32]    56 crc u32
 *
 *   key "bad": releases that failed their trial on this device
 *     0 version u8 = 1    1 count u8     2 zero [6]     8 sequenceBelow u64
 *    16 count x first 16 bytes of a manifest digest    then crc u32
 *
 *   key "failing": attempts at one release that failed for other reasons than the release
 *     0 version u8 = 1    1 count u8     2 zero [6]     8 first 16 bytes of its manifest digest
 *    24 crc u32
 */
import { readU32, writeU32 } from "../bytes.js";
import { crc32 } from "../crc.js";
import { heldHeadBytes, knownBadMax } from "../limits.js";
import type { Reason } from "../reasons.js";

const version = 1;
const digestPrefixBytes = 16;

export const phases = Object.freeze({
  writing: 1,
  staging: 2,
  confirming: 3,
  rejecting: 4,
  updated: 5,
  failed: 6,
} as const);
/** How far the act that the journal announces had come. */
export type Phase = (typeof phases)[keyof typeof phases];

export interface Attempt {
  phase: Phase;
  slot: number;
  /** True when a confirmed image is put back, not a new one installed. */
  repair: boolean;
  /** True when a trial began that the bootloader would not end by itself. */
  unguarded: boolean;
  /** Downloads that ended early since the last progress. */
  tries: number;
  /** Times that the finished image did not have its digest. */
  damages: number;
  /** Trials that ended by loss of supply. */
  powerTrials: number;
  /** Times that the boot record lost the slot. */
  restages: number;
  /** Times that the image ran again after it was rejected. */
  returns: number;
  /** True when the result is told: nothing is under way. */
  closed: boolean;
  /** The floor when this was written: a second copy, for the "confirmed" record may be damaged. */
  sequenceFloor: number;
  reportId: Uint8Array;
  sequenceNumber: number;
  imageSizeBytes: number;
  manifestDigest: Uint8Array;
  imageDigest: Uint8Array;
  /** Last 32 bytes of the image: the SHA-256 that the bootloader checks (ESP-IDF image format). */
  identity: Uint8Array;
  reason: Reason | "";
}

/** An attempt in its first phase, named by `reportId`, to be filled in. */
export function emptyAttempt(reportId: Uint8Array): Attempt {
  return {
    phase: phases.writing,
    slot: 0,
    repair: false,
    unguarded: false,
    tries: 0,
    damages: 0,
    powerTrials: 0,
    restages: 0,
    returns: 0,
    closed: false,
    sequenceFloor: 0,
    reportId,
    sequenceNumber: 0,
    imageSizeBytes: 0,
    manifestDigest: new Uint8Array(32),
    imageDigest: new Uint8Array(32),
    identity: new Uint8Array(32),
    reason: "",
  };
}

export interface Confirmed {
  /** -1 when the confirmed image is lost: then nothing is confirmed, and the floor stays. */
  slot: number;
  previousSlot: number;
  imageSizeBytes: number;
  previousSizeBytes: number;
  sequenceFloor: number;
  manifestDigest: Uint8Array;
  imageDigest: Uint8Array;
  identity: Uint8Array;
  previousIdentity: Uint8Array;
}

export interface Progress {
  writtenBytes: number;
  head: Uint8Array;
  manifestDigest: Uint8Array;
}

export interface KnownBad {
  /** Releases with a lower sequence number count as bad too: they were forgotten by digest. */
  sequenceBelow: number;
  digests: Uint8Array[];
}

export interface Failing {
  /** Failed attempts at the release. */
  count: number;
  digest: Uint8Array;
}

/** First bytes of a digest as the "bad" record keeps them. */
export function digestPrefix(digest: Uint8Array): Uint8Array {
  return digest.slice(0, digestPrefixBytes);
}

function writeU64(bytes: Uint8Array, offset: number, value: number): void {
  writeU32(bytes, offset, value >>> 0);
  writeU32(bytes, offset + 4, Math.floor(value / 0x100000000));
}

function readU64(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset) + readU32(bytes, offset + 4) * 0x100000000;
}

/** Adds the crc; returns the record's length. */
function seal(into: Uint8Array, length: number): number {
  writeU32(into, length, crc32(into, 0, length));
  return length + 4;
}

/** True when the record is whole, long enough, and of a version that this code can read. */
function isIntact(bytes: Uint8Array, length: number, leastBytes: number): boolean {
  if (length < leastBytes + 4 || length > bytes.length || bytes[0] < version) return false;
  return readU32(bytes, length - 4) === crc32(bytes, 0, length - 4);
}

const signed = (byte: number): number => (byte << 24) >> 24;

/** Writes an attempt into `into` (at least 320 bytes); returns the length. */
export function encodeAttempt(attempt: Attempt, into: Uint8Array): number {
  into[0] = version;
  into[1] = attempt.phase;
  into[2] = attempt.slot;
  into[3] = (attempt.repair ? 1 : 0) | (attempt.unguarded ? 2 : 0) | (attempt.closed ? 4 : 0);
  into[4] = attempt.tries;
  into[5] = attempt.damages;
  into[6] = attempt.powerTrials;
  into[7] = attempt.restages;
  into.set(attempt.reportId, 8);
  writeU64(into, 16, attempt.sequenceNumber);
  writeU64(into, 24, attempt.sequenceFloor);
  writeU32(into, 32, attempt.imageSizeBytes);
  writeU32(into, 36, attempt.returns);
  into.set(attempt.manifestDigest, 40);
  into.set(attempt.imageDigest, 72);
  into.set(attempt.identity, 104);
  const reason = attempt.reason;
  into[136] = reason.length;
  for (let i = 0; i < reason.length; i++) into[137 + i] = reason.charCodeAt(i);
  return seal(into, 137 + reason.length);
}

/** Reads an attempt; null when it is damaged or from a format that cannot be read. */
export function decodeAttempt(bytes: Uint8Array, length: number): Attempt | null {
  if (!isIntact(bytes, length, 137)) return null;
  const phase = bytes[1];
  if (phase < phases.writing || phase > phases.failed) return null;
  const reasonLength = bytes[136];
  if (137 + reasonLength > length - 4) return null;
  let reason = "";
  for (let i = 0; i < reasonLength; i++) reason += String.fromCharCode(bytes[137 + i]);
  // One copy: four arrays of their own would take 9 slots more.
  const own = bytes.slice(0, 136);
  return {
    phase: phase as Phase,
    slot: signed(bytes[2]),
    repair: (bytes[3] & 1) !== 0,
    unguarded: (bytes[3] & 2) !== 0,
    tries: bytes[4],
    damages: bytes[5],
    powerTrials: bytes[6],
    restages: bytes[7],
    returns: readU32(bytes, 36),
    closed: (bytes[3] & 4) !== 0,
    sequenceFloor: readU64(bytes, 24),
    reportId: own.subarray(8, 16),
    sequenceNumber: readU64(bytes, 16),
    imageSizeBytes: readU32(bytes, 32),
    manifestDigest: own.subarray(40, 72),
    imageDigest: own.subarray(72, 104),
    identity: own.subarray(104, 136),
    // Written by this agent or a newer one under the crc: at worst a code we cannot explain.
    reason: reason as Reason | "",
  };
}

/** Writes a confirmed record into `into`; returns the length. */
export function encodeConfirmed(confirmed: Confirmed, into: Uint8Array): number {
  into.fill(0, 0, 152);
  into[0] = version;
  into[1] = confirmed.slot;
  into[2] = confirmed.previousSlot;
  writeU32(into, 4, confirmed.imageSizeBytes);
  writeU64(into, 8, confirmed.sequenceFloor);
  writeU32(into, 16, confirmed.previousSizeBytes);
  into.set(confirmed.manifestDigest, 24);
  into.set(confirmed.imageDigest, 56);
  into.set(confirmed.identity, 88);
  into.set(confirmed.previousIdentity, 120);
  return seal(into, 152);
}

export function decodeConfirmed(bytes: Uint8Array, length: number): Confirmed | null {
  if (!isIntact(bytes, length, 152)) return null;
  const own = bytes.slice(0, 152);
  return {
    slot: signed(bytes[1]),
    previousSlot: signed(bytes[2]),
    imageSizeBytes: readU32(bytes, 4),
    sequenceFloor: readU64(bytes, 8),
    previousSizeBytes: readU32(bytes, 16),
    manifestDigest: own.subarray(24, 56),
    imageDigest: own.subarray(56, 88),
    identity: own.subarray(88, 120),
    previousIdentity: own.subarray(120, 152),
  };
}

/** Writes a progress record into `into`; returns the length. */
export function encodeProgress(progress: Progress, into: Uint8Array): number {
  into.fill(0, 0, 8);
  into[0] = version;
  writeU32(into, 4, progress.writtenBytes);
  into.set(progress.head, 8);
  into.set(progress.manifestDigest, 24);
  return seal(into, 56);
}

export function decodeProgress(bytes: Uint8Array, length: number): Progress | null {
  if (!isIntact(bytes, length, 56)) return null;
  return {
    writtenBytes: readU32(bytes, 4),
    head: bytes.slice(8, 8 + heldHeadBytes),
    manifestDigest: bytes.slice(24, 56),
  };
}

/** Writes the list of bad releases into `into`; returns the length. */
export function encodeKnownBad(bad: KnownBad, into: Uint8Array): number {
  into.fill(0, 0, 8);
  into[0] = version;
  into[1] = bad.digests.length;
  writeU64(into, 8, bad.sequenceBelow);
  for (let i = 0; i < bad.digests.length; i++) into.set(bad.digests[i], 16 + i * digestPrefixBytes);
  return seal(into, 16 + bad.digests.length * digestPrefixBytes);
}

export function decodeKnownBad(bytes: Uint8Array, length: number): KnownBad | null {
  if (!isIntact(bytes, length, 16)) return null;
  const count = bytes[1];
  if (count > knownBadMax || 16 + count * digestPrefixBytes > length - 4) return null;
  const digests: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const start = 16 + i * digestPrefixBytes;
    digests.push(bytes.slice(start, start + digestPrefixBytes));
  }
  return { sequenceBelow: readU64(bytes, 8), digests };
}

/** Writes a count of failed attempts into `into`; returns the length. */
export function encodeFailing(failing: Failing, into: Uint8Array): number {
  into.fill(0, 0, 8);
  into[0] = version;
  into[1] = failing.count;
  into.set(failing.digest, 8);
  return seal(into, 8 + digestPrefixBytes);
}

export function decodeFailing(bytes: Uint8Array, length: number): Failing | null {
  if (!isIntact(bytes, length, 8 + digestPrefixBytes)) return null;
  return { count: bytes[1], digest: bytes.slice(8, 8 + digestPrefixBytes) };
}
