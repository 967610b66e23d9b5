/**
 * Older agents live on: today's agent reads what they wrote, and they read what it writes. The
 * first release's records and its reader are kept in version-1.ts.
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeU32 } from "../../src/bytes.js";
import { crc32 } from "../../src/crc.js";
import { decodeRecord, encodeRecord, phases, type Records } from "../../src/journal/records.js";
import { limits } from "../../src/limits.js";
import { reasonCodes } from "../../src/reasons.js";
import { seed } from "../helpers/seed.js";
import {
  type Fields,
  type Key,
  readVersion1,
  recordBytesMax,
  version1Records,
} from "./version-1.js";

/** Those of today's fields that `first`, read by the first release, has too. */
function known(today: object | null, first: Fields): Fields {
  return Object.fromEntries(Object.entries(today ?? {}).filter(([name]) => name in first));
}

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

for (const { name, key, hex, fields } of version1Records) {
  test(`the first release's record of ${name} is read, for ever`, () => {
    const bytes = fromHex(hex);
    assert.equal(known(decodeRecord(key, bytes, bytes.length), fields), fields);
    assert.equal(readVersion1(key, bytes), fields, "by the reader that is kept");
  });
}

const byte = fc.nat({ max: 255 });
const slot = fc.integer({ min: -1, max: 1 });
const u32 = fc.nat({ max: 0xffff_ffff });
const u53 = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** Any value of each record that the first release knows. */
const values: { readonly [key in Key]: fc.Arbitrary<Records[key]> } = {
  attempt: fc.record({
    phase: fc.constantFrom(...Object.values(phases)),
    slot,
    repair: fc.boolean(),
    unguarded: fc.boolean(),
    closed: fc.boolean(),
    reverted: fc.boolean(),
    tries: byte,
    damages: byte,
    powerTrials: byte,
    restages: byte,
    returns: u32,
    reportId: bytesOf(8),
    sequenceNumber: u53,
    sequenceFloor: u53,
    imageSizeBytes: u32,
    manifestDigest: bytesOf(32),
    imageDigest: bytesOf(32),
    identity: bytesOf(32),
    reason: fc.constantFrom("" as const, ...reasonCodes()),
  }),
  confirmed: fc.record({
    slot,
    previousSlot: slot,
    imageSizeBytes: u32,
    previousSizeBytes: u32,
    sequenceFloor: u53,
    manifestDigest: bytesOf(32),
    imageDigest: bytesOf(32),
    identity: bytesOf(32),
    previousIdentity: bytesOf(32),
  }),
  progress: fc.record({ writtenBytes: u32, head: bytesOf(16), manifestDigest: bytesOf(32) }),
  ledger: fc.record({
    spent: byte,
    ticks: byte,
    resumes: byte,
    airBlocks: u32,
    highestBegun: u53,
    entries: bytesOf(64),
  }),
  result: fc.record({
    phase: fc.constantFrom(phases.updated, phases.failed),
    tries: byte,
    lost: byte,
    reportId: bytesOf(8),
    sequenceNumber: u53,
    manifestDigest: bytesOf(32),
    reason: fc.constantFrom("" as const, ...reasonCodes()),
  }),
  bad: fc.record({
    sequenceBelow: u53,
    digests: fc.array(bytesOf(16), { maxLength: limits.knownBadMax }),
  }),
};

/** What the first release's agent makes of a record that today's writes. */
function readByFirst<K extends Key>(key: K, value: Records[K]): Fields | null {
  const buffer = new Uint8Array(limits.recordBytesMax).fill(0xcc);
  return readVersion1(key, buffer.slice(0, encodeRecord(key, value, buffer)));
}

function holds<K extends Key>(key: K): void {
  fc.assert(
    fc.property(values[key], (value) => {
      const read = readByFirst(key, value);
      assert.ok(read !== null, "the first release takes it for damaged");
      assert.equal({ ...read }, known(value, read));
    }),
    { seed, numRuns: 500 },
  );
}

for (const key of Object.keys(values) as Key[]) {
  test(`${key}: whatever today's agent writes, the first release reads all that it knows`, () => {
    holds(key);
  });
}

test("the numbers of the phases stay, and no reason is longer than a report can hold", () => {
  assert.equal(phases, {
    writing: 1,
    staging: 2,
    confirming: 3,
    rejecting: 4,
    updated: 5,
    failed: 6,
  });
  for (const code of reasonCodes()) assert.ok(code.length <= 32, code);
});

test("both readers take a newer record of up to 320 bytes, without what is appended", () => {
  for (const { key, hex, fields } of version1Records) {
    const record = fromHex(hex);
    for (const length of [record.length + 1, 300, recordBytesMax]) {
      const newer = new Uint8Array(length).fill(0xa5);
      newer.set(record.subarray(0, record.length - 4), 0);
      newer[0] = 200;
      writeU32(newer, length - 4, crc32(newer, 0, length - 4));
      const read = decodeRecord(key, newer, length);
      assert.equal(known(read, fields), fields, `${key}, ${length} bytes`);
      assert.equal(readVersion1(key, newer), fields);
    }
  }
});

test.run();
