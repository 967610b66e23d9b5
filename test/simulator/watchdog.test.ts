/** Time passes while JavaScript runs: the watchdog bites in a call that takes too long. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { BootedDevice } from "../../hosts/simulator/board.js";
import type { Simulation, SimulationOptions } from "../../hosts/simulator/simulation.js";
import { timerMs } from "../../hosts/simulator/timers.js";
import { release, simulated, update } from "../helpers/simulated.js";

/** A board whose firmware is `main`, run for `seconds`. */
function board(
  main: (device: BootedDevice) => void,
  options: Partial<SimulationOptions> = {},
  seconds = 60,
): Simulation {
  const simulation = simulated({ application: (device) => main(device), ...options });
  simulation.run(() => false, seconds * 1000, 1);
  return simulation;
}

const ended = (simulation: Simulation): string[] =>
  simulation.timeline.map(({ text }) => text).filter((text) => text.startsWith("reset"));

const bitten = ["reset (task-watchdog): the watchdog bit"];

test("a verification of 100 s under a watchdog of 30 s ends the trial", () => {
  // Before the trial nothing watches such a board.
  const slow = simulated({ verificationMs: 100_000, build: { loopWatchdog: false } });
  slow.publish(release(2));
  const isTrial = (): boolean => slow.boots.length === 2;
  assert.is(slow.run(isTrial, 7_200_000), "until");
  // The release on trial needs no signature check; another one that is offered meanwhile does.
  slow.publish(release(3));
  const told = (): string[] =>
    slow.reports().flatMap(({ sequenceNumber, reason }) => (sequenceNumber === 2 ? [reason] : []));
  assert.is(
    slow.run(() => told().length > 0, 7_200_000),
    "until",
  );
  assert.equal(told(), ["watchdog-reset"]);
  // With the event loop watched, as our build has it, no offer is ever believed.
  assert.is(update(simulated({ verificationMs: 100_000 })).report, null);
  assert.is(update(simulated({ verificationMs: 3600 })).report?.result, "updated");
});

test("a call that lasts longer than the armed watchdog ends the boot when that bites", () => {
  let after = "";
  const simulation = board((device) => {
    const { natives, timer } = device.platform;
    natives.daruma_watchdog_arm(2000);
    timer.set(() => {
      try {
        device.busy(1999);
        device.busy(100);
      } catch {
        // Latched: whatever the firmware catches, nothing of this boot has an effect any more.
      }
      try {
        device.platform.keyValue
          .open({ path: "app", format: "buffer" })
          .write("a", new Uint8Array(1));
        after = "written";
      } catch (error) {
        after = String(error);
      }
    }, 0);
  });
  assert.equal(ended(simulation), bitten);
  assert.match(after, "this boot is over");
  assert.is(simulation.timeline.find(({ text }) => text === bitten[0])?.atMs, 400 + 2000);
});

test("the event loop is watched without the agent, after 15 s", () => {
  const busy = (ms: number) => (device: BootedDevice) => {
    device.platform.timer.set(() => device.busy(ms), 10);
  };
  assert.equal(ended(board(busy(15_000))), bitten);
  assert.equal(ended(board(busy(14_999))), []);
  assert.equal(ended(board(busy(50_000), { build: { taskWatchdog: false } })), []);
});

test("feeding in the middle of a long turn counts", () => {
  const feeds = (restMs: number) => (device: BootedDevice) => {
    const { natives, timer } = device.platform;
    timer.set(() => {
      natives.daruma_watchdog_arm(2000);
      for (let i = 0; i < 3; i++) {
        device.busy(1900);
        natives.daruma_watchdog_feed();
      }
      device.busy(restMs);
      natives.daruma_watchdog_disarm();
    }, 100);
  };
  assert.equal(ended(board(feeds(1900))), []);
  assert.equal(ended(board(feeds(2000))), bitten);
});

test("timers take a signed integer of 32 bits, as the SDK's", () => {
  assert.equal([0, 1.9, -5, 2 ** 31 - 1].map(timerMs), [0, 1, 0, 2 ** 31 - 1]);
  // At once, and much too early.
  assert.equal(
    [2 ** 31, 2 ** 32 - 1, 2 ** 32 + 7, Number.POSITIVE_INFINITY].map(timerMs),
    [0, 0, 7, 0],
  );
  let fired = -1;
  const simulation = board((device) => {
    device.platform.timer.set(() => {
      fired = device.platform.ticks();
    }, 2 ** 31);
  });
  assert.is(fired, 0);
  assert.equal(ended(simulation), []);
});

test("a timer that fired, or was cleared, cannot be cleared again", () => {
  const seen: string[] = [];
  board((device) => {
    const { timer } = device.platform;
    const attempt = (name: string, id: Parameters<typeof timer.clear>[0]): void => {
      try {
        timer.clear(id);
        seen.push(name);
      } catch (error) {
        seen.push(`${name}: ${(error as Error).message}`);
      }
    };
    const own = timer.set(() => attempt("within", own), 0);
    const fired = timer.set(() => undefined, 0);
    const waiting = timer.set(() => seen.push("fired"), 100);
    timer.set(() => {
      attempt("fired", fired);
      attempt("waiting", waiting);
      attempt("cleared", waiting);
    }, 50);
  });
  assert.equal(seen, ["within", "fired: invalid timer", "waiting", "cleared: invalid timer"]);
});

test.run();
