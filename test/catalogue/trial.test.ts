/** Group D of the catalogue: trial, confirm and environment, as they failed in the field. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { networkFault } from "../../hosts/simulator/network-faults.js";
import { reconcile } from "../../src/agent/reconcile.js";
import { writeU32 } from "../../src/bytes.js";
import { crc32 } from "../../src/crc.js";
import type { ResetReason } from "../../src/hal.js";
import { phases } from "../../src/journal/records.js";
import { Bench, benchImage, benchRelease, traceOf, updateUnder } from "../helpers/bench.js";

const second = benchRelease({ sequenceNumber: 2 });
const third = benchRelease({ sequenceNumber: 3 });

// D1 (aws-ota#421, #439)
test("D1 a confirmed device never resets by itself, however long the server is away", () => {
  const bench = new Bench().settleFirst().install(second);
  const boots = bench.simulation.boots.length;
  bench.simulation.network.up = false;
  bench.pass(7 * 24 * 60);
  assert.is(bench.simulation.boots.length, boots);
  bench.simulation.network.up = true;
  bench.install(third).assertPromises();
});

// D2 (mender#823, #827)
test("D2 after the confirm nothing goes back, though the report fails for hours", () => {
  const bench = new Bench().settleFirst();
  bench.faults.plan([networkFault("lost-answer", { target: "report", count: 40 })]);
  bench.simulation.publish(second);
  bench.until(() => bench.floor === 2, "the confirm");
  for (let i = 0; i < 5; i++) {
    bench.pass(60);
    bench.powerCycle();
  }
  bench.until(() => bench.attempt === null, "the report", 48);
  assert.ok(bench.simulation.runs(second.image));
  assert.equal(bench.told(second), ["updated: confirmed"]);
  bench.assertPromises();
});

// D3 (esphome/issues#5196, Ropener#32)
test("D3 switching off twice during the trial is not a crash", () => {
  const bench = new Bench().settleFirst();
  bench.simulation.publish(second);
  for (let i = 1; i <= 2; i++) {
    const trials = (): number => bench.simulation.boots.filter(({ slot }) => slot === 1).length;
    bench.until(() => trials() === i && bench.runningSlot === 1, `trial ${i}`);
    bench.powerCycle();
  }
  bench.untilTold(second);
  assert.equal(bench.told(second), ["updated: confirmed"]);
  bench.assertPromises();
});

// D4 (esphome#16762, #14113)
test("D4 a brown-out in the trial, a loss of supply and a crash are told apart", () => {
  const facts = {
    phase: phases.staging,
    running: "confirmed",
    runningState: "valid",
    targetState: "aborted",
    targetRuns: false,
    imageWritten: true,
    restages: 0,
    returns: 0,
    hasConfirmed: true,
    unguarded: false,
    reverted: "",
  } as const;
  const at = (resetReason: ResetReason, powerTrials: number) =>
    reconcile({ ...facts, resetReason, powerTrials });
  assert.equal([at("power-on", 2).event, at("power-on", 2).counts], ["stageLost", "powerTrials"]);
  assert.is(at("power-on", 3).reason, "power-unstable");
  assert.is(at("brown-out", 0).reason, "brown-out");
  assert.is(at("panic", 0).reason, "crashed");
});

test("D5 a second release during a trial waits for its end, and then comes (esphome#13195)", () => {
  const bench = new Bench().settleFirst();
  bench.simulation.publish(second);
  bench.until(() => bench.simulation.boots.length === 2, "the trial");
  bench.simulation.publish(third);
  bench.untilTold(third);
  bench.pass(2);
  assert.equal(bench.told(second), ["updated: confirmed"]);
  assert.equal(bench.told(third), ["updated: confirmed"]);
  assert.ok(bench.simulation.runs(third.image));
  bench.assertPromises();
});

// D6 (42-Smart-Cluster-Sign#11, thingsboard/esp32-ota#7)
test("D6 a new image that cannot reach our update server is not kept", () => {
  const bench = new Bench().settleFirst();
  const release = benchRelease({ sequenceNumber: 2, behaviour: "no-network" });
  bench.simulation.publish(release);
  bench.untilTold(release);
  assert.equal(bench.told(release), ["failed: server-unreachable"]);
  assert.ok(bench.simulation.runs(bench.installed.image));
  bench.assertPromises();
});

// D7 (LockState 2017, OpenNeato#93)
test("D7 another product's release is refused, and does not block the right one", () => {
  const bench = new Bench().settleFirst();
  const foreign = benchRelease({ sequenceNumber: 6, deviceClass: "lamp-v1" });
  bench.offer = foreign.envelope;
  bench.pass(5);
  bench.offer = null;
  assert.equal(bench.told(foreign), ["refused: class-mismatch"]);
  bench.install(second).assertPromises();
});

test("D8 an update needs no wall clock at all (esp-at#432, Tasmota#9757)", () => {
  const { Date: original } = globalThis;
  const asked = (): never => {
    throw new Error("the clock was asked");
  };
  const absent = new Proxy(original, { construct: asked, apply: asked, get: asked });
  globalThis.Date = absent;
  try {
    new Bench().settleFirst().install(second).assertPromises();
  } finally {
    globalThis.Date = original;
  }
});

// D10 (esp-idf#11854, EnergyMe#237)
test("D10 a trial holds a whole fetch of an offer, and going back needs no download", () => {
  const bench = new Bench().settleFirst().install(second);
  const trial = bench.simulation.boots.at(-1)?.atMs ?? 0;
  const marked = bench.simulation.timeline.find(({ text }) => text.endsWith("is marked valid"));
  const fetched = bench.simulation
    .wire()
    .filter(({ path, atMs }) => path.endsWith("/latest.suit") && atMs > trial);
  assert.ok(fetched[0].atMs < (marked?.atMs ?? 0) && fetched[0].bodyBytes > 200);
  const back = updateUnder([], "fail-test");
  assert.is(back.simulation.payloadBytes(), 20_000, "only the new image was fetched");
});

test("D12 a version text that does not change causes no loop (trmnl-firmware#284)", () => {
  const bench = new Bench().settleFirst();
  const same = benchRelease({ sequenceNumber: 2, versionText: "1" });
  bench.install(same);
  const before = bench.cost;
  bench.pass(24 * 60);
  assert.equal(bench.cost, before);
  assert.equal(bench.told(same), ["updated: confirmed"]);
});

// D13 (updatehub#89265)
test("D13 a failed release is told once by the image that remains, also across cuts", () => {
  for (const { index } of traceOf("crash").slice(-5)) {
    for (const kind of ["before", "after"] as const) {
      const bench = updateUnder([{ operation: index, tear: { kind } }], "crash");
      bench.powerCycle();
      bench.pass(90);
      const release = benchRelease({ sequenceNumber: 2, behaviour: "crash" });
      assert.equal(bench.told(release), ["failed: crashed"]);
      bench.assertPromises(`${index} ${kind}`);
    }
  }
});

// D14 (iot-reference-esp32#126)
test("D14 records of a newer agent are read by an older one after a revert", () => {
  const bench = new Bench().settleFirst().install(second);
  const { keyValue } = bench.simulation;
  for (const key of ["confirmed", "progress"]) {
    const record = keyValue.entries("daruma").get(key) ?? new Uint8Array(0);
    const newer = new Uint8Array(record.length + 24).fill(0x42);
    newer.set(record.subarray(0, record.length - 4), 0);
    newer[0] = 2;
    writeU32(newer, newer.length - 4, crc32(newer, 0, newer.length - 4));
    keyValue.write("daruma", key, newer);
  }
  bench.powerCycle();
  bench.pass(5);
  assert.is(bench.floor, 2);
  const lines = bench.simulation.timeline.slice(-6).map(({ text }) => text);
  assert.ok(
    lines.some((text) => text.includes("runs confirmed image")),
    lines.join("\n"),
  );
  bench.install(third).assertPromises();
});

// D15 (cadmus#474, openscale#145)
test("D15 resets of any kind during a download lose at most 64 KB", () => {
  const release = benchRelease({ sequenceNumber: 2, image: benchImage(2, 140_000) });
  const installed = benchRelease({ sequenceNumber: 1, image: benchImage(1, 140_000) });
  const bench = new Bench({ installed }).settleFirst();
  bench.simulation.publish(release);
  for (const reached of [30_000, 75_000, 110_000, 180_000]) {
    bench.until(() => bench.simulation.payloadBytes() > reached, `${reached} bytes`);
    bench.powerCycle();
  }
  bench.untilTold(release);
  assert.equal(bench.told(release), ["updated: confirmed"]);
  assert.ok(bench.simulation.payloadBytes() <= 140_000 + 4 * (65_536 + 8192));
  bench.assertPromises();
  const resets: ResetReason[] = ["deep-sleep", "external", "other", "unknown", "panic", "watchdog"];
  for (const resetReason of resets) {
    const { state, event } = reconcile({
      phase: phases.writing,
      running: "confirmed",
      runningState: "valid",
      targetState: "none",
      resetReason,
      targetRuns: false,
      imageWritten: false,
      powerTrials: 0,
      restages: 0,
      returns: 0,
      hasConfirmed: true,
      unguarded: false,
      reverted: "",
    });
    assert.equal([state, event], ["writing", "pollDue"]);
  }
});

test.run();
