import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runBootloader } from "../../hosts/simulator/bootloader.js";
import { EspOta, otaWithSequentialWrites } from "../../hosts/simulator/esp-ota.js";
import { EspError } from "../../hosts/simulator/esp-partitions.js";
import { Flash } from "../../hosts/simulator/flash.js";
import { Power } from "../../hosts/simulator/power.js";
import { decodeEntry, stateName } from "../../src/boot/otadata.js";
import { encodeEntry, makeEntry } from "../../src/boot/otadata-write.js";
import { encodePartitions, type Partition } from "../../src/boot/partitions.js";
import { crypto, digest, md5 } from "../helpers/digest.js";
import { imageOf } from "../helpers/images.js";

const test = suite("simulated esp_ota functions");

const nvs: Partition = {
  label: "nvs",
  type: 1,
  subtype: 2,
  offset: 0x9000,
  sizeBytes: 0x4000,
  flags: 0,
};
const otadata: Partition = {
  ...nvs,
  label: "otadata",
  subtype: 0,
  offset: 0xd000,
  sizeBytes: 0x2000,
};
const ota0: Partition = {
  ...nvs,
  label: "ota_0",
  type: 0,
  subtype: 0x10,
  offset: 0x10000,
  sizeBytes: 0x4000,
};
const ota1: Partition = { ...ota0, label: "ota_1", subtype: 0x11, offset: 0x20000 };
const factory: Partition = { ...ota0, label: "factory", subtype: 0, offset: 0x30000 };
const [fresh, pending, valid, aborted] = [0, 1, 2, 4];

interface Bench {
  flash: Flash;
  power: Power;
  ota: EspOta;
  /** Both entries as "sequence/state", "-" when erased. */
  entries(): string[];
  set(sector: 0 | 1, sequence: number, state: number): void;
}

function bench(running = ota0, more: { rollback?: boolean; factory?: boolean } = {}): Bench {
  const power = new Power();
  const flash = new Flash({ power, sizeBytes: 0x40000 });
  const partitions = [nvs, otadata, ota0, ota1, ...(more.factory === true ? [factory] : [])];
  flash.load(0x8000, encodePartitions(partitions, md5));
  flash.load(ota0.offset, imageOf("ok", 1));
  flash.load(ota1.offset, imageOf("ok", 2));
  flash.load(factory.offset, imageOf("ok", 3));
  const ota = new EspOta({
    flash,
    partitions,
    running,
    digest,
    chipId: 0,
    chipRevision: 300,
    rollback: more.rollback ?? true,
  });
  const entries = () =>
    [0xd000, 0xe000].map((at) => {
      const entry = decodeEntry(flash.bytes, at);
      return entry.sequence === 0xffffffff
        ? "-"
        : `${entry.sequence}/${stateName(entry.stateWord)}`;
    });
  const set = (sector: 0 | 1, sequence: number, state: number) =>
    flash.load(0xd000 + sector * 0x1000, encodeEntry(makeEntry(sequence, state)));
  return { flash, power, ota, entries, set };
}

function fails(code: string, call: () => unknown): void {
  assert.throws(call, (error: unknown) => error instanceof EspError && error.code === code);
}

test("begin refuses the running slot, factory, and an unconfirmed running app", () => {
  const { ota, set } = bench();
  fails("ESP_ERR_OTA_PARTITION_CONFLICT", () => ota.begin(ota0, 0));
  fails("ESP_ERR_INVALID_ARG", () => ota.begin(factory, 0));
  set(0, 1, pending);
  fails("ESP_ERR_OTA_ROLLBACK_INVALID_STATE", () => ota.begin(ota1, 0));
});

test("begin erases the rounded size, the whole partition for 0, nothing for sequential", () => {
  for (const [size, blocks] of [
    [4097, 2],
    [0, 4],
    [0xffffffff, 4],
    [otaWithSequentialWrites, 0],
  ]) {
    const { ota, power } = bench();
    ota.begin(ota1, size);
    assert.is(power.erases, blocks);
  }
  fails("ESP_ERR_INVALID_SIZE", () => bench().ota.begin(ota1, 0x4001));
});

test("begin forgets the other entry, so nothing can be rolled back to until a stage", () => {
  const { ota, set, entries, flash } = bench();
  set(0, 1, valid);
  set(1, 2, aborted);
  ota.begin(ota1, otaWithSequentialWrites);
  assert.equal(entries(), ["1/valid", "-"]);
  assert.equal([flash.erases[0xd], flash.erases[0xe]], [0, 1]);
});

test("begin keeps an entry that maps to the running slot, and all without rollback", () => {
  const same = bench();
  same.set(0, 3, valid);
  same.set(1, 1, valid);
  same.ota.begin(ota1, otaWithSequentialWrites);
  assert.equal(same.entries(), ["3/valid", "1/valid"]);
  const unguarded = bench(ota0, { rollback: false });
  unguarded.set(0, 1, valid);
  unguarded.set(1, 2, aborted);
  unguarded.ota.begin(ota1, otaWithSequentialWrites);
  assert.equal(unguarded.entries(), ["1/valid", "2/aborted"]);
});

test("sequential writes erase each sector once, as it is entered", () => {
  const { ota, power, flash } = bench();
  const image = imageOf("ok", 9);
  const handle = ota.begin(ota1, otaWithSequentialWrites);
  for (let at = 0; at < 0x3000; at += 1024)
    ota.write(handle, at === 0 ? image : new Uint8Array(1024), 0, 1024);
  assert.is(power.erases, 3);
  assert.equal([...flash.erases.slice(0x20, 0x24)], [1, 1, 1, 0]);
});

test("write needs E9 as first byte; end verifies, and frees the handle though it fails", () => {
  const { ota } = bench();
  const handle = ota.begin(ota1, 0);
  fails("ESP_ERR_OTA_VALIDATE_FAILED", () => ota.write(handle, new Uint8Array(16), 0, 16));
  const flipped = imageOf("flip");
  ota.write(handle, flipped, 0, flipped.length);
  fails("ESP_ERR_OTA_VALIDATE_FAILED", () => ota.end(handle));
  fails("ESP_ERR_NOT_FOUND", () => ota.end(handle));
  fails("ESP_ERR_INVALID_ARG", () => ota.end(ota.begin(ota1, 0)));
});

test("abort keeps the bytes; end and abort leave otadata alone", () => {
  const { ota, flash, entries, set } = bench();
  set(0, 1, valid);
  const image = imageOf("ok", 9);
  const first = ota.begin(ota1, 0);
  ota.write(first, image, 0, 512);
  ota.abort(first);
  assert.is(flash.bytes[ota1.offset], 0xe9);
  fails("ESP_ERR_INVALID_ARG", () => ota.write(first, image, 0, 16));
  const second = ota.begin(ota1, 0);
  ota.writeWithOffset(second, image, 512, image.length - 512, 512);
  ota.writeWithOffset(second, image, 0, 512, 0);
  ota.end(second);
  assert.equal(entries(), ["1/valid", "-"]);
});

test("set_boot_partition writes the other entry, the active one in place, or sector 0", () => {
  const { ota, entries, set, flash } = bench();
  ota.setBootPartition(ota1);
  assert.equal(entries(), ["2/new", "-"]);
  set(0, 1, valid);
  ota.setBootPartition(ota1);
  assert.equal(entries(), ["1/valid", "2/new"]);
  ota.setBootPartition(ota1);
  assert.equal(entries(), ["1/valid", "2/new"]);
  assert.equal([flash.erases[0xd], flash.erases[0xe]], [1, 2]);
  ota.setBootPartition(ota0);
  assert.equal(entries(), ["3/new", "2/new"]);
});

test("set_boot_partition verifies the image first", () => {
  const { ota, flash, power } = bench();
  flash.load(ota1.offset, imageOf("sha"));
  fails("ESP_ERR_OTA_VALIDATE_FAILED", () => ota.setBootPartition(ota1));
  assert.is(power.operations, 0);
});

test("setting factory erases all of otadata; without rollback the state is undefined", () => {
  const { ota, entries, set, power } = bench(ota0, { factory: true });
  set(0, 1, valid);
  ota.setBootPartition(factory);
  assert.equal(entries(), ["-", "-"]);
  assert.is(power.erases, 2);
  const unguarded = bench(ota0, { rollback: false });
  unguarded.ota.setBootPartition(ota1);
  assert.equal(unguarded.entries(), ["2/undefined", "-"]);
});

test("after a rollback the aborted sequence is used again", () => {
  const { ota, entries, set } = bench();
  set(0, 1, valid);
  set(1, 2, aborted);
  ota.setBootPartition(ota1);
  assert.equal(entries(), ["1/valid", "2/new"]);
});

test("mark_app_valid acts on the active entry, not on the running slot", () => {
  const { ota, entries, set, power } = bench();
  set(0, 1, valid);
  set(1, 2, fresh);
  // ota_1 was refused and ota_0 runs; its own confirm then confirms ota_1.
  ota.markAppValid();
  assert.equal(entries(), ["1/valid", "2/valid"]);
  const count = power.operations;
  ota.markAppValid();
  assert.is(power.operations, count);
  fails("ESP_FAIL", () => bench().ota.markAppValid());
});

test("a cut between erase and write of confirm runs the old app again", () => {
  const { ota, set, power, flash } = bench(ota1);
  set(0, 1, valid);
  set(1, 2, pending);
  power.plan([{ operation: 1, tear: { kind: "before" } }]);
  assert.throws(() => ota.markAppValid(), /supply/);
  power.restore();
  assert.is(runBootloader(flash, crypto).slot, "ota_0");
});

test("mark_app_invalid needs another good image", () => {
  const { ota, entries, set, flash } = bench(ota1);
  set(1, 2, pending);
  fails("ESP_ERR_OTA_ROLLBACK_FAILED", () => ota.markAppInvalid());
  set(0, 1, valid);
  ota.markAppInvalid();
  assert.equal(entries(), ["1/valid", "2/invalid"]);
  set(1, 2, pending);
  flash.load(ota0.offset, imageOf("flip"));
  assert.not.ok(ota.checkRollbackIsPossible());
  const withFactory = bench(ota1, { factory: true });
  withFactory.set(1, 2, pending);
  assert.ok(withFactory.ota.checkRollbackIsPossible());
});

test("get_state_partition takes the first intact entry of the slot, active or not", () => {
  const { ota, set } = bench();
  set(0, 1, aborted);
  set(1, 3, valid);
  assert.is(ota.getStatePartition(ota0), "aborted");
  fails("ESP_ERR_NOT_FOUND", () => ota.getStatePartition(ota1));
  fails("ESP_ERR_NOT_SUPPORTED", () => ota.getStatePartition(factory));
});

test("the next update partition follows the running one and wraps", () => {
  assert.is(bench(ota0).ota.getNextUpdatePartition(), ota1);
  assert.is(bench(ota1).ota.getNextUpdatePartition(), ota0);
  assert.is(bench(factory, { factory: true }).ota.getNextUpdatePartition(), ota0);
});

test("the boot partition is what otadata selects", () => {
  const { ota, set } = bench();
  assert.is(ota.getBootPartition(), ota0);
  set(1, 2, fresh);
  assert.is(ota.getBootPartition(), ota1);
  assert.is(ota.getRunningPartition(), ota0);
  assert.is(bench(ota0, { factory: true }).ota.getBootPartition(), factory);
});

test.run();
