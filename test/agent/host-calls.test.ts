/**
 * Every call that the agent makes of its host during a whole update fails once, and twice in a row:
 * JavaScript never aborts, and the device ends updated.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createHal } from "../../hosts/esp32/hal.js";
import type { Simulation } from "../../hosts/simulator/simulation.js";
import { Agent } from "../../src/agent/agent.js";
import { type CallFault, FaultyHal } from "../helpers/faulty-hal.js";
import { release, simulated } from "../helpers/simulated.js";

const test = suite("agent/host-calls");
const dayMs = 86_400_000;
const none: CallFault = { name: "", from: 0, count: 0 };
const next = release(2);

/** A device on release 1 whose host fails so from now on, and release 2 on the server. */
function failing(fault: CallFault): { simulation: Simulation; host: FaultyHal } {
  const host = new FaultyHal(fault);
  const simulation = simulated({
    application: (device, options) => {
      new Agent(host.wrap(createHal(device.platform)), { ...options, onProgress() {} }).start();
    },
  });
  simulation.run(() => false, 60_000);
  host.armed = true;
  simulation.publish(next);
  return { simulation, host };
}

const resultsOf = (simulation: Simulation): string[] =>
  simulation
    .reports()
    .filter((one) => one.sequenceNumber === 2)
    .map((one) => `${one.result}: ${one.reason}`);

const aborts = (simulation: Simulation): string[] =>
  simulation.timeline.map(({ text }) => text).filter((text) => text.includes("XS abort"));

const isUpdated = (simulation: Simulation): boolean =>
  resultsOf(simulation).includes("updated: confirmed");

test("any call of the host may fail once or twice in a row: no abort, and it ends updated", () => {
  const whole = failing(none);
  assert.is(
    whole.simulation.run(() => isUpdated(whole.simulation), dayMs),
    "until",
  );
  whole.simulation.run(() => false, 600_000);
  let runs = 0;
  let later = 0;
  for (const [name, calls] of whole.host.calls) {
    for (let from = 1; from <= calls; from++) {
      for (const count of [1, 2]) {
        const what = `${name}: ${count} from call ${from}`;
        const { simulation } = failing({ name, from, count });
        assert.is(
          simulation.run(() => isUpdated(simulation), dayMs),
          "until",
          what,
        );
        simulation.run(() => false, 600_000);
        assert.equal(aborts(simulation), [], what);
        assert.equal(simulation.violations(), [], what);
        assert.ok(simulation.runs(next.image), what);
        // An act that the host refused may end an attempt, but not the release.
        const ended = resultsOf(simulation).slice(0, -1);
        assert.ok(
          ended.every((one) => one === "failed: stage-failed" || one === "failed: journal-failed"),
          `${what}: ${ended}`,
        );
        assert.ok(ended.length <= 2, what);
        // One failure of a read says nothing of the bytes: they are not fetched again.
        if (name === "slot.read" || name === "digest") {
          assert.is(simulation.payloadBytes(), next.image.length, what);
        }
        runs++;
        if (ended.length > 0) later++;
      }
    }
  }
  console.log(`${runs} updates with a failing call, ${later} of them in a later attempt`);
});

test("timers that fail for a while cost a restart by the watchdog, not the agent", () => {
  for (const from of [1, 3, 5]) {
    const { simulation } = failing({ name: "timers.set", from, count: 12 });
    assert.is(
      simulation.run(() => isUpdated(simulation), dayMs),
      "until",
      `${from}`,
    );
    assert.equal(aborts(simulation), [], `${from}`);
    // The watchdog is the pause between two restarts: 30 s.
    assert.ok(simulation.boots.length > 2 && simulation.boots.length <= 6, `${from}`);
  }
});

test.run();
