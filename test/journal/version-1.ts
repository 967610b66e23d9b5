/**
 * The journal of the first release: records as it wrote them, and its reader. Both are kept as they
 * are, for its devices live on. The reader shares no code with the product.
 */
import CRC32 from "crc-32";

/** Longest record that the first release has a buffer for. */
export const recordBytesMax = 320;
/** Phases that it knows: writing, staging, confirming, rejecting, updated, failed. */
export const phasesMax = 6;
/** Releases that its "bad" record can hold. */
const knownBadMax = 8;

export type Key = "attempt" | "confirmed" | "progress" | "bad";
export type Fields = Readonly<Record<string, unknown>>;

/** Reads a record as the first release does; null when that ignores it. */
export function readVersion1(key: Key, bytes: Uint8Array): Fields | null {
  const end = bytes.length - 4;
  if (end <= 0 || bytes.length > recordBytesMax || bytes[0] < 1) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(end, true) !== CRC32.buf(bytes.subarray(0, end)) >>> 0) return null;
  const read = new Reader(view, bytes.subarray(0, end));
  try {
    if (key === "attempt") return attemptOf(read);
    if (key === "confirmed") return confirmedOf(read);
    if (key === "bad") return badOf(read);
    return {
      writtenBytes: read.u32(4),
      head: read.bytes(8, 16),
      manifestDigest: read.bytes(24, 32),
    };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Fields of a record; RangeError when one ends behind it. */
class Reader {
  readonly #view: DataView;
  readonly #body: Uint8Array;

  constructor(view: DataView, body: Uint8Array) {
    this.#view = view;
    this.#body = body;
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  i8(offset: number): number {
    return this.#view.getInt8(offset);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  u64(offset: number): number {
    return Number(this.#view.getBigUint64(offset, true));
  }

  bytes(offset: number, length: number): Uint8Array {
    if (offset + length > this.#body.length) throw new RangeError("behind the record");
    return this.#body.slice(offset, offset + length);
  }
}

function attemptOf(read: Reader): Fields | null {
  const phase = read.u8(1);
  if (phase < 1 || phase > phasesMax) return null;
  const flags = read.u8(3);
  return {
    phase,
    slot: read.i8(2),
    repair: (flags & 1) !== 0,
    unguarded: (flags & 2) !== 0,
    closed: (flags & 4) !== 0,
    tries: read.u8(4),
    damages: read.u8(5),
    powerTrials: read.u8(6),
    restages: read.u8(7),
    reportId: read.bytes(8, 8),
    sequenceNumber: read.u64(16),
    sequenceFloor: read.u64(24),
    imageSizeBytes: read.u32(32),
    returns: read.u32(36),
    manifestDigest: read.bytes(40, 32),
    imageDigest: read.bytes(72, 32),
    identity: read.bytes(104, 32),
    reason: Buffer.from(read.bytes(137, read.u8(136))).toString("latin1"),
  };
}

function confirmedOf(read: Reader): Fields {
  return {
    slot: read.i8(1),
    previousSlot: read.i8(2),
    imageSizeBytes: read.u32(4),
    sequenceFloor: read.u64(8),
    previousSizeBytes: read.u32(16),
    manifestDigest: read.bytes(24, 32),
    imageDigest: read.bytes(56, 32),
    identity: read.bytes(88, 32),
    previousIdentity: read.bytes(120, 32),
  };
}

function badOf(read: Reader): Fields | null {
  const count = read.u8(1);
  if (count > knownBadMax) return null;
  const digests = Array.from({ length: count }, (_, index) => read.bytes(16 + 16 * index, 16));
  return { sequenceBelow: read.u64(8), digests };
}

export interface ReleasedRecord {
  readonly key: Key;
  readonly name: string;
  readonly hex: string;
  readonly fields: Fields;
}

/** Bytes that count up from 16 * `start`. */
function run(start: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (16 * start + index) & 255);
}

/** Records as the first release wrote them: every later one must read them. */
export const version1Records: readonly ReleasedRecord[] = [
  {
    key: "attempt",
    name: "an attempt that has just begun",
    hex:
      "0101010000000000101112131415161702000000000000000100000000000000204e000000000000" +
      "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f4041424344454647" +
      "48494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f" +
      "707172737475767778797a7b7c7d7e7f00e57c43ff",
    fields: {
      phase: 1,
      slot: 1,
      repair: false,
      unguarded: false,
      closed: false,
      tries: 0,
      damages: 0,
      powerTrials: 0,
      restages: 0,
      reportId: run(1, 8),
      sequenceNumber: 2,
      sequenceFloor: 1,
      imageSizeBytes: 20_000,
      returns: 0,
      manifestDigest: run(2, 32),
      imageDigest: run(4, 32),
      identity: run(6, 32),
      reason: "",
    },
  },
  {
    key: "attempt",
    name: "a closed attempt with every field at a bound",
    hex:
      "0106ff07010203ff1011121314151617ffffffffffff1f000700000000020000f0ffffff05000000" +
      "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f4041424344454647" +
      "48494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f" +
      "707172737475767778797a7b7c7d7e7f14726f6c6c6261636b2d756e617661696c61626c65015665" +
      "84",
    fields: {
      phase: 6,
      slot: -1,
      repair: true,
      unguarded: true,
      closed: true,
      tries: 1,
      damages: 2,
      powerTrials: 3,
      restages: 255,
      reportId: run(1, 8),
      sequenceNumber: 2 ** 53 - 1,
      sequenceFloor: 2 ** 41 + 7,
      imageSizeBytes: 0xffff_fff0,
      returns: 5,
      manifestDigest: run(2, 32),
      imageDigest: run(4, 32),
      identity: run(6, 32),
      reason: "rollback-unavailable",
    },
  },
  {
    key: "confirmed",
    name: "a confirmed release with the one before it",
    hex:
      "01010000009f2400050000000001000020d6130000000000202122232425262728292a2b2c2d2e2f" +
      "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f5051525354555657" +
      "58595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f" +
      "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f7fd51376",
    fields: {
      slot: 1,
      previousSlot: 0,
      imageSizeBytes: 2_400_000,
      sequenceFloor: 2 ** 40 + 5,
      previousSizeBytes: 1_300_000,
      manifestDigest: run(2, 32),
      imageDigest: run(4, 32),
      identity: run(6, 32),
      previousIdentity: run(8, 32),
    },
  },
  {
    key: "confirmed",
    name: "a confirmed image that is lost",
    hex:
      "01ffff00000000000700000000000000000000000000000000000000000000000000000000000000" +
      "00000000000000000000000000000000000000000000000000000000000000000000000000000000" +
      "00000000000000000000000000000000000000000000000000000000000000000000000000000000" +
      "000000000000000000000000000000000000000000000000000000000000000034e4800e",
    fields: {
      slot: -1,
      previousSlot: -1,
      imageSizeBytes: 0,
      sequenceFloor: 7,
      previousSizeBytes: 0,
      manifestDigest: new Uint8Array(32),
      imageDigest: new Uint8Array(32),
      identity: new Uint8Array(32),
      previousIdentity: new Uint8Array(32),
    },
  },
  {
    key: "progress",
    name: "progress of 64 KB",
    hex:
      "0100000000000100909192939495969798999a9b9c9d9e9f202122232425262728292a2b2c2d2e2f" +
      "303132333435363738393a3b3c3d3e3f9ebea875",
    fields: {
      writtenBytes: 65_536,
      head: run(9, 16),
      manifestDigest: run(2, 32),
    },
  },
  {
    key: "bad",
    name: "no bad release",
    hex: "01000000000000000000000000000000c4dad342",
    fields: {
      sequenceBelow: 0,
      digests: [],
    },
  },
  {
    key: "bad",
    name: "as many bad releases as there is room for",
    hex:
      "01080000000000000000000002000000000102030405060708090a0b0c0d0e0f1011121314151617" +
      "18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f" +
      "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f6061626364656667" +
      "68696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f498fbc8d",
    fields: {
      sequenceBelow: 2 ** 33,
      digests: Array.from({ length: 8 }, (_, index) => run(index, 16)),
    },
  },
];
