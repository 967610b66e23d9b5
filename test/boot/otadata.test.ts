import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  activeEntry,
  crcMatches,
  decodeEntry,
  entryInvalid,
  entryValid,
  slotOfSequence,
  stateAborted,
  stateName,
  stateNew,
  stateUndefined,
  stateValid,
} from "../../src/boot/otadata.js";
import { encodeEntry, makeEntry, nextSequence, withState } from "../../src/boot/otadata-write.js";
import { hex } from "../../src/bytes.js";

const test = suite("otadata");
const blank = decodeEntry(new Uint8Array(32).fill(0xff), 0);

test("an entry has ESP-IDF's layout", () => {
  assert.is(
    hex(encodeEntry(makeEntry(1, stateValid))),
    "01000000ffffffffffffffffffffffffffffffffffffffff020000009a984347",
  );
});

test("decoding is total: any 32 bytes are an entry that encodes to the same bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const entry = decodeEntry(bytes, 0);
      assert.is(hex(encodeEntry(entry)), hex(bytes));
      stateName(entry.stateWord);
      if (entryValid(entry)) assert.ok(crcMatches(entry) && !entryInvalid(entry));
    }),
  );
});

test("an erased entry is invalid, and so is an aborted one with a right crc", () => {
  assert.ok(entryInvalid(blank));
  assert.ok(entryInvalid(makeEntry(2, stateAborted)));
  assert.not.ok(entryInvalid({ ...makeEntry(2, stateNew), crc: 0 }));
  assert.not.ok(entryValid({ ...makeEntry(2, stateNew), crc: 0 }));
});

test("a change of state keeps label and crc, even a wrong crc", () => {
  const entry = { ...makeEntry(77, stateNew, new Uint8Array(20).fill(7)), crc: 5 };
  assert.equal(withState(entry, stateAborted), { ...entry, stateWord: stateAborted });
});

test("the larger sequence is active, sector 0 on a tie, none when none is valid", () => {
  assert.is(activeEntry([makeEntry(1, stateValid), makeEntry(2, stateNew)]), 1);
  assert.is(activeEntry([makeEntry(3, stateValid), makeEntry(3, stateValid)]), 0);
  assert.is(activeEntry([blank, makeEntry(2, stateNew)]), 1);
  assert.is(activeEntry([makeEntry(0x90000000, stateNew), makeEntry(2, stateNew)]), 0);
  assert.is(activeEntry([blank, blank]), -1);
});

test("sequences map to slots in unsigned arithmetic", () => {
  assert.is(slotOfSequence(1, 2), 0);
  assert.is(slotOfSequence(4, 2), 1);
  assert.is(slotOfSequence(0, 2), 0xffffffff % 2);
});

test("the next sequence selects the slot and is the smallest that does not fall", () => {
  const numbers = {
    seq: fc.integer({ min: 1, max: 0xfffffff0 }),
    count: fc.integer({ min: 1, max: 16 }),
  };
  fc.assert(
    fc.property(numbers.seq, numbers.count, fc.nat(15), (current, count, any) => {
      const slot = any % count;
      const next = nextSequence(current, slot, count);
      assert.is(slotOfSequence(next, count), slot);
      assert.ok(next >= current && next - current < count);
    }),
  );
});

test("the first entry has sequence slot + 1; used up sequences are refused", () => {
  assert.is(nextSequence(null, 1, 2), 2);
  assert.throws(() => nextSequence(0xfffffffe, 0, 2), /used up/);
});

test("unknown state words are undefined", () => {
  assert.is(stateName(stateUndefined), "undefined");
  assert.is(stateName(5), "undefined");
});

test.run();
