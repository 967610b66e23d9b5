/** What updates may cost over time holds also where a floor, a record or an offer is unusual. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { networkFault } from "../../hosts/simulator/network-faults.js";
import type { SimulatedRelease } from "../../hosts/simulator/simulation.js";
import { hex } from "../../src/bytes.js";
import { decodeRecord } from "../../src/journal/records.js";
import { Bench, benchImage, benchRelease } from "../helpers/bench.js";

const test = suite("agent/wear-budget");

const always = 1_000_000_000;
const hourMs = 3_600_000;
const wrongBytes = networkFault("other-content", { count: always });

/** A developer's own build of `number` is flashed by cable into ota_0; the journal stays. */
function flashByCable(bench: Bench, number: number): void {
  const { simulation } = bench;
  const own = benchRelease({ sequenceNumber: number, image: benchImage(90 + number) });
  bench.powerCycle();
  simulation.know(own);
  simulation.flash.load(bench.slotAddress(0), new Uint8Array(40_960).fill(0xff));
  simulation.flash.load(bench.slotAddress(0), own.image);
  bench.setOtadata([null, null]);
  simulation.checkers.flashedByCable(0, hex(own.image.subarray(-32)));
}

/** Passes that the ledger counts as used, and the newest release that was begun. */
function ledgerOf({ simulation }: Bench): { spent: number; highestBegun: number } | null {
  const bytes = simulation.keyValue.entries("daruma").get("ledger");
  return bytes === undefined ? null : decodeRecord("ledger", bytes, bytes.length);
}

for (const count of [1, 5]) {
  test(`${count} releases with the number of the floor wear the slot no more than others`, () => {
    const bench = new Bench({ wear: {} }).settleFirst();
    const [second, third] = [2, 3].map((sequenceNumber) => benchRelease({ sequenceNumber }));
    bench.install(second).install(third);
    for (const { name } of [bench.installed, second, third]) bench.simulation.withdraw(name);
    bench.pass(60);
    flashByCable(bench, 1);
    bench.faults.plan([wrongBytes]);
    const again: SimulatedRelease[] = [];
    for (let i = 0; i < count; i++) {
      const image = benchImage(30 + i);
      const name = `again-${i}.suit`;
      again.push(benchRelease({ sequenceNumber: 3, image, name, uri: `again-${i}.bin` }));
    }
    for (let step = 0; step < 8 * 24 * 6; step++) {
      const release = again[step % count];
      if (count > 1 || step === 0) bench.simulation.publish(release);
      bench.pass(10);
      if (count > 1) bench.simulation.withdraw(release.name);
    }
    assert.ok(bench.simulation.wear.most.erasesPerDay > 3, "it was tried");
    bench.assertPromises();
    bench.faults.plan([]);
    bench.simulation.publish(again[0]);
    bench.until(() => bench.told(again[0]).includes("updated: confirmed"), "the update", 24);
  });
}

test("older releases that are offered in turn cost no journal write each", () => {
  const bench = new Bench({ wear: {} }).settleFirst();
  const newest = benchRelease({ sequenceNumber: 10 });
  const older = [3, 4, 5, 6, 7].map((sequenceNumber) => benchRelease({ sequenceNumber }));
  bench.faults.plan([wrongBytes]);
  bench.simulation.publish(newest);
  bench.until(() => ledgerOf(bench)?.highestBegun === 10, "the newest is begun");
  bench.pass(5);
  const { journal } = bench.cost;
  const untilMs = bench.simulation.world.nowMs + 24 * hourMs;
  while (bench.simulation.world.nowMs < untilMs) {
    const { polls } = bench;
    bench.offer = older[polls % older.length].envelope;
    bench.until(() => bench.polls > polls, "a poll");
  }
  assert.ok(bench.polls > 1000);
  const writes = bench.cost.journal - journal;
  assert.ok(writes < 60, `${writes} journal writes in a day`);
});

for (const minutes of [6, 9, 19, 69]) {
  test(`uptime counts by half and more where the supply fails each ${minutes} minutes`, () => {
    const bench = new Bench().settleFirst();
    const newest = benchRelease({ sequenceNumber: 10 });
    const older = benchRelease({ sequenceNumber: 5 });
    bench.faults.plan([wrongBytes]);
    bench.simulation.publish(newest);
    bench.until(() => ledgerOf(bench)?.highestBegun === 10, "the newest is begun");
    bench.faults.plan([]);
    bench.simulation.withdraw(newest.name);
    bench.pass(5);
    // It is made to wait for a day.
    bench.simulation.publish(older);
    const fromMs = bench.simulation.world.nowMs;
    const hours = (): number => (bench.simulation.world.nowMs - fromMs) / hourMs;
    while (!bench.simulation.runs(older.image) && hours() < 50) {
      bench.powerCycle();
      bench.pass(minutes);
    }
    assert.ok(hours() > 23 && hours() < 48, `begun after ${hours()} h`);
  });
}

test("outages that both images meet shelve no release, though a power cycle ends each", () => {
  let state = "";
  const bench = new Bench({
    agent: {
      trialServerMs: hourMs,
      onProgress: (progress) => {
        state = progress.state;
      },
    },
  }).settleFirst();
  const second = benchRelease({ sequenceNumber: 2 });
  bench.simulation.publish(second);
  for (let outage = 0; outage < 6; outage++) {
    bench.until(() => state === "trial", `trial ${outage}`, 24);
    bench.faults.plan([networkFault("refused", { count: always })]);
    bench.pass(4 * 60);
    bench.powerCycle();
    bench.faults.plan([]);
  }
  bench.until(() => bench.told(second).includes("updated: confirmed"), "the update", 24);
  bench.assertPromises();
});

test("blocks whose progress cannot be recorded are not erased without end", () => {
  const installed = benchRelease({ sequenceNumber: 1, image: benchImage(1, 140_000) });
  const release = benchRelease({ sequenceNumber: 2, image: benchImage(2, 140_000) });
  const bench = new Bench({ installed, wear: {} }).settleFirst();
  const { keyValue } = bench.simulation;
  const write = keyValue.write.bind(keyValue);
  let isFull = true;
  let failures = 0;
  keyValue.write = (domain, key, value) => {
    if (isFull && key === "progress") {
      failures++;
      throw new Error("storage is full");
    }
    write(domain, key, value);
  };
  bench.simulation.publish(release);
  bench.simulation.run(() => false, 8 * 24 * hourMs);
  assert.ok(failures > 3);
  bench.assertPromises();
  isFull = false;
  bench.until(() => bench.told(release).includes("updated: confirmed"), "the update", 24);
});

test("a tick that cannot be saved does not disturb a download", () => {
  const installed = benchRelease({ sequenceNumber: 1, image: benchImage(1, 140_000) });
  const release = benchRelease({ sequenceNumber: 2, image: benchImage(2, 140_000) });
  const bench = new Bench({ installed }).settleFirst();
  bench.faults.plan([networkFault("trickle", { value: 700, count: always })]);
  bench.powerCycle();
  // Its download begins before the tick at ten minutes, and ends behind it.
  bench.pass(8);
  bench.simulation.publish(release);
  const { keyValue, world } = bench.simulation;
  const bootedMs = bench.simulation.boots.at(-1)?.atMs ?? 0;
  const write = keyValue.write.bind(keyValue);
  let failures = 0;
  keyValue.write = (domain, key, value) => {
    if (key === "ledger" && failures === 0 && world.nowMs - bootedMs > 599_000) {
      failures++;
      throw new Error("storage is full");
    }
    write(domain, key, value);
  };
  bench.untilTold(release);
  assert.is(failures, 1);
  assert.equal(bench.told(release), ["updated: confirmed"]);
  assert.is(bench.cost.payload, 140_000);
  bench.assertPromises();
});

test.run();
