/** One journal write that fails must neither stop the device nor change what is remembered. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rewriteBody } from "../../hosts/simulator/answer-changes.js";
import { networkTargetOf } from "../../hosts/simulator/network-faults.js";
import { hex } from "../../src/bytes.js";
import { phases } from "../../src/journal/records.js";
import { failJournalOnce, releaseOf, resultsOf, settledDevice } from "../helpers/update-run.js";

const test = suite("agent/journal-failures");
const dayMs = 86_400_000;

test("a rejected image is taken back although its rejection could not be recorded", () => {
  const simulation = settledDevice();
  const release = releaseOf(2, "fail-test");
  failJournalOnce(simulation, (key, value) => key === "attempt" && value[1] === phases.rejecting);
  simulation.publish(release);
  const end = simulation.run(() => resultsOf(simulation, release).length > 0, dayMs);
  assert.is(end, "until");
  assert.is(simulation.runs(release.image), false);
  assert.equal(simulation.violations(), []);
});

test("a crashing release is remembered as bad although the first record of it failed", () => {
  const simulation = settledDevice();
  const release = releaseOf(2, "crash");
  failJournalOnce(simulation, (key) => key === "bad");
  simulation.publish(release);
  const end = simulation.run(() => resultsOf(simulation, release).length > 0, dayMs);
  assert.is(end, "until");
  simulation.run(() => false, 600_000);
  assert.equal(resultsOf(simulation, release), ["failed: crashed"]);
});

test("a confirmed release is reported as confirmed although a record of it failed first", () => {
  for (const key of ["confirmed", "attempt"]) {
    const simulation = settledDevice();
    const release = releaseOf(2, "healthy");
    const isUpdated = (value: Uint8Array): boolean => value[1] === phases.updated;
    failJournalOnce(
      simulation,
      (one, value) => one === key && (key !== "attempt" || isUpdated(value)),
    );
    simulation.publish(release);
    assert.is(
      simulation.run(() => resultsOf(simulation, release).length > 0, dayMs),
      "until",
    );
    assert.equal(resultsOf(simulation, release), ["updated: confirmed"], key);
  }
});

test("an attempt whose damage could not be recorded has its result all the same", () => {
  let isBad = true;
  const simulation = settledDevice({
    intercept: ({ path }, delivery) => {
      if (!isBad || networkTargetOf(path) !== "payload") return;
      isBad = false;
      rewriteBody(delivery, (bytes) => bytes.fill(0, 60_000));
    },
  });
  const release = releaseOf(2, "healthy");
  failJournalOnce(simulation, (key, value) => key === "attempt" && value[5] === 1);
  const { onChange } = simulation.keyValue;
  const begun = new Set<string>();
  simulation.keyValue.onChange = (domain, key, value) => {
    const isNew = key === "attempt" && value !== null && value[16] === 2;
    if (isNew) begun.add(hex(value.subarray(8, 16)));
    onChange?.(domain, key, value);
  };
  simulation.publish(release);
  const isKept = (): boolean => resultsOf(simulation, release).includes("updated: confirmed");
  assert.is(simulation.run(isKept, dayMs), "until");
  assert.is(begun.size, 2);
  const told = new Set(simulation.reports().map(({ reportId }) => reportId));
  for (const reportId of begun)
    assert.ok(told.has(reportId), resultsOf(simulation, release).join());
});

test.run();
