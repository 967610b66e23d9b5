import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeEntry, type OtadataEntry, stateName } from "../../src/boot/otadata.js";
import { makeEntry } from "../../src/boot/otadata-write.js";
import { candidateOrder, chooseStart } from "../../src/boot/select.js";

const test = suite("bootloader choice");
const blank = decodeEntry(new Uint8Array(32).fill(0xff), 0);

function entry(sequence: number, stateWord: number, crcOk = true): OtadataEntry {
  const made = makeEntry(sequence, stateWord);
  return crcOk ? made : { ...made, crc: made.crc ^ 1 };
}

const [fresh, pending, valid, aborted] = [0, 1, 2, 4];

/** ESP-IDF's truth table: entries, factory, start index, changes. */
const rows: [string, OtadataEntry, OtadataEntry, boolean, number, string[]][] = [
  ["blank, blank", blank, blank, false, 0, []],
  ["blank, blank, factory", blank, blank, true, -1, []],
  ["1/valid, 2/new", entry(1, valid), entry(2, fresh), false, 1, ["1:2/pending-verify"]],
  ["1/valid, 2/pending", entry(1, valid), entry(2, pending), false, 0, ["1:2/aborted"]],
  ["1/valid, 2/aborted", entry(1, valid), entry(2, aborted), false, 0, []],
  ["1/valid, blank", entry(1, valid), blank, false, 0, []],
  ["blank, 2/valid", blank, entry(2, valid), false, 1, []],
  ["blank, 2/new bad crc", blank, entry(2, fresh, false), false, -1, []],
  ["blank, 2/new bad crc, factory", blank, entry(2, fresh, false), true, -1, []],
  ["2/pending, blank", entry(2, pending), blank, false, 0, ["0:2/aborted"]],
  ["2/pending, blank, factory", entry(2, pending), blank, true, -1, ["0:2/aborted"]],
  ["1/aborted, 2/aborted", entry(1, aborted), entry(2, aborted), false, 0, []],
  ["77/pending bad crc", entry(1, valid), entry(77, pending, false), false, 0, ["1:77/aborted"]],
  ["3/valid twice", entry(3, valid), entry(3, valid), false, 0, []],
];

for (const [name, first, second, factoryPresent, start, changes] of rows) {
  test(`starts where ESP-IDF starts: ${name}`, () => {
    const input = { appCount: 2, factoryPresent, rollback: true };
    const choice = chooseStart({ ...input, entries: [first, second] });
    assert.is(choice.startIndex, start);
    const made = choice.rewrites.map(
      (each) => `${each.sector}:${each.entry.sequence}/${stateName(each.entry.stateWord)}`,
    );
    assert.equal(made, changes);
    assert.is(choice.writesInitial, name === "blank, blank");
  });
}

test("a wrong crc survives the change to aborted", () => {
  const second = entry(77, pending, false);
  const input = { appCount: 2, factoryPresent: false, rollback: true };
  const choice = chooseStart({ ...input, entries: [entry(1, valid), second] });
  assert.is(choice.rewrites[0].entry.crc, second.crc);
});

test("without rollback nothing is rewritten", () => {
  const input = { appCount: 2, factoryPresent: false, rollback: false };
  const choice = chooseStart({ ...input, entries: [entry(1, pending), entry(2, fresh)] });
  assert.is(choice.startIndex, 1);
  assert.equal(choice.rewrites, []);
});

test("without otadata, factory is first; without slots too", () => {
  const input = { appCount: 2, factoryPresent: false, rollback: true };
  assert.is(chooseStart({ ...input, entries: null }).startIndex, -1);
  const none = chooseStart({
    appCount: 0,
    factoryPresent: true,
    rollback: true,
    entries: [entry(1, valid), blank],
  });
  assert.is(none.startIndex, -1);
});

test("factory is tried before the higher slots, the test partition last", () => {
  assert.equal(candidateOrder(2, 4), [2, 1, 0, -1, 3, -2]);
  assert.equal(candidateOrder(-1, 2), [-1, 0, 1, -2]);
});

test.run();
