/**
 * The journal's records: what survives a restart. Six keys in key-value storage, each replaced
 * whole or not at all. All integers little endian; the last four bytes of a record are the crc-32
 * of all before them. A newer agent may append fields before the crc and raise the version; an
 * older one reads the fields it knows (so both directions of an update can read the other's
 * records).
 *
 * A revert brings back an older agent, so three things stay for ever: what a field means, the six
 * phases that an agent on trial writes, and 320 bytes as the most that a record may have. New facts
 * that do not fit go to new keys, which an older agent does not read.
 *
 *   key "attempt": the update under way, or the last one
 *     0 version u8 = 1    1 phase u8     2 slot i8        3 flags u8
 *           bit 0: repair, bit 1: an unguarded trial has begun, bit 2: closed, nothing is under
 *           way, bit 3: the trial has ended and was reverted; the reason says why
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
 *   key "ledger": what updates have cost, so that flash, air and releases are bounded over time
 *     0 version u8 = 1    1 spent u8     2 ticks u8     3 resumes u8    4 airBlocks u32
 *     8 highestBegun u64
 *    16 entries [64]: four of 16 bytes, the newest first; agent/ledger.ts has their layout
 *    80 crc u32
 *
 *   key "result": how an attempt ended, when that could not be told before the next may begin
 *     0 version u8 = 1    1 phase u8 (updated or failed)   2 tries u8   3 lost u8   4 zero [4]
 *     8 reportId [8]     16 sequenceNumber u64           24 manifestDigest [32]
 *    56 reason length u8      57 reason, ASCII          then crc u32
 */
import type { Reason } from "../reasons.js";

/** How far the act that the journal announces had come: one of `phases` in records.ts. */
export type Phase = 1 | 2 | 3 | 4 | 5 | 6;

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
  /** True when the result is told or kept: nothing is under way. */
  closed: boolean;
  /** True when the trial was reverted, and `reason` has the reset that ended it. */
  reverted: boolean;
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

/** What updates have cost; see agent/ledger.ts. */
export interface Costs {
  /** Passes that were used, of five. */
  spent: number;
  /** Times five minutes of uptime towards the next pass. */
  ticks: number;
  /** Boots in a row that went on with a download at the same place. */
  resumes: number;
  /** Blocks that were fetched a second time since the last pass. */
  airBlocks: number;
  /** The highest sequence number that was ever begun. */
  highestBegun: number;
  /** Four entries of 16 bytes. */
  entries: Uint8Array;
}

/** A result that waits to be told. */
export interface Result {
  /** `updated` or `failed`. */
  phase: Phase;
  /** What the server has answered to it so far, weighted: see agent/reporter.ts. */
  tries: number;
  /** Results that were lost because another one took their place here. */
  lost: number;
  reportId: Uint8Array;
  sequenceNumber: number;
  manifestDigest: Uint8Array;
  reason: Reason | "";
}

/** What each key holds. */
export interface Records {
  attempt: Attempt;
  confirmed: Confirmed;
  progress: Progress;
  bad: KnownBad;
  ledger: Costs;
  result: Result;
}
