/** What the agent still knows when a record of its journal or an image is lost. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { networkFault } from "../../hosts/simulator/network-faults.js";
import { decodeEntry, stateValid } from "../../src/boot/otadata.js";
import { Bench, benchImage, benchRelease, otadataAddress } from "../helpers/bench.js";

const second = benchRelease({ sequenceNumber: 2 });
const third = benchRelease({ sequenceNumber: 3 });
const failing = benchRelease({ sequenceNumber: 3, behaviour: "fail-test" });

function damage(bench: Bench, key: string): void {
  const record = bench.simulation.keyValue.entries("daruma").get(key);
  assert.ok(record !== undefined, key);
  record[5] ^= 0x40;
}

test("the floor outlives a damaged record of the confirmed release", () => {
  const bench = new Bench().settleFirst().install(second);
  for (const { name } of [bench.installed, second]) bench.simulation.withdraw(name);
  damage(bench, "confirmed");
  bench.powerCycle();
  bench.pass(5);
  assert.is(bench.floor, 2);
  const older = benchRelease({ sequenceNumber: 1, image: benchImage(9), name: "older.suit" });
  bench.simulation.publish(older);
  bench.untilTold(older);
  assert.equal(bench.told(older), ["refused: sequence-too-low"]);
  bench.simulation.withdraw(older.name);
  bench.install(third);
  bench.assertPromises();
});

test("the floor outlives a damaged record of the last attempt", () => {
  const bench = new Bench().settleFirst().install(second);
  damage(bench, "attempt");
  bench.powerCycle();
  bench.pass(5);
  assert.is(bench.floor, 2);
  bench.install(third);
  bench.assertPromises();
});

test("a rejected image that is all that boots is not confirmed, and fetches the next one", () => {
  const bench = new Bench().settleFirst().install(second);
  bench.simulation.publish(failing);
  bench.untilTold(failing);
  bench.pass(5);
  const goodSlot = bench.runningSlot;
  bench.damageSlot(goodSlot);
  bench.powerCycle();
  bench.until(() => bench.told(second).length > 1, "the loss is told");
  assert.is(bench.told(second).at(-1), "failed: image-digest-mismatch");
  assert.is(bench.runningSlot, 1 - goodSlot);
  bench.pass(5);
  const { flash, journal } = bench.cost;
  for (let boots = 0; boots < 5; boots++) {
    bench.powerCycle();
    bench.pass(5);
  }
  assert.equal([bench.cost.flash, bench.cost.journal], [flash, journal], "told once");
  for (const sector of [0, 1]) {
    const entry = decodeEntry(bench.simulation.flash.bytes, otadataAddress + sector * 0x1000);
    const speaksForIt = (entry.sequence - 1) % 2 === bench.runningSlot;
    assert.not(speaksForIt && entry.stateWord === stateValid, "nothing vouches for it");
  }
  const fourth = benchRelease({ sequenceNumber: 4 });
  bench.install(fourth);
  assert.is(bench.floor, 4);
});

test("a rejected image that runs for a lost entry gives way to the confirmed one", () => {
  const bench = new Bench().settleFirst().install(second);
  bench.simulation.publish(failing);
  bench.untilTold(failing);
  bench.pass(5);
  const { payload } = bench.cost;
  // Both entries gone, the bootloader takes slot 0, and there is the rejected image.
  bench.setOtadata([null, null]);
  bench.powerCycle();
  bench.pass(5);
  assert.ok(bench.simulation.runs(second.image), bench.timeline());
  assert.equal(bench.told(second).at(-1), "updated: repaired");
  assert.is(bench.cost.payload, payload);
});

test("progress is not taken up again after another release has written to the slot", () => {
  const large = benchRelease({ sequenceNumber: 2, image: benchImage(2, 140_000) });
  const other = benchRelease({ sequenceNumber: 3, image: benchImage(3, 140_000) });
  const installed = benchRelease({ sequenceNumber: 1, image: benchImage(1, 140_000) });
  const bench = new Bench({ installed }).settleFirst();
  bench.faults.plan([networkFault("stall", { value: 100_000 })]);
  bench.simulation.publish(large);
  bench.until(() => bench.simulation.payloadBytes() >= 100_000, "most of the first");
  bench.powerCycle();
  bench.faults.plan([networkFault("stall", { value: 20_000 })]);
  bench.simulation.publish(other);
  bench.until(() => bench.told(large).length > 0, "superseded");
  bench.until(() => bench.simulation.payloadBytes() >= 120_000, "some of the other");
  bench.simulation.withdraw(other.name);
  bench.untilTold(other);
  // Older than what was begun: only once it was on offer for a day.
  bench.until(() => bench.told(large).includes("updated: confirmed"), "the first again", 30);
  assert.equal(bench.told(large), [
    "failed: superseded",
    "refused: older-held",
    "updated: confirmed",
  ]);
  assert.is(bench.simulation.payloadBytes(), 120_000 + 140_000, "the whole, once");
});

test.run();
