/**
 * Updates in which one side has a newer agent. What today's agent writes is read by the first
 * release, which a revert brings back; what a newer agent leaves in the journal is no danger.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Behaviour, SimulatedRelease } from "../../hosts/simulator/simulation.js";
import type { Cut } from "../../hosts/simulator/tear.js";
import { hex, writeU32 } from "../../src/bytes.js";
import { crc32 } from "../../src/crc.js";
import { type Attempt, decodeRecord, encodeRecord } from "../../src/journal/records.js";
import type { Reason } from "../../src/reasons.js";
import { Bench, benchRelease, traceOf } from "../helpers/bench.js";
import { type Key, phasesMax, readVersion1, recordBytesMax } from "../journal/version-1.js";

const dayMs = 86_400_000;
/** On the average of a week: each costs the wear of a download or of a stage. */
const trialsPerDayMax = 4;

const keys: readonly Key[] = ["attempt", "confirmed", "progress", "bad"];
const isKey = (key: string): key is Key => keys.some((one) => one === key);

/** Calls `write` for each record that takes its place in the journal. */
function onRecord(bench: Bench, write: (key: Key, value: Uint8Array) => void): void {
  const { keyValue } = bench.simulation;
  const before = keyValue.onChange;
  keyValue.onChange = (domain, key, value) => {
    before?.(domain, key, value);
    if (domain === "daruma" && isKey(key) && value !== null) write(key, value);
  };
}

const hexOf = ({ image }: SimulatedRelease): string => hex(image.subarray(image.length - 32));

function runs(bench: Bench, release: SimulatedRelease): boolean {
  return bench.simulation.boots.at(-1)?.imageHex === hexOf(release);
}

/** Updates to release 2 under one cut; returns how many records were written in its trials. */
function recordsOfTrial(behaviour: Behaviour, cuts: readonly Cut[]): number {
  const release = benchRelease({ sequenceNumber: 2, behaviour });
  const bench = new Bench().settleFirst();
  let onTrial = 0;
  onRecord(bench, (key, value) => {
    const read = readVersion1(key, value);
    assert.ok(read !== null, `${key}: ${hex(value)}\n${bench.timeline()}`);
    if (key === "attempt") assert.ok(Number(read.phase) <= phasesMax);
    if (runs(bench, release)) onTrial++;
  });
  bench.simulation.power.plan(cuts);
  bench.simulation.publish(release);
  bench.untilTold(release);
  bench.pass(5);
  return onTrial;
}

for (const behaviour of ["healthy", "crash", "hang", "fail-test", "no-network"] as const) {
  test(`${behaviour}: the first release reads each record that a newer one writes`, () => {
    let onTrial = recordsOfTrial(behaviour, []);
    for (const { index } of traceOf(behaviour)) {
      onTrial += recordsOfTrial(behaviour, [{ operation: index, tear: { kind: "after" } }]);
    }
    // One that crashes or hangs has no time to write.
    if (behaviour !== "crash" && behaviour !== "hang") assert.ok(onTrial > 20, `${onTrial}`);
  });
}

/** Replaces a record in storage, behind everybody's back. */
function replace(bench: Bench, key: Key, value: Uint8Array): void {
  const { keyValue } = bench.simulation;
  const stored = keyValue.snapshot();
  stored.get("daruma")?.set(key, value);
  keyValue.restore(stored);
}

/** The record as a newer agent writes it: another version, and fields before the crc. */
function newer(record: Uint8Array, change: (bytes: Uint8Array) => void = () => undefined) {
  const bytes = new Uint8Array(record.length + 24).fill(0xa5);
  bytes.set(record.subarray(0, record.length - 4), 0);
  bytes[0] = 2;
  change(bytes);
  writeU32(bytes, bytes.length - 4, crc32(bytes, 0, bytes.length - 4));
  return bytes;
}

interface Story {
  readonly told: readonly string[];
  readonly floor: number;
  readonly slot: number;
  readonly payloadBytes: number;
}

/** An update to release 2, whose records are kept as `leaves` says; then one to release 3. */
function story(
  behaviour: Behaviour,
  leaves: (key: Key, value: Uint8Array) => Uint8Array,
): { readonly second: Story; readonly bench: Bench } {
  const release = benchRelease({ sequenceNumber: 2, behaviour });
  const bench = new Bench().settleFirst();
  onRecord(bench, (key, value) => {
    if (runs(bench, release)) replace(bench, key, leaves(key, value));
  });
  bench.simulation.publish(release);
  bench.until(
    () => bench.told(release).length > 0 || bench.simulation.boots.length > 8,
    "a result",
  );
  bench.pass(5);
  const second = {
    told: bench.told(release),
    floor: bench.floor,
    slot: bench.runningSlot,
    payloadBytes: bench.simulation.payloadBytes(),
  };
  bench.simulation.withdraw(release.name);
  bench.install(benchRelease({ sequenceNumber: 3 }));
  bench.assertPromises();
  return { second, bench };
}

for (const behaviour of ["healthy", "crash", "hang", "fail-test", "no-network"] as const) {
  test(`${behaviour}: records of a newer version with more fields change nothing`, () => {
    const plain = story(behaviour, (_key, value) => value).second;
    const { second } = story(behaviour, (_key, value) => newer(value));
    assert.equal(second, plain);
    assert.is(second.told.length, 1);
  });
}

for (const behaviour of ["fail-test", "no-network"] as const) {
  test(`${behaviour}: an unknown phase that a newer agent left counts as no attempt`, () => {
    for (const phase of [0, phasesMax + 1, 255]) {
      let left = 1;
      const { second, bench } = story(behaviour, (key, value) => {
        if (key !== "attempt" || left-- <= 0) return value;
        return newer(value, (bytes) => {
          bytes[1] = phase;
        });
      });
      // The older agent knows of nothing, tries the release once more, and hears of its failure.
      assert.ok(left < 1, "a record was changed");
      assert.is(second.told.length, 1, bench.timeline());
      assert.match(second.told[0], /^failed: (self-test-failed|server-unreachable)$/);
    }
  });

  test(`${behaviour}: an unknown reason, given in every trial, ends in few trials`, () => {
    for (const reason of ["battery-too-low", "b".repeat(100)]) {
      const release = benchRelease({ sequenceNumber: 2, behaviour });
      const bench = new Bench().settleFirst();
      onRecord(bench, (key, value) => {
        const attempt = key === "attempt" ? decodeRecord("attempt", value, value.length) : null;
        if (!runs(bench, release) || attempt === null || attempt.reason === "") return;
        const buffer = new Uint8Array(recordBytesMax);
        const changed: Attempt = { ...attempt, reason: reason as Reason };
        replace(bench, key, newer(buffer.slice(0, encodeRecord("attempt", changed, buffer))));
      });
      bench.simulation.publish(release);
      bench.simulation.run(() => false, 7 * dayMs, 2000);
      const trials = bench.simulation.boots.filter(({ imageHex }) => imageHex === hexOf(release));
      assert.ok(trials.length > 0, "it was tried");
      assert.ok(trials.length <= 7 * trialsPerDayMax, `${trials.length} trials in a week`);
      bench.install(benchRelease({ sequenceNumber: 3 }));
      bench.assertPromises();
    }
  });
}

test.run();
