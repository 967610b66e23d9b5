/** The trial by itself: what ends it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { networkFault } from "../../hosts/simulator/network-faults.js";
import type { SelfTest } from "../../src/agent/options.js";
import { Trial } from "../../src/agent/trial.js";
import type { Hal } from "../../src/hal.js";
import { phases } from "../../src/journal/records.js";
import { Bench, benchRelease } from "../helpers/bench.js";

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

interface Host {
  readonly hal: Hal;
  readonly log: string[];
  readonly deadline: () => void;
}

function host(): Host {
  const log: string[] = [];
  const timers: (() => void)[] = [];
  const hal = {
    log: (line: string) => log.push(line),
    timers: { nowMs: () => 0, set: (call: () => void) => timers.push(call), clear: () => {} },
    watchdog: { arm: () => true, feed: () => {}, disarm: () => {} },
  };
  return { hal: hal as unknown as Hal, log, deadline: () => timers[0]() };
}

test("the log names the self-test that failed, what it threw, and one that never answers", () => {
  const passes: SelfTest = (done) => done(true);
  const cases: readonly (readonly [SelfTest, string])[] = [
    [(done) => done(false), "trial: self-test 2 failed"],
    [
      () => {
        throw new TypeError("no lamp");
      },
      "trial: self-test 2 threw TypeError: no lamp",
    ],
    [() => {}, "trial: self-test 2 never answered"],
  ];
  for (const [selfTest, line] of cases) {
    const { hal, log, deadline } = host();
    const reasons: string[] = [];
    const trial = new Trial(hal, [passes, selfTest], 1000, {
      passed: () => assert.unreachable(),
      failed: (reason) => reasons.push(reason),
    });
    trial.arm(60_000, 60_000, 10);
    trial.runTests();
    deadline();
    assert.equal(log, [line]);
    assert.is(reasons.length, 1);
  }
});

test("a self-test that throws after it has passed is named, and not the next one", () => {
  const { hal, log } = host();
  const reasons: string[] = [];
  const selfTest: SelfTest = (done) => {
    done(true);
    throw new RangeError("too late");
  };
  const trial = new Trial(hal, [selfTest, () => {}], 1000, {
    passed: () => assert.unreachable(),
    failed: (reason) => reasons.push(reason),
  });
  trial.arm(60_000, 60_000, 10);
  trial.runTests();
  assert.equal(log, ["trial: self-test 1 threw RangeError: too late"]);
  assert.equal(reasons, ["self-test-failed"]);
});

test("a deadline before any self-test has begun blames none", () => {
  const { hal, log, deadline } = host();
  const reasons: string[] = [];
  const trial = new Trial(hal, [() => {}], 1000, {
    passed: () => assert.unreachable(),
    failed: (reason) => reasons.push(reason),
  });
  trial.arm(60_000, 60_000, 10);
  deadline();
  assert.equal(log, []);
  assert.equal(reasons, ["trial-timeout"]);
});

test("an error without a text, or a host that cannot log, keeps no trial from failing", () => {
  const { hal } = host();
  const mute = {
    ...hal,
    log: () => {
      throw new Error("no console");
    },
  };
  for (const [where, thrown] of [
    [hal, Object.create(null)],
    [mute, new Error("x")],
  ] as const) {
    const reasons: string[] = [];
    const selfTest = () => {
      throw thrown;
    };
    const trial = new Trial(where as Hal, [selfTest], 1000, {
      passed: () => assert.unreachable(),
      failed: (reason) => reasons.push(reason),
    });
    trial.arm(60_000, 60_000, 10);
    trial.runTests();
    assert.equal(reasons, ["self-test-failed"]);
  }
});

test("an image that is put back is kept though the server is silent and the journal fails", () => {
  const second = benchRelease({ sequenceNumber: 2 });
  const bench = new Bench().settleFirst().install(second);
  // The boot record loses the confirmed image: it is staged again, and tried.
  const [first] = bench.otadata;
  bench.setOtadata([first, null]);
  bench.powerCycle();
  const always = 1_000_000_000;
  bench.faults.plan([networkFault("mute", { target: "any", count: always })]);
  const { keyValue } = bench.simulation;
  const write = keyValue.write.bind(keyValue);
  let failures = 0;
  keyValue.write = (domain, key, value) => {
    if (key === "attempt" && value[1] === phases.confirming && failures < 5) {
      failures++;
      throw new Error("storage is full");
    }
    write(domain, key, value);
  };
  bench.pass(60);
  assert.is(failures, 5);
  bench.faults.plan([]);
  bench.until(() => bench.told(second).at(-1) === "updated: repaired", "the repair", 24);
  bench.assertPromises();
});

test.run();
