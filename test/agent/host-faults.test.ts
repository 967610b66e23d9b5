/** The host throws once, anywhere: the agent goes on, and never acts on what it did not read. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Simulation } from "../../hosts/simulator/simulation.js";
import { type AgentState, next, resumption, table } from "../../src/agent/machine.js";
import { releaseOf, resultsOf, settledDevice } from "../helpers/update-run.js";

const test = suite("agent/host-faults");
const dayMs = 86_400_000;

/** Makes flash reads by the firmware of that boot throw: those that `fails` names by number. */
function failReads(simulation: Simulation, boot: number, fails: (read: number) => boolean): void {
  const { flash } = simulation;
  const read = flash.read.bind(flash);
  let reads = 0;
  flash.read = (address, into, start, length) => {
    const isFirmware = simulation.boots.length === boot && simulation.board.boots === boot;
    if (isFirmware && fails(reads++)) throw new Error("flash read failed");
    read(address, into, start, length);
  };
}

test("one failed read at the start of a trial never costs the confirmed image", () => {
  for (const kind of ["healthy", "fail-test"] as const) {
    for (let failing = 0; failing < 6; failing++) {
      const simulation = settledDevice();
      const release = releaseOf(2, kind);
      failReads(simulation, 2, (read) => read === failing);
      simulation.publish(release);
      const end = simulation.run(() => resultsOf(simulation, release).length > 0, dayMs);
      const what = `${kind}, read ${failing}`;
      assert.is(end, "until", what);
      simulation.run(() => false, 600_000);
      assert.equal(simulation.violations(), [], what);
      assert.is(simulation.runs(release.image), kind === "healthy", what);
    }
  }
});

test("an image in which the agent cannot start is taken back", () => {
  for (const nth of [1, 2]) {
    const simulation = settledDevice();
    const release = releaseOf(2, "healthy");
    failReads(simulation, 2, (read) => read % nth === 0);
    simulation.publish(release);
    const end = simulation.run(() => resultsOf(simulation, release).length > 0, dayMs);
    assert.is(end, "until");
    assert.is(simulation.runs(release.image), false);
    assert.equal(resultsOf(simulation, release), ["failed: crashed"]);
    assert.equal(simulation.violations(), []);
  }
});

test("a confirmed image in which the agent cannot start is left running", () => {
  const simulation = settledDevice();
  simulation.board.cutPower();
  failReads(simulation, 2, () => true);
  assert.is(
    simulation.run(() => false, dayMs),
    "time",
  );
  assert.is(simulation.board.boots, 2);
});

/** Makes the first timer throw that the agent sets once it has told of `state`. */
function failTimerIn(state: string): Simulation {
  let armed = false;
  let failed = false;
  const simulation = settledDevice({
    onProgress: (progress) => {
      armed = progress.state === state;
    },
  });
  const { world } = simulation;
  const after = world.after.bind(world);
  world.after = (delayMs, run) => {
    if (armed && !failed) {
      failed = true;
      throw new Error("no memory for a timer");
    }
    return after(delayMs, run);
  };
  return simulation;
}

test("a result is reported although the first try to report it failed at once", () => {
  for (const [state, kind, result] of [
    ["failed", "fail-test", "failed: self-test-failed"],
    ["updated", "healthy", "updated: confirmed"],
  ] as const) {
    const simulation = failTimerIn(state);
    const release = releaseOf(2, kind);
    simulation.publish(release);
    const end = simulation.run(() => resultsOf(simulation, release).length > 0, dayMs);
    assert.is(end, "until", state);
    assert.equal(resultsOf(simulation, release), [result]);
  }
});

test("a rejection that the platform refuses once does not leave the rejected image", () => {
  const simulation = settledDevice();
  const [second, third] = [releaseOf(2, "fail-test"), releaseOf(3, "healthy")];
  const otadata = simulation.layout.partitions.find((one) => one.label === "otadata");
  const { flash } = simulation;
  const eraseBlock = flash.eraseBlock.bind(flash);
  let failed = false;
  flash.eraseBlock = (address) => {
    const isEntry = Math.abs(address - (otadata?.offset ?? 0)) <= 4096;
    if (isEntry && simulation.boots.length === 2 && simulation.board.boots === 2 && !failed) {
      failed = true;
      throw new Error("flash erase failed");
    }
    eraseBlock(address);
  };
  simulation.publish(second);
  assert.is(
    simulation.run(() => resultsOf(simulation, second).length > 0, dayMs),
    "until",
  );
  assert.ok(failed);
  assert.equal(resultsOf(simulation, second), ["failed: self-test-failed"]);
  simulation.publish(third);
  assert.is(
    simulation.run(() => resultsOf(simulation, third).length > 0, dayMs),
    "until",
  );
  assert.is(simulation.runs(third.image), true);
  assert.equal(simulation.violations(), []);
});

test("every state has an event that goes on after a fault, and knows it", () => {
  for (const state of Object.keys(table) as AgentState[]) {
    assert.ok(next(state, resumption[state]) !== null, state);
  }
});

test.run();
