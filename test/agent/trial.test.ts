/** The trial by itself: what ends it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Trial } from "../../src/agent/trial.js";
import type { Hal } from "../../src/hal.js";

const test = suite("agent/trial");

test("a trial whose watchdog cannot be armed still ends at its deadline", () => {
  const timers: { callback: () => void; delayMs: number }[] = [];
  const hal = {
    timers: {
      nowMs: () => 0,
      set: (callback: () => void, delayMs: number) => timers.push({ callback, delayMs }),
      clear: () => {},
    },
    watchdog: {
      arm: () => {
        throw new Error("no watchdog");
      },
      feed: () => {},
      disarm: () => {},
    },
  };
  const reasons: string[] = [];
  const trial = new Trial(hal as unknown as Hal, [], 1000, {
    passed: () => assert.unreachable(),
    failed: (reason) => reasons.push(reason),
  });
  assert.throws(() => trial.arm(60_000, 60_000, 10), "no watchdog");
  timers.find((one) => one.delayMs === 60_000)?.callback();
  assert.equal(reasons, ["trial-timeout"]);
});

test.run();
