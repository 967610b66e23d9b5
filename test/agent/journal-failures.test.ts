/** One journal write that fails must neither stop the device nor change what is remembered. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
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

test.run();
