/** The ways an update ends, on the whole simulation, and what the device remembers of each. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { standardRun } from "../../hosts/node/simulator.js";
import type { Behaviour } from "../../hosts/simulator/simulation.js";
import { decodeRecord } from "../../src/journal/records.js";
import { Bench, benchImage, benchRelease, manifestDigestOf } from "../helpers/bench.js";

const endings: readonly [Behaviour, string, string][] = [
  ["healthy", "updated", "confirmed"],
  ["crash", "failed", "crashed"],
  ["hang", "failed", "watchdog-reset"],
  ["fail-test", "failed", "self-test-failed"],
  ["no-network", "failed", "server-unreachable"],
];

for (const [behaviour, result, reason] of endings) {
  test(`a standard run with a new image that is "${behaviour}" ends ${result}: ${reason}`, () => {
    const run = standardRun({
      oldImage: benchImage(1),
      newImage: benchImage(2),
      behaviour,
      seed: 1,
    });
    const broken = run.verdicts.filter(({ held }) => !held);
    assert.equal(broken, []);
    assert.equal([run.passed, run.result, run.reason], [true, result, reason]);
    assert.is(run.newImageRuns, behaviour === "healthy");
    assert.is(run.boots, behaviour === "healthy" ? 2 : 3);
  });
}

for (const [behaviour, , reason] of endings.slice(1)) {
  test(`${behaviour}: the old image runs, the release is remembered, a newer one is taken`, () => {
    const bench = new Bench().settleFirst();
    const second = benchRelease({ sequenceNumber: 2, behaviour });
    bench.simulation.publish(second);
    bench.untilTold(second);
    assert.ok(bench.simulation.runs(bench.installed.image));
    const bytes = bench.simulation.keyValue.entries("daruma").get("bad") ?? new Uint8Array(0);
    const [prefix] = decodeRecord("bad", bytes, bytes.length)?.digests ?? [];
    const isBad = prefix !== undefined;
    // What only the server can have caused does not condemn (P11).
    assert.is(isBad, behaviour !== "no-network");
    if (isBad) assert.ok(manifestDigestOf(second).startsWith(Buffer.from(prefix).toString("hex")));
    // The server goes on offering it, and the device is even switched off and on.
    const { flash, payload } = bench.cost;
    const boots = bench.simulation.boots.length;
    bench.pass(isBad ? 60 : 20);
    bench.simulation.board.cutPower();
    bench.pass(isBad ? 60 : 20);
    assert.equal({ ...bench.cost, journal: 0 }, { flash, payload, journal: 0 });
    assert.is(bench.simulation.boots.length, boots + 1);
    assert.equal(bench.told(second), [`failed: ${reason}`]);
    assert.is(bench.floor, 1);
    const third = benchRelease({ sequenceNumber: 3 });
    bench.simulation.publish(third);
    bench.untilTold(third);
    bench.pass(10);
    assert.equal(bench.told(third), ["updated: confirmed"]);
    assert.ok(bench.simulation.runs(third.image));
    assert.is(bench.floor, 3);
    bench.assertPromises();
  });
}

test("two updates in a row: 1, 2, 3, in alternating slots, the floor rising with each", () => {
  const bench = new Bench().settleFirst();
  const floors = [bench.floor];
  for (const sequenceNumber of [2, 3]) {
    const release = benchRelease({ sequenceNumber });
    bench.simulation.publish(release);
    bench.untilTold(release);
    bench.pass(10);
    assert.ok(bench.simulation.runs(release.image));
    floors.push(bench.floor);
  }
  assert.equal(floors, [1, 2, 3]);
  assert.equal(
    bench.simulation.boots.map(({ slot }) => slot),
    [0, 1, 0],
  );
  bench.assertPromises();
});

test("a trial whose journal cannot be written still goes back to the old image", () => {
  const bench = new Bench().settleFirst();
  const second = benchRelease({ sequenceNumber: 2, behaviour: "fail-test" });
  bench.simulation.publish(second);
  bench.until(() => bench.simulation.boots.length === 2, "the trial");
  const { keyValue } = bench.simulation;
  const write = keyValue.write.bind(keyValue);
  keyValue.write = () => {
    throw new Error("nvs is full");
  };
  bench.until(() => bench.simulation.boots.length === 3, "the way back", 1);
  keyValue.write = write;
  bench.untilTold(second);
  assert.ok(bench.simulation.runs(bench.installed.image));
  bench.assertPromises();
});

test("a journal that fails at any one write leaves a device that updates later", () => {
  for (let failing = 0; failing < 8; failing++) {
    const bench = new Bench().settleFirst();
    const second = benchRelease({ sequenceNumber: 2 });
    const { keyValue } = bench.simulation;
    const write = keyValue.write.bind(keyValue);
    let writes = 0;
    keyValue.write = (domain, key, value) => {
      if (writes++ === failing) throw new Error("nvs is full");
      write(domain, key, value);
    };
    bench.simulation.publish(second);
    bench.until(() => bench.told(second).includes("updated: confirmed"), `write ${failing} fails`);
    bench.pass(10);
    assert.ok(bench.simulation.runs(second.image), `write ${failing} fails`);
    bench.assertPromises(`write ${failing} fails`);
  }
});

test("an intent to confirm that cannot be journalled ends the trial, never half a confirm", () => {
  const bench = new Bench().settleFirst();
  const second = benchRelease({ sequenceNumber: 2 });
  const { keyValue } = bench.simulation;
  const write = keyValue.write.bind(keyValue);
  let writes = 0;
  let floorWhileFull = 0;
  keyValue.write = (domain, key, value) => {
    const isFull = writes >= 4 && writes < 13;
    writes++;
    if (isFull) {
      floorWhileFull = Math.max(floorWhileFull, bench.floor);
      throw new Error("nvs is full");
    }
    write(domain, key, value);
  };
  bench.simulation.publish(second);
  bench.untilTold(second);
  bench.pass(10);
  // The storage is to blame and not the release: it is not remembered as bad, and comes again.
  assert.is(bench.told(second)[0], "failed: journal-failed");
  assert.is(floorWhileFull, 1);
  bench.until(() => bench.told(second).includes("updated: confirmed"), "once the storage heals");
  assert.ok(bench.simulation.runs(second.image));
  bench.assertPromises();
});

test.run();
