/** The codec of the journal's records; what they hold, byte by byte, is in journal/formats.ts. */
import { asciiText, readU32, writeU32 } from "../bytes.js";
import { crc32 } from "../crc.js";
import { limits } from "../limits.js";
import type { Attempt, Confirmed, Phase, Records } from "./formats.js";

export type {
  Attempt,
  Confirmed,
  Costs,
  KnownBad,
  Phase,
  Progress,
  Records,
  Result,
} from "./formats.js";

const version = 1;
const digestPrefixBytes = 16;
/** The longest record without its crc, reason or digests. */
const fixedBytesMax = 152;

export const phases = Object.freeze({
  writing: 1,
  staging: 2,
  confirming: 3,
  rejecting: 4,
  updated: 5,
  failed: 6,
} as const satisfies Record<string, Phase>);

type Value = number | boolean | string | Uint8Array | Uint8Array[];

/** What a field is, added to its offset: numbers by size; from 2048 on 256 times a length. */
const u8 = 0x000;
const i8 = 0x100;
/** One of `phases`, in a byte. */
const phase = 0x200;
const u32 = 0x300;
const u64 = 0x400;
/** A bit of the byte at 3: added to its mask. */
const flag = 0x500;
/** ASCII after a byte with its length. */
const text = 0x600;
/** Digest prefixes; the byte at 1 counts them. */
const prefixes = 0x700;
const bytes8 = 0x800;
const bytes16 = 0x1000;
const bytes32 = 0x2000;
const bytes64 = 0x4000;

/** The names of its fields are listed when the module loads: a record is written per 64 KB. */
interface Layout {
  readonly names: readonly string[];
  readonly fields: Readonly<Record<string, number>>;
}

function layout<K extends keyof Records>(fields: { [name in keyof Records[K]]: number }): Layout {
  return Object.freeze({
    names: Object.freeze(Object.keys(fields)),
    fields: Object.freeze(fields),
  });
}

/** Fields in the order of their offsets: where the last one ends, the crc begins. */
const layouts: { readonly [key in keyof Records]: Layout } = Object.freeze({
  attempt: layout<"attempt">({
    phase: phase + 1,
    slot: i8 + 2,
    repair: flag + 1,
    unguarded: flag + 2,
    closed: flag + 4,
    reverted: flag + 8,
    tries: u8 + 4,
    damages: u8 + 5,
    powerTrials: u8 + 6,
    restages: u8 + 7,
    reportId: bytes8 + 8,
    sequenceNumber: u64 + 16,
    sequenceFloor: u64 + 24,
    imageSizeBytes: u32 + 32,
    returns: u32 + 36,
    manifestDigest: bytes32 + 40,
    imageDigest: bytes32 + 72,
    identity: bytes32 + 104,
    reason: text + 136,
  }),
  confirmed: layout<"confirmed">({
    slot: i8 + 1,
    previousSlot: i8 + 2,
    imageSizeBytes: u32 + 4,
    sequenceFloor: u64 + 8,
    previousSizeBytes: u32 + 16,
    manifestDigest: bytes32 + 24,
    imageDigest: bytes32 + 56,
    identity: bytes32 + 88,
    previousIdentity: bytes32 + 120,
  }),
  progress: layout<"progress">({
    writtenBytes: u32 + 4,
    head: bytes16 + 8,
    manifestDigest: bytes32 + 24,
  }),
  bad: layout<"bad">({ sequenceBelow: u64 + 8, digests: prefixes + 16 }),
  ledger: layout<"ledger">({
    spent: u8 + 1,
    ticks: u8 + 2,
    resumes: u8 + 3,
    airBlocks: u32 + 4,
    highestBegun: u64 + 8,
    entries: bytes64 + 16,
  }),
  result: layout<"result">({
    phase: phase + 1,
    tries: u8 + 2,
    lost: u8 + 3,
    reportId: bytes8 + 8,
    sequenceNumber: u64 + 16,
    manifestDigest: bytes32 + 24,
    reason: text + 56,
  }),
});

/** First bytes of a digest as the "bad" record keeps them. */
export function digestPrefix(digest: Uint8Array): Uint8Array {
  return digest.slice(0, digestPrefixBytes);
}

/** Writes a record into `into` (at least 320 bytes); returns its length. */
export function encodeRecord<K extends keyof Records>(
  key: K,
  record: Records[K],
  into: Uint8Array,
): number {
  const { names, fields } = layouts[key];
  let end = 0;
  // What is not a field lies below byte 24.
  into.fill(0, 0, 24);
  into[0] = version;
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    end = writeField(into, fields[name], record[name as keyof Records[K]] as Value);
  }
  writeU32(into, end, crc32(into, 0, end));
  return end + 4;
}

/**
 * Writes one field; returns where it ends, if it may be the last one. Few names: each costs a slot
 * of the stack.
 */
function writeField(into: Uint8Array, field: number, value: Value): number {
  const offset = field & 0xff;
  if (typeof value === "number") {
    if (field < u32) into[offset] = value;
    else writeU32(into, offset, value >>> 0);
    if (field >= u64) writeU32(into, offset + 4, Math.floor(value / 0x100000000));
    return 0;
  }
  if (value instanceof Uint8Array) {
    into.set(value, offset);
    return offset + value.length;
  }
  if (typeof value === "boolean") {
    if (value) into[3] |= offset;
    return 0;
  }
  if (typeof value === "string") {
    into[offset] = value.length;
    for (let i = 0; i < value.length; i++) into[offset + 1 + i] = value.charCodeAt(i);
    return offset + 1 + value.length;
  }
  into[1] = value.length;
  for (let i = 0; i < value.length; i++) into.set(value[i], offset + i * digestPrefixBytes);
  return offset + value.length * digestPrefixBytes;
}

/** Reads a record; null when it is damaged, too short, or of a format that cannot be read. */
export function decodeRecord<K extends keyof Records>(
  key: K,
  bytes: Uint8Array,
  length: number,
): Records[K] | null {
  const end = length - 4;
  if (end <= 0 || length > bytes.length || bytes[0] < version) return null;
  if (readU32(bytes, end) !== crc32(bytes, 0, end)) return null;
  // One copy: an array of its own for each field would take more slots.
  return readFields(key, bytes.slice(0, end));
}

/** The fields of a record without its crc, as views of `bytes`; null when one does not fit. */
function readFields<K extends keyof Records>(key: K, bytes: Uint8Array): Records[K] | null {
  const { names, fields } = layouts[key];
  const record: Record<string, Value> = {};
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const value = readField(bytes, fields[name]);
    if (value === null) return null;
    record[name] = value;
  }
  return record as unknown as Records[K];
}

/** The value of one field. Null when it ends behind `bytes`, or cannot be. */
function readField(bytes: Uint8Array, field: number): Value | null {
  const offset = field & 0xff;
  const first = bytes[offset];
  switch (field - offset) {
    case u8:
      return first;
    case i8:
      return (first << 24) >> 24;
    case phase:
      return first < phases.writing || first > phases.failed ? null : first;
    case u32:
      return readU32(bytes, offset);
    case u64:
      return readU32(bytes, offset) + readU32(bytes, offset + 4) * 0x100000000;
    case flag:
      return (bytes[3] & offset) !== 0;
    case text: {
      // At worst a code we cannot explain: this agent wrote it, or a newer one.
      const end = offset + 1 + first;
      return end <= bytes.length ? asciiText(bytes, offset + 1, end) : null;
    }
    case prefixes: {
      const end = offset + bytes[1] * digestPrefixBytes;
      if (bytes[1] > limits.knownBadMax || !(end <= bytes.length)) return null;
      const list: Uint8Array[] = [];
      for (let at = offset; at < end; at += digestPrefixBytes) {
        list.push(bytes.subarray(at, at + digestPrefixBytes));
      }
      return list;
    }
    default: {
      const end = offset + (field >> 8);
      return end <= bytes.length ? bytes.subarray(offset, end) : null;
    }
  }
}

/** An attempt in its first phase, named by `reportId`, to be filled in. */
export function emptyAttempt(reportId: Uint8Array): Attempt {
  const zero = new Uint8Array(fixedBytesMax);
  zero[1] = phases.writing;
  // An identity of its own: a view would keep all of `zero` alive.
  const identity = new Uint8Array(32);
  return { ...(readFields("attempt", zero) as Attempt), reportId, identity };
}

/** A confirmed image of which nothing is known. */
export function emptyConfirmed(): Confirmed {
  return readFields("confirmed", new Uint8Array(fixedBytesMax)) as Confirmed;
}
