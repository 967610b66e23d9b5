import { suite } from "uvu";
import * as assert from "uvu/assert";
import { partitionRow as part } from "../../hosts/simulator/layout.js";
import {
  bootLayout,
  encodePartitions,
  type Partition,
  parsePartitions,
  type TableError,
} from "../../src/boot/partitions.js";
import { hex } from "../../src/bytes.js";
import { md5 } from "../helpers/digest.js";
import { bootCases } from "../helpers/images.js";

const test = suite("partition table");

const nvs = part("nvs", 1, 2, 0x9000, 0x4000);
const otadata = part("otadata", 1, 0, 0xd000, 0x2000);
const phy = part("phy_init", 1, 1, 0xf000, 0x1000);
const ota0 = part("ota_0", 0, 0x10, 0x10000, 0x180000);
const ota1 = part("ota_1", 0, 0x11, 0x190000, 0x180000);
const all = [nvs, otadata, phy, ota0, ota1];
const options = { flashBytes: 0x400000, md5 };

function refused(bytes: Uint8Array, code: TableError, more = {}): void {
  assert.equal(parsePartitions(bytes, { ...options, ...more }), { ok: false, code });
}

test("the encoded table is that of gen_esp32part, and parses back", () => {
  const bytes = encodePartitions(all, md5);
  const recorded = bootCases()[0].partitionTable;
  assert.is(hex(bytes.subarray(0, recorded.length / 2)), recorded);
  assert.equal(parsePartitions(bytes, options), { ok: true, partitions: all, md5Present: true });
});

test("the bootloader does not need an MD5 row, apps may", () => {
  const bytes = encodePartitions(all, null);
  assert.equal(parsePartitions(bytes, options), { ok: true, partitions: all, md5Present: false });
  refused(bytes, "md5-missing", { md5Required: true });
});

test("each error of esp_partition_table_verify is found", () => {
  const good = encodePartitions(all, md5);
  refused(good, "partition-outside-flash", { flashBytes: 0x200000 });
  refused(new Uint8Array(0xc00).fill(0xff), "bad-row");
  refused(good.subarray(0, 100), "table-too-short");
  const wrong = good.slice();
  wrong[5 * 32 + 16] ^= 1;
  refused(wrong, "md5-mismatch");
  const junk = good.slice();
  junk[32] = 0;
  refused(junk, "bad-row");
  const twice = good.slice();
  twice.copyWithin(6 * 32, 5 * 32, 6 * 32);
  refused(twice, "second-md5-row");
  const endless = new Uint8Array(0xc00);
  for (let at = 0; at < endless.length; at += 32) endless.set(good.subarray(0, 32), at);
  refused(endless, "table-unterminated");
});

test("rows behind the MD5 row push the last one out, as in the bootloader", () => {
  const bytes = encodePartitions(all, md5);
  bytes.copyWithin(6 * 32, 4 * 32, 5 * 32);
  const table = parsePartitions(bytes, options);
  assert.ok(table.ok);
  assert.equal(table.partitions, all);
});

test("the layout counts OTA rows and lets the last of equal rows win", () => {
  const again = part("again", 0, 0x10, 0x310000, 0x1000);
  const layout = bootLayout([...all, again]);
  assert.is(layout.appCount, 3);
  assert.is(layout.slots[0], again);
  assert.is(layout.slots[1], ota1);
  assert.is(layout.otadata, otadata);
  assert.is(layout.factory, null);
});

test("a label of 16 characters needs no NUL", () => {
  const long = part("sixteen_letters_", 1, 0x40, 0x9000, 0x1000);
  const table = parsePartitions(encodePartitions([long], md5), options);
  assert.ok(table.ok);
  assert.is(table.partitions[0].label, "sixteen_letters_");
});

test("tables that gen_esp32part refuses are refused", () => {
  const bad: [Partition[], RegExp][] = [
    [[part("a", 0, 0x10, 0x11000, 0x1000)], /misaligned/],
    [[part("a", 1, 2, 0x9100, 0x1000)], /misaligned/],
    [[part("a", 0, 0x10, 0x10000, 0x1100)], /misaligned size/],
    [[nvs, part("b", 1, 1, 0xa000, 0x1000)], /overlaps/],
    [[part("a", 1, 2, 0x8000, 0x1000)], /overlaps/],
    [[part("a", 1, 0, 0xd000, 0x1000)], /0x2000/],
    [[otadata, part("o2", 1, 0, 0x20000, 0x2000)], /second otadata/],
    [[nvs, part("nvs", 1, 2, 0x20000, 0x1000)], /already used/],
    [[part("seventeen_letters", 1, 2, 0x9000, 0x1000)], /16 characters/],
    [[], /does not fit/],
  ];
  for (const [table, why] of bad) assert.throws(() => encodePartitions(table, md5), why);
});

test.run();
