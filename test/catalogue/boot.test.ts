/** Group A of the catalogue: boot flags, slots and power, as they failed in the field. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Cut } from "../../hosts/simulator/tear.js";
import {
  activeEntry,
  crcMatches,
  entryValid,
  slotOfSequence,
  stateAborted,
  stateNew,
  stateValid,
} from "../../src/boot/otadata.js";
import { makeEntry } from "../../src/boot/otadata-write.js";
import {
  Bench,
  benchRelease,
  isOtadata,
  otadataAddress,
  traceOf,
  updateUnder,
} from "../helpers/bench.js";

const second = benchRelease({ sequenceNumber: 2 });
const third = benchRelease({ sequenceNumber: 3 });

test("A1 a write of the boot record torn at any byte never bricks (mcuboot#1966, #2100)", () => {
  for (const { index, kind } of traceOf("healthy").filter(isOtadata)) {
    const lengths =
      kind === "erase" ? [0, 24, 28, 32, 2048] : Array.from({ length: 33 }, (_, i) => i);
    for (const bytes of lengths)
      updateUnder([{ operation: index, tear: { kind: "prefix", bytes } }]);
    for (let seed = 1; seed <= 4; seed++) {
      updateUnder([{ operation: index, tear: { kind: "bits", seed, share: 64 * seed } }]);
    }
  }
});

// A1 (mcuboot#2100)
test("A1 every journal write that is cut before or after leaves a device that goes on", () => {
  for (const { index } of traceOf("healthy").filter(({ kind }) => kind === "key-value")) {
    updateUnder([{ operation: index, tear: { kind: "before" } }]);
    updateUnder([{ operation: index, tear: { kind: "after" } }]);
  }
});

// A2 (mcuboot#829, #1588, zephyr#28933)
test("A2 half erased blocks, and two such cuts in a row, never corrupt what boots", () => {
  for (const { index } of traceOf("healthy").filter(({ kind }) => kind === "erase")) {
    const tear = { kind: "prefix", bytes: 2048 } as const;
    for (const gap of [1, 2, 3, 5, 9]) {
      updateUnder([
        { operation: index, tear },
        { operation: index + gap, tear: { kind: "bits", seed: index + gap, share: 128 } },
      ]);
    }
  }
});

// A3 (mcuboot#480, #485)
test("A3 a cut at any operation of a revert leaves the old image stable for three boots", () => {
  for (const { index } of traceOf("fail-test").slice(-12)) {
    for (const kind of ["before", "after"] as const) {
      const bench = updateUnder([{ operation: index, tear: { kind } }], "fail-test");
      for (let i = 0; i < 3; i++) {
        bench.powerCycle();
        bench.pass(2);
        assert.ok(bench.simulation.runs(bench.installed.image));
        assert.is(bench.runningSlot, 0);
      }
      bench.assertPromises();
    }
  }
});

test("A4 after any revert with a cut in it a new update is accepted (mcuboot#2199)", () => {
  for (const behaviour of ["crash", "fail-test"] as const) {
    for (const { index } of traceOf(behaviour).slice(-10)) {
      const bench = updateUnder([{ operation: index, tear: { kind: "before" } }], behaviour);
      bench.install(third).assertPromises(`${behaviour} ${index}`);
    }
  }
});

// A5 (MCUboot 2.2 notes)
test("A5 the floor rises after the confirm, also when a cut falls between them", () => {
  const operations = traceOf("healthy");
  // After the mark-valid of the boot record come the records of the journal.
  const marked = operations.filter(isOtadata).at(-1)?.index ?? -1;
  for (const { index } of operations.filter(({ index }) => index > marked)) {
    for (const kind of ["before", "after"] as const) {
      const bench = new Bench().settleFirst();
      const order: string[] = [];
      bench.simulation.power.plan([{ operation: index, tear: { kind } }]);
      bench.simulation.publish(second);
      bench.until(() => {
        const isMarked = bench.simulation.timeline.some(
          ({ text }) => text === "ota_1 is marked valid",
        );
        if (isMarked && order.length === 0) order.push("confirmed");
        if (bench.floor === 2 && !order.includes("floor")) order.push("floor");
        return bench.resultsOf(second).length > 0;
      }, `cut ${index}`);
      assert.equal(order, ["confirmed", "floor"]);
    }
  }
});

// A6 (ruuvi.gateway_esp.c#1280, #1283)
test("A6 after the bootloader fell back, the next update spares the image that runs", () => {
  const bench = new Bench().settleFirst().install(second);
  bench.damageSlot(1);
  bench.powerCycle();
  bench.pass(30);
  assert.ok(bench.simulation.runs(second.image), "fetched again");
  bench.install(third);
  // P5 counts the old image as kept again: the test had damaged the confirmed one.
  const broken = bench.simulation.violations().filter(({ promise }) => promise !== "P5");
  assert.equal(broken, []);
  const boots = bench.simulation.boots.slice(-3);
  assert.ok(boots.every(({ imageHex }) => imageHex !== null));
  assert.is(bench.floor, 3);
});

for (const [name, pair] of [
  ["blank", [null, null]],
  [
    "garbage",
    [
      { ...makeEntry(7, 99), crc: 5 },
      { ...makeEntry(8, 77), crc: 6 },
    ],
  ],
  ["two equal sequence numbers", [makeEntry(3, stateValid), makeEntry(3, stateValid)]],
  ["one entry whose crc is wrong", [{ ...makeEntry(1, stateValid), crc: 1 }, null]],
  ["both aborted", [makeEntry(1, stateAborted), makeEntry(2, stateAborted)]],
  ["an unknown state", [makeEntry(1, stateValid), makeEntry(2, 0x12345678)]],
] as const) {
  // A7 (EMS-ESP32#1645)
  test(`A7 a boot record that is ${name} ends on the confirmed release again`, () => {
    const bench = new Bench().settleFirst().install(second);
    const { payload } = bench.cost;
    bench.setOtadata(pair);
    bench.powerCycle();
    bench.pass(30);
    assert.ok(bench.simulation.runs(second.image), bench.timeline());
    assert.is(bench.cost.payload, payload, "without a download");
    assert.is(bench.floor, 2);
    bench.install(third);
    assert.is(bench.floor, 3);
  });
}

// A8 (raburton/rboot#33)
test("A8 the only valid boot record entry is never erased while nothing else can boot", () => {
  for (const behaviour of ["healthy", "fail-test"] as const) {
    const bench = new Bench().settleFirst();
    const { flash } = bench.simulation;
    const { eraseBlock } = flash;
    let erased = 0;
    flash.eraseBlock = (address) => {
      const sector = (address - otadataAddress) / 0x1000;
      if (sector === 0 || sector === 1) {
        erased++;
        const other = bench.otadata[1 - sector];
        assert.ok(entryValid(other), `${behaviour}: sector ${sector} is erased beside a bad one`);
      }
      eraseBlock.call(flash, address);
    };
    const release = benchRelease({ sequenceNumber: 2, behaviour });
    bench.simulation.publish(release);
    bench.untilTold(release);
    assert.ok(erased >= 2);
  }
});

test("A9 validity is the full digest, never the header (BW16-OTA-Updates#1, EnergyMe#240)", () => {
  // At every moment of a download the slot has no image header that a bootloader would believe.
  const writes = traceOf("healthy").filter(({ address }) => address >= 0x20000);
  for (const { index } of writes.slice(0, -1)) {
    const bench = new Bench().settleFirst();
    bench.simulation.power.plan([{ operation: index, tear: { kind: "after" } }]);
    bench.simulation.publish(second);
    bench.until(() => bench.simulation.boots.length === 2, "the cut");
    assert.is.not(bench.simulation.flash.bytes[bench.slotAddress(1)], 0xe9, `operation ${index}`);
  }
});

test("A10 no boot record entry vouches for a slot that is being rewritten (esp-idf#14808)", () => {
  const bench = new Bench().settleFirst().install(second);
  bench.simulation.publish(third);
  bench.until(() => bench.simulation.payloadBytes() > 20_000 + 9000, "half a download");
  bench.powerCycle();
  for (const entry of bench.otadata) {
    const isOfTarget = crcMatches(entry) && slotOfSequence(entry.sequence, 2) === 0;
    assert.not.ok(isOfTarget && entryValid(entry));
  }
  bench.untilTold(third);
  assert.equal(bench.told(third), ["updated: confirmed"]);
  bench.assertPromises();
});

// A11 (meticulous-addon#121)
test("A11 a first update that fails while the other image is gone stays where it can run", () => {
  const bench = new Bench().settleFirst();
  const release = benchRelease({ sequenceNumber: 2, behaviour: "fail-test" });
  bench.simulation.publish(release);
  bench.until(() => bench.simulation.boots.length === 2, "the trial");
  bench.damageSlot(0);
  bench.untilTold(release);
  assert.equal(bench.told(release), ["failed: revert-impossible"]);
  bench.pass(5);
  assert.ok(bench.simulation.runs(release.image), "nothing else boots");
  assert.is(bench.floor, 1, "but it is not taken as confirmed");
});

// A12 (rauc#683, home-assistant/operating-system#507)
test("A12 a supply that fails in every trial ends in the old image, which updates later", () => {
  const bench = new Bench().settleFirst();
  bench.simulation.publish(second);
  const trials = (): number => bench.simulation.boots.filter(({ slot }) => slot === 1).length;
  for (let i = 1; i <= 4; i++) {
    bench.until(() => trials() === i && bench.runningSlot === 1, `trial ${i}`);
    bench.powerCycle();
  }
  bench.untilTold(second);
  assert.equal(bench.told(second), ["failed: power-unstable"]);
  assert.ok(bench.simulation.runs(bench.installed.image));
  bench.install(third).assertPromises();
});

// A13 (esp-idf#898)
test("A13 both entries blank, no factory partition: the first slot boots and is recorded", () => {
  const bench = new Bench();
  assert.ok(bench.otadata.every(({ sequence }) => sequence === 0xffffffff));
  bench.settleFirst();
  assert.is(bench.otadata[0].sequence, 1);
  assert.is(bench.otadata[0].stateWord, stateValid);
});

test("A14 the running slot is told by what runs, and not by the flag (esp-idf#15552)", () => {
  const bench = new Bench().settleFirst().install(second);
  // Nothing to install again: the device has to live with what it has.
  bench.simulation.withdraw(second.name);
  bench.damageSlot(1);
  bench.powerCycle();
  bench.pass(30);
  assert.is(bench.runningSlot, 0);
  const pair = bench.otadata;
  const active = activeEntry(pair);
  const entry = active === -1 ? makeEntry(0xffffffff, stateNew) : pair[active];
  assert.is(slotOfSequence(entry.sequence, 2), 0, "the boot record follows, without a restart");
  assert.is(entry.stateWord, stateValid);
  assert.equal(bench.told(second).at(-1), "failed: image-digest-mismatch");
});

// A15 (MCUboot 2.2 notes, esp-idf#578)
test("A15 the slot is erased in slices of a few blocks, with the event loop in between", () => {
  const image = benchRelease({ sequenceNumber: 2 }).image;
  const bench = new Bench().settleFirst();
  const { power } = bench.simulation;
  bench.simulation.publish(second);
  let before = power.erases;
  let most = 0;
  bench.until(() => {
    most = Math.max(most, power.erases - before);
    before = power.erases;
    return bench.resultsOf(second).length > 0;
  }, "the update");
  assert.ok(image.length > 4 * 4096);
  assert.ok(most >= 1 && most <= 2, `${most} blocks in one event: the receive window has two`);
});

// A16 (esp8266/Arduino#1026, #7647, raburton/rboot#25, NightDriverStrip#378)
test("A16 a write that reports success and differs is found by reading back", () => {
  const writes = traceOf("healthy").filter(
    ({ kind, address }) => kind === "program" && address >= 0x20000,
  );
  for (const { index } of writes) {
    for (const tear of [
      { kind: "before" },
      { kind: "prefix", bytes: 8 },
      { kind: "bits", seed: index, share: 250 },
    ] as const) {
      const cut: Cut = { operation: index, tear, silent: true };
      updateUnder([cut]);
    }
  }
});

// A17 (esp_ota_ops.c, rewrite)
test("A17 a cut between erase and write of mark-valid is repaired without a download", () => {
  const erase = traceOf("healthy")
    .filter((operation) => isOtadata(operation) && operation.kind === "erase")
    .at(-1);
  assert.ok(erase !== undefined);
  const bench = updateUnder([{ operation: erase.index, tear: { kind: "after" } }]);
  assert.is(bench.simulation.payloadBytes(), 20_000);
  assert.equal(bench.told(second), ["updated: confirmed"]);
  assert.ok(bench.simulation.boots.some(({ number, slot }) => number > 2 && slot === 0));
});

test.run();
