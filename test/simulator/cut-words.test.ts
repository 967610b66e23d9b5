/** Where a cut fell, in words: by the key, the block of a partition, or the boot record. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cutWords } from "../../hosts/simulator/cut-words.js";
import { layoutFor } from "../../hosts/simulator/layout.js";
import type { Tear } from "../../hosts/simulator/tear.js";
import type { OperationSeen } from "../../hosts/simulator/tears.js";
import {
  otadataSectorBytes,
  stateInvalid,
  stateNew,
  statePendingVerify,
  stateValid,
} from "../../src/boot/otadata.js";
import { encodeEntry, makeEntry } from "../../src/boot/otadata-write.js";

const test = suite("simulator/cut-words");

const { partitions } = layoutFor(100_000);
const before: Tear = { kind: "before" };
const inside: Tear = { kind: "prefix", bytes: 5 };
const after: Tear = { kind: "after" };

function addressOf(label: string): number {
  const partition = partitions.find((one) => one.label === label);
  if (partition === undefined) throw new Error(`no ${label}`);
  return partition.offset;
}

const words = (tear: Tear, seen: Partial<OperationSeen>, written: Uint8Array | null = null) =>
  cutWords(
    tear,
    { kind: "program", lengthBytes: 4096, address: 0, key: "", ...seen },
    written,
    partitions,
  );

test("a key is written or deleted, or is not", () => {
  const key = { kind: "key-value" as const, key: "lamp/begun" };
  const value = new Uint8Array(1);
  assert.is(words(after, key, value), "cut after the write of lamp/begun");
  assert.is(words(before, key, value), "cut before the write of lamp/begun");
  assert.is(words(after, key), "cut after the delete of lamp/begun");
});

test("a block is named by its partition", () => {
  const address = addressOf("ota_1") + 3 * 4096;
  assert.is(words(inside, { kind: "erase", address }), "cut in the erase of block 3 of ota_1");
  assert.is(words(before, { address }), "cut before the write of block 3 of ota_1");
  const head = { address: addressOf("ota_1"), lengthBytes: 16 };
  assert.is(words(after, head), "cut after the write of 16 bytes in block 0 of ota_1");
  const mod = { kind: "erase" as const, address: addressOf("mod_b") + 4096 };
  assert.is(words(after, mod), "cut after the erase of block 1 of mod_b");
  assert.is(words(inside, { address: 0x8000 }), "cut in the change of flash at 32768");
});

test("the boot record is told by what it says", () => {
  const entry = (sequence: number, stateWord: number) =>
    encodeEntry(makeEntry(sequence, stateWord));
  const at = { address: addressOf("otadata") + otadataSectorBytes, lengthBytes: 32 };
  assert.is(words(before, at, entry(2, stateNew)), "cut before the boot record names ota_1");
  const mid = "cut while the entry is written that marks ota_0 valid";
  assert.is(words(inside, at, entry(3, stateValid)), mid);
  const trial = "cut after the boot record marks ota_1 as on trial";
  assert.is(words(after, at, entry(2, statePendingVerify)), trial);
  const bad = "cut after the boot record marks ota_1 invalid";
  assert.is(words(after, at, entry(4, stateInvalid)), bad);
  const erase = { ...at, kind: "erase" as const, lengthBytes: 4096 };
  assert.is(words(inside, erase), "cut in the erase of entry 1 of the boot record");
});

test.run();
