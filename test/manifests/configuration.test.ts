/** Partition tables and sdkconfig fragment. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { layoutFor } from "../../hosts/simulator/layout.js";
import type { Partition } from "../../src/boot/partitions.js";

const test = suite("manifests/configuration");

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const read = (path: string): string => readFileSync(join(root, "manifests", path), "utf8");
const megabyte = 1024 * 1024;

/** Numbers of the names in a table (ESP-IDF gen_esp32part.py). */
const types = new Map([
  ["app", 0],
  ["data", 1],
]);
const subtypes = new Map([
  ["ota_0", 0x10],
  ["ota_1", 0x11],
  ["ota", 0],
  ["phy", 1],
  ["nvs", 2],
  ["undefined", 6],
]);

const numberOf = (names: ReadonlyMap<string, number>, text: string): number => {
  const value = names.get(text) ?? Number(text);
  assert.ok(Number.isInteger(value), text);
  return value;
};

function partitions(path: string): Partition[] {
  const rows = read(path)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  return rows.map((row) => {
    const [label, type, subtype, offset, size] = row.split(",").map((cell) => cell.trim());
    return {
      label,
      type: numberOf(types, type),
      subtype: numberOf(subtypes, subtype),
      offset: Number(offset),
      sizeBytes: Number(size),
      flags: 0,
    };
  });
}

for (const [file, flashBytes] of [
  ["partitions/4mb.csv", 4 * megabyte],
  ["partitions/8mb.csv", 8 * megabyte],
] as const) {
  test(`${file} is what the simulated board boots from`, () => {
    const table = partitions(file);
    const slotBytes = table.find((one) => one.label === "ota_0")?.sizeBytes ?? 0;
    const layout = layoutFor(slotBytes);
    assert.is(layout.flashBytes, flashBytes);
    assert.equal(table, layout.partitions);
  });

  test(`${file} is aligned, without overlaps, inside its flash, and has no factory`, () => {
    const table = partitions(file);
    let end = 0x9000;
    for (const { label, type, offset, sizeBytes, subtype } of table) {
      assert.ok(offset >= end, `${label} overlaps`);
      assert.is(offset % (type === 0 ? 0x10000 : 0x1000), 0, label);
      assert.is(sizeBytes % 0x1000, 0, label);
      assert.not(type === 0 && subtype === 0, "factory");
      end = offset + sizeBytes;
    }
    assert.ok(end <= flashBytes);
    assert.is(table.filter((one) => one.type === 0).length, 2);
    const [first, second] = table.filter((one) => one.type === 0);
    assert.is(first.sizeBytes, second.sizeBytes);
  });

  test(`${file} has a mod that runs, two pristine ones of that size, and a store`, () => {
    const later = partitions(file).slice(-4);
    // What XS maps (xsHost.c), and data partitions, which the flash module opens by their label.
    assert.equal(
      later.map((one) => [one.label, one.type, one.subtype, one.sizeBytes / 1024]),
      [
        ["xs", 0x40, 1, 64],
        ["mod_a", 1, 6, 64],
        ["mod_b", 1, 6, 64],
        ["store", 1, 6, 128],
      ],
    );
    // The unit of the chip's memory map: no page of a mod shows anything else.
    for (const { label, offset } of later) assert.is(offset % 0x10000, 0, label);
  });

  test(`${file} has slots as large as 64 KB steps allow, and no byte is left over`, () => {
    const table = partitions(file);
    const slotBytes = { "partitions/4mb.csv": 1856, "partitions/8mb.csv": 3904 }[file] * 1024;
    assert.is(table.find((one) => one.label === "ota_0")?.sizeBytes, slotBytes);
    const { offset, sizeBytes } = table[table.length - 1];
    assert.is(offset + sizeBytes, flashBytes);
  });
}

/**
 * Options as ESP-IDF spells them: components/bootloader/Kconfig.projbuild (config BOOTLOADER_...)
 * and components/esp_system/Kconfig (config ESP_...), and the type of each.
 */
const options = new Map<string, "bool" | "int">([
  ["BOOTLOADER_APP_ROLLBACK_ENABLE", "bool"],
  ["BOOTLOADER_SKIP_VALIDATE_ALWAYS", "bool"],
  ["BOOTLOADER_SKIP_VALIDATE_ON_POWER_ON", "bool"],
  ["BOOTLOADER_SKIP_VALIDATE_IN_DEEP_SLEEP", "bool"],
  ["BOOTLOADER_WDT_ENABLE", "bool"],
  ["BOOTLOADER_WDT_TIME_MS", "int"],
  ["ESP_TASK_WDT_EN", "bool"],
  ["ESP_TASK_WDT_INIT", "bool"],
  ["ESP_TASK_WDT_PANIC", "bool"],
  ["ESP_TASK_WDT_TIMEOUT_S", "int"],
  ["ESP_TASK_WDT_CHECK_IDLE_TASK_CPU0", "bool"],
  ["ESP_TASK_WDT_CHECK_IDLE_TASK_CPU1", "bool"],
  ["ESP_INT_WDT", "bool"],
]);

test("the sdkconfig fragment sets what ESP-IDF knows, once, with a value of its type", () => {
  const lines = read("sdkconfig/sdkconfig.defaults")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const names = lines.map((line) => {
    const match = /^CONFIG_([A-Z0-9_]+)=(y|n|\d+)$/.exec(line);
    assert.ok(match, line);
    const type = options.get(match[1]);
    assert.is(type, /^\d+$/.test(match[2]) ? "int" : "bool", line);
    return match[1];
  });
  assert.equal(names.sort(), [...options.keys()].sort());
});

test("the fragment's watchdog is the one that the simulated board has", () => {
  assert.match(read("sdkconfig/sdkconfig.defaults"), /^CONFIG_ESP_TASK_WDT_TIMEOUT_S=15$/m);
  const board = readFileSync(join(root, "hosts/simulator/task-watchdog.ts"), "utf8");
  assert.match(board, /const taskWatchdogMs = 15_000;/);
});

test("C reads no option that the fragment or ESP-IDF's newer names do not have", () => {
  const c = readFileSync(join(root, "hosts/esp32/native/daruma.c"), "utf8");
  const newer = [
    "BOOTLOADER_APP_ROLLBACK_CONFIRM_BY_APP",
    "BOOTLOADER_APP_ROLLBACK_CONFIRM_ON_STARTUP",
  ];
  for (const [, name] of c.matchAll(/CONFIG_(\w+)/g)) {
    assert.ok(options.has(name) || newer.includes(name), name);
  }
});

test.run();
