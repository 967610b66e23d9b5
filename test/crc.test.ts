import { suite } from "uvu";
import * as assert from "uvu/assert";
import { asciiBytes } from "../src/bytes.js";
import { crc32, otadataCrc } from "../src/crc.js";

const test = suite("crc");

test("the crc of an otadata sequence is ESP-IDF's", () => {
  const vectors: [number, number][] = [
    [1, 0x4743989a],
    [2, 0x55f63774],
    [3, 0xed4a5011],
    [4, 0x709d68a8],
    [5, 0xc8210fcd],
    [0xffffffff, 0x2144df1c],
  ];
  for (const [sequence, crc] of vectors) assert.is(otadataCrc(sequence), crc);
});

test("the crc of an otadata sequence is not the plain CRC-32 of its bytes", () => {
  assert.is(crc32(Uint8Array.of(1, 0, 0, 0), 0, 4), 0x99f8b879);
  assert.is.not(otadataCrc(1), 0x99f8b879);
});

test("crc32 gives the check value and keeps to its range", () => {
  assert.is(crc32(asciiBytes("123456789"), 0, 9), 0xcbf43926);
  assert.is(crc32(asciiBytes("xx123456789y"), 2, 9), 0xcbf43926);
  assert.is(crc32(new Uint8Array(0), 0, 0), 0);
});

test.run();
