import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readU32, writeU32 } from "../../src/bytes.js";
import { crc32 } from "../../src/crc.js";
import {
  type Attempt,
  decodeRecord,
  digestPrefix,
  encodeRecord,
  phases,
  type Records,
} from "../../src/journal/records.js";
import { limits } from "../../src/limits.js";
import { randomBytes, randomFrom } from "../helpers/seed.js";

const random = randomFrom(5);
const bytesOf = (length: number): Uint8Array => randomBytes(random, length);

const attempt: Attempt = {
  phase: phases.confirming,
  slot: 1,
  repair: true,
  unguarded: true,
  tries: 3,
  damages: 2,
  powerTrials: 1,
  restages: 4,
  returns: 5,
  closed: true,
  reverted: true,
  sequenceFloor: 2 ** 41 + 7,
  reportId: bytesOf(8),
  sequenceNumber: 2 ** 53 - 1,
  imageSizeBytes: 0xfffffff0,
  manifestDigest: bytesOf(32),
  imageDigest: bytesOf(32),
  identity: bytesOf(32),
  reason: "image-digest-mismatch",
};
const confirmed = {
  slot: 1,
  previousSlot: -1,
  imageSizeBytes: 2_400_000,
  previousSizeBytes: 1_300_000,
  sequenceFloor: 2 ** 40 + 5,
  manifestDigest: bytesOf(32),
  imageDigest: bytesOf(32),
  identity: bytesOf(32),
  previousIdentity: bytesOf(32),
};
const progress = { writtenBytes: 65_536, head: bytesOf(16), manifestDigest: bytesOf(32) };
const bad = {
  sequenceBelow: 2 ** 33,
  digests: Array.from({ length: limits.knownBadMax }, () => bytesOf(16)),
};
const ledger = {
  spent: 3,
  ticks: 31,
  resumes: 2,
  airBlocks: 0xfffffff1,
  highestBegun: 2 ** 53 - 2,
  entries: bytesOf(64),
};
const result = {
  phase: phases.failed,
  tries: 2,
  lost: 7,
  reportId: bytesOf(8),
  sequenceNumber: 2 ** 44 + 3,
  manifestDigest: bytesOf(32),
  reason: "rollback-unavailable" as const,
};

interface Kind {
  readonly name: string;
  readonly value: unknown;
  readonly encoded: Uint8Array;
  readonly decode: (bytes: Uint8Array, length: number) => unknown;
  /** Bytes of the shortest record of version 1, without its crc. */
  readonly leastBytes: number;
}

function encoded(write: (into: Uint8Array) => number): Uint8Array {
  // What an earlier record left in the shared buffer must not show.
  const buffer = new Uint8Array(limits.recordBytesMax).fill(0xcc);
  return buffer.slice(0, write(buffer));
}

function kind<Name extends keyof Records>(
  name: Name,
  value: Records[Name],
  leastBytes: number,
): Kind {
  return {
    name,
    value,
    encoded: encoded((into) => encodeRecord(name, value, into)),
    decode: (bytes, length) => decodeRecord(name, bytes, length),
    leastBytes,
  };
}

const kinds: readonly Kind[] = [
  kind("attempt", attempt, 137),
  kind("confirmed", confirmed, 152),
  kind("progress", progress, 56),
  kind("bad", bad, 16),
  kind("ledger", ledger, 80),
  kind("result", result, 57),
];

/** The record with `more` fields before the crc, as a newer agent would write it. */
function newer(record: Uint8Array, more: number, version = 2): Uint8Array {
  const bytes = new Uint8Array(record.length + more).fill(0x77);
  bytes.set(record.subarray(0, record.length - 4), 0);
  bytes[0] = version;
  return resealed(bytes);
}

function resealed(bytes: Uint8Array): Uint8Array {
  writeU32(bytes, bytes.length - 4, crc32(bytes, 0, bytes.length - 4));
  return bytes;
}

for (const { name, value, encoded: record, decode, leastBytes } of kinds) {
  test(`${name}: what is written is read`, () => {
    assert.equal(decode(record, record.length), value);
    assert.ok(record.length <= limits.recordBytesMax);
  });

  test(`${name}: any bit flip is refused`, () => {
    for (let bit = 0; bit < record.length * 8; bit++) {
      const flipped = record.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      assert.is(decode(flipped, flipped.length), null, `bit ${bit}`);
    }
  });

  test(`${name}: any shortened record, an empty one and an overlong length are refused`, () => {
    for (let length = 0; length < record.length; length++) {
      assert.is(decode(record.slice(0, length), length), null, `${length} bytes`);
    }
    assert.is(decode(record, record.length + 1), null);
  });

  test(`${name}: a longer record of a newer agent is read, a shorter one is refused`, () => {
    for (const more of [1, 8, 60]) {
      const bytes = newer(record, more);
      assert.equal(decode(bytes, bytes.length), value, `${more} bytes more`);
    }
    for (let length = 5; length < leastBytes + 4; length++) {
      const short = newer(record.slice(0, length), 0, 1);
      assert.is(decode(short, short.length), null, `${length} bytes, with a right crc`);
    }
    const ancient = newer(record, 0, 0);
    assert.is(decode(ancient, ancient.length), null, "version 0");
  });
}

test("an attempt in an unknown phase, or with a reason beyond its end, is refused", () => {
  const [{ encoded: record }] = kinds;
  for (const phase of [0, 7, 255]) {
    const changed = record.slice();
    changed[1] = phase;
    assert.is(decodeRecord("attempt", resealed(changed), changed.length), null, `phase ${phase}`);
  }
  const long = record.slice();
  long[136]++;
  assert.is(decodeRecord("attempt", resealed(long), long.length), null);
});

test("a list of bad releases that is longer than its bytes or its limit is refused", () => {
  const [, , , { encoded: record }] = kinds;
  for (const count of [limits.knownBadMax + 1, 255]) {
    const changed = record.slice();
    changed[1] = count;
    assert.is(decodeRecord("bad", resealed(changed), changed.length), null);
  }
  const empty = encoded((into) => encodeRecord("bad", { sequenceBelow: 0, digests: [] }, into));
  assert.equal(decodeRecord("bad", empty, empty.length), { sequenceBelow: 0, digests: [] });
  assert.equal(digestPrefix(attempt.manifestDigest), attempt.manifestDigest.slice(0, 16));
});

/** Fields of the layout comment of formats.ts: offset -> its text up to the next field. */
function documented(key: string): Map<number, string> {
  const source = new URL("../../../src/journal/formats.ts", import.meta.url);
  const text = readFileSync(source, "utf8");
  const section = text.slice(text.indexOf(`key "${key}"`)).split(/\n \*\s*\n| \*\//)[0];
  const fields = new Map<number, string>();
  for (const line of section.split("\n").slice(1)) {
    for (const [, offset, field] of line.matchAll(
      /(?:^|\s)(\d+) ([a-zA-Z].*?)(?= +\d+ [a-zA-Z]|$)/g,
    )) {
      fields.set(Number(offset), field.trim());
    }
  }
  return fields;
}

test("the documented layout of each record is the one that is written", () => {
  const layouts: Record<string, Record<string, number>> = {
    attempt: {
      version: 0,
      phase: 1,
      slot: 2,
      flags: 3,
      tries: 4,
      damages: 5,
      powerTrials: 6,
      restages: 7,
      reportId: 8,
      sequenceNumber: 16,
      sequenceFloor: 24,
      imageSizeBytes: 32,
      returns: 36,
      manifestDigest: 40,
      imageDigest: 72,
      identity: 104,
    },
    confirmed: {
      version: 0,
      slot: 1,
      previousSlot: 2,
      imageSizeBytes: 4,
      sequenceFloor: 8,
      previousSizeBytes: 16,
      manifestDigest: 24,
      imageDigest: 56,
      identity: 88,
      previousIdentity: 120,
    },
    progress: { version: 0, writtenBytes: 4, head: 8, manifestDigest: 24 },
    bad: { version: 0, count: 1, sequenceBelow: 8 },
    ledger: { version: 0, spent: 1, ticks: 2, resumes: 3, airBlocks: 4, highestBegun: 8 },
    result: {
      version: 0,
      phase: 1,
      tries: 2,
      lost: 3,
      reportId: 8,
      sequenceNumber: 16,
      manifestDigest: 24,
    },
  };
  for (const { name, value, encoded: record } of kinds) {
    const fields = documented(name);
    const values = value as Record<string, unknown>;
    for (const [field, offset] of Object.entries(layouts[name])) {
      assert.is(fields.get(offset)?.split(" ")[0], field, `${name} at ${offset}`);
      const text = fields.get(offset) ?? "";
      const written = values[field];
      if (written instanceof Uint8Array) {
        assert.equal(record.slice(offset, offset + written.length), written, `${name}.${field}`);
      } else if (typeof written === "number" && text.includes("u64")) {
        const high = readU32(record, offset + 4) * 2 ** 32;
        assert.is(readU32(record, offset) + high, written, `${name}.${field}`);
      } else if (typeof written === "number" && text.includes("u32")) {
        assert.is(readU32(record, offset), written, `${name}.${field}`);
      } else if (typeof written === "number") {
        assert.is(record[offset], written & 0xff, `${name}.${field}`);
      }
    }
  }
});

test.run();
