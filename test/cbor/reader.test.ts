import { Decoder, Encoder } from "cbor-x";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CborReader } from "../../src/cbor/reader.js";
import { CborWriter } from "../../src/cbor/writer.js";
import { Entries, fromHex, type Item, cbor as written } from "../helpers/cbor.js";
import { randomBytes, randomFrom, seed } from "../helpers/seed.js";
import { goodRelease } from "../helpers/suit.js";

const options = { useRecords: false, mapsAsObjects: false, tagUint8Array: false };
const readerOf = (bytes: Uint8Array) => new CborReader(bytes, 0, bytes.length);

type Value = number | string | null | Uint8Array | Value[] | Map<number, Value>;

/** Reads any item of the reader's subset; recursion is the test's, the reader has none. */
function readAny(reader: CborReader): Value {
  switch (reader.peek()) {
    case 0:
    case 1:
      return reader.int();
    case 2:
      return reader.byteString();
    case 3:
      return reader.text(1000);
    case 4: {
      const count = reader.array(100);
      const list: Value[] = [];
      for (let i = 0; i < count && !reader.failed; i++) list.push(readAny(reader));
      return list;
    }
    case 5: {
      const map = new Map<number, Value>();
      const count = reader.map(100);
      let key: number | undefined;
      for (let i = 0; i < count && !reader.failed; i++) {
        key = reader.key(key);
        map.set(key, readAny(reader));
      }
      return map;
    }
    default:
      reader.nil();
      return null;
  }
}

const keyOrder = (a: number, b: number) => (a < 0 === b < 0 ? Math.abs(a) - Math.abs(b) : b - a);
const sortedMap = (entries: [number, Value][]) =>
  new Map([...new Map(entries)].sort(([a], [b]) => keyOrder(a, b)));

const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.maxSafeInteger(),
    fc.integer({ min: -70000, max: 70000 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: "grapheme-ascii", maxLength: 300 }),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 30 }),
    fc.array(fc.tuple(fc.maxSafeInteger(), tie("value")), { maxLength: 30 }).map(sortedMap),
  ),
}));

/** As cbor-x wants it: integers from 2^32 on, and below -2^32, as BigInt. */
function forCborX(value: Value): unknown {
  if (typeof value === "number" && (value >= 2 ** 32 || value < -(2 ** 32))) return BigInt(value);
  if (Array.isArray(value)) return value.map(forCborX);
  if (value instanceof Map) {
    return new Map([...value].map(([key, entry]) => [forCborX(key), forCborX(entry)]));
  }
  return value;
}

function fromCborX(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(fromCborX);
  if (value instanceof Map) {
    return new Map([...value].map(([key, entry]) => [fromCborX(key), fromCborX(entry)]));
  }
  return value;
}

test("reads what cbor-x writes", () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = Uint8Array.from(new Encoder(options).encode(forCborX(value)));
      const reader = readerOf(bytes);
      assert.equal(readAny(reader), value);
      assert.ok(reader.atEnd);
    }),
    { seed, numRuns: 3000 },
  );
  console.log(`seed ${seed}: 3000 values of cbor-x read alike`);
});

test("what it accepts, cbor-x reads alike and the deterministic writer writes again", () => {
  const random = randomFrom(seed);
  let accepted = 0;
  for (let i = 0; i < 200_000; i++) {
    const bytes = randomBytes(random, 1 + Math.floor(random() * 8));
    const reader = readerOf(bytes);
    const value = readAny(reader);
    if (!reader.atEnd) continue;
    accepted++;
    assert.equal(fromCborX(new Decoder(options).decode(bytes)), fromCborX(value));
    assert.equal(written(toItem(value)), bytes);
  }
  assert.ok(accepted > 1000);
  console.log(`seed ${seed}: ${accepted} of 200000 random inputs are deterministic CBOR`);
});

function toItem(value: Value): Item {
  if (Array.isArray(value)) return value.map(toItem);
  if (!(value instanceof Map)) return value;
  return new Entries(...[...value].map(([k, v]): [Item, Item] => [k, toItem(v)]));
}

test("never throws, never reads outside, always ends", () => {
  const random = randomFrom(seed + 1);
  const good = goodRelease();
  for (let i = 0; i < 20_000; i++) {
    const bytes = i % 2 === 0 ? randomBytes(random, 64) : good.slice();
    for (let n = 0; n < 4; n++) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    const start = Math.floor(random() * bytes.length);
    const end = start + Math.floor(random() * (bytes.length - start + 1));
    const reader = new CborReader(bytes, start, end);
    // Calls in any order, past any failure.
    const windows: number[] = [];
    for (let step = 0; step < 50; step++) {
      call(reader, Math.floor(random() * 12), windows);
      assert.ok(reader.position >= start && reader.position <= end, `seed ${seed} case ${i}`);
      assert.ok(reader.end <= end);
    }
  }
  console.log(`seed ${seed}: 20000 hostile inputs, 50 reads each`);
});

function call(reader: CborReader, which: number, windows: number[]): void {
  const before = reader.failed;
  let empty = true;
  if (which === 0) empty = reader.uint() === 0;
  if (which === 1) empty = reader.int() === 0;
  if (which === 2) empty = reader.byteString().length === 0;
  if (which === 3) empty = reader.byteStringOf(16).length === 0;
  if (which === 4) empty = reader.text(20) === "";
  if (which === 5) empty = reader.array(16) === 0;
  if (which === 6) empty = reader.map(16) === 0;
  if (which === 7) empty = reader.key(3) === 0;
  if (which === 8) empty = reader.tag() === 0;
  if (which === 9) reader.nil();
  if (which === 10) windows.push(reader.enter());
  if (which === 11) reader.leave(windows.pop() ?? reader.end);
  assert.ok(!before || (reader.failed && empty), "a failure is for good and reads nothing");
}

test("refuses other encodings of the same", () => {
  const refused: [string, string, (reader: CborReader) => unknown][] = [
    ["1817", "23 in two bytes", (r) => r.uint()],
    ["1900ff", "255 in three bytes", (r) => r.uint()],
    ["1a0000ffff", "65535 in five bytes", (r) => r.uint()],
    ["1b00000000ffffffff", "2^32-1 in nine bytes", (r) => r.uint()],
    ["1b0020000000000000", "2^53", (r) => r.uint()],
    ["1bffffffffffffffff", "2^64-1", (r) => r.uint()],
    ["3b001fffffffffffff", "-2^53", (r) => r.int()],
    ["3817", "-24 in two bytes", (r) => r.int()],
    ["1c", "reserved", (r) => r.uint()],
    ["1f", "indefinite integer", (r) => r.uint()],
    ["5f4100ff", "indefinite bytes", (r) => r.byteString()],
    ["7f6161ff", "indefinite text", (r) => r.text(9)],
    ["9fff", "indefinite array", (r) => r.array(9)],
    ["bfff", "indefinite map", (r) => r.map(9)],
    ["580141", "byte string length in two bytes", (r) => r.byteString()],
    ["5bffffffffffffffff", "byte string of 2^64-1", (r) => r.byteString()],
    ["4300", "byte string cut off", (r) => r.byteString()],
    ["61c3", "text that is not ASCII", (r) => r.text(9)],
    ["617f", "DEL", (r) => r.text(9)],
    ["6100", "NUL", (r) => r.text(9)],
    ["8a", "array above its limit", (r) => r.array(9)],
    ["f7", "undefined for null", (r) => r.nil()],
    ["f816", "null in two bytes", (r) => r.nil()],
    ["f93c00", "half float", (r) => r.uint()],
    ["f93c00", "half float for null", (r) => r.nil()],
    ["f5", "true for null", (r) => r.nil()],
    ["c001", "tag for an integer", (r) => r.uint()],
    ["d812", "tag 18 in three bytes cut off", (r) => r.byteString()],
    ["", "nothing", (r) => r.uint()],
  ];
  for (const [text, name, read] of refused) {
    const reader = readerOf(fromHex(text));
    read(reader);
    assert.ok(reader.failed, name);
  }
});

test("key order is bytewise", () => {
  const order = [0, 1, 23, 24, 255, 256, 65536, 2 ** 32, -1, -2, -24, -25, -257, -(2 ** 32) - 1];
  for (const first of order) {
    for (const second of order) {
      const bytes = written(second);
      const reader = readerOf(bytes);
      reader.key(first);
      const ascending = Buffer.compare(written(first), bytes) < 0;
      assert.is(reader.failed, !ascending, `${first} then ${second}`);
    }
  }
});

test("byte strings are views, windows close exactly", () => {
  const bytes = fromHex("43820102" + "4100");
  const reader = readerOf(bytes);
  const outer = reader.enter();
  assert.is(reader.array(5), 2);
  assert.is(reader.uint(), 1);
  const early = new CborReader(bytes, 0, bytes.length);
  early.leave(early.enter());
  assert.ok(early.failed);
  assert.is(reader.uint(), 2);
  assert.ok(reader.atEnd);
  reader.leave(outer);
  const view = reader.byteString();
  assert.is(view.buffer, bytes.buffer);
  assert.ok(reader.atEnd);
  for (const [start, end] of [
    [-1, 2],
    [3, 2],
    [0, 99],
    [Number.NaN, 1],
  ]) {
    assert.ok(new CborReader(bytes, start, end).failed);
  }
});

test("the writer writes what the reader reads, or fails", () => {
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 5 }), fc.nat(400), (values, room) => {
      const whole = written(values.map(toItem));
      const writer = new CborWriter(new Uint8Array(room));
      writer.array(values.length);
      for (const value of values) writeAny(writer, value);
      assert.is(writer.failed, whole.length > room);
      if (!writer.failed) assert.equal(writer.bytes.subarray(0, writer.length), whole);
    }),
    { seed, numRuns: 3000 },
  );
  for (const wrong of [1.5, 2 ** 53, -(2 ** 53) - 2, Number.NaN, Number.POSITIVE_INFINITY]) {
    const writer = new CborWriter(new Uint8Array(20));
    writer.int(wrong);
    assert.ok(writer.failed, String(wrong));
  }
  const writer = new CborWriter(new Uint8Array(20));
  writer.text("a\u00e9\n");
  assert.equal(writer.bytes.slice(0, writer.length), written("a??"));
});

function writeAny(writer: CborWriter, value: Value): void {
  if (value === null) writer.nil();
  else if (typeof value === "number") writer.int(value);
  else if (typeof value === "string") writer.text(value);
  else if (value instanceof Uint8Array) writer.byteString(value);
  else if (Array.isArray(value)) {
    writer.array(value.length);
    for (const each of value) writeAny(writer, each);
  } else {
    writer.map(value.size);
    for (const [key, each] of value) {
      writer.int(key);
      writeAny(writer, each);
    }
  }
}

test.run();
