/**
 * The trial: the first run of an image that nothing vouches for yet. It passes when the running
 * bytes have the signed digest, every self-test passed, the update server was reached from this
 * image (so that the update path outlives the update), and it has run for a while. A hardware
 * watchdog and a deadline bound it.
 */
import type { Hal, TimerHandle } from "../hal.js";
import type { Reason } from "../reasons.js";
import { setTimer, tryFeed } from "./host.js";
import type { SelfTest } from "./options.js";

export interface TrialListener {
  passed(): void;
  failed(reason: Reason): void;
}

export class Trial {
  private readonly hal: Hal;
  private readonly tests: readonly SelfTest[];
  private readonly listener: TrialListener;
  private readonly watchdogTimeoutMs: number;
  private deadline: TimerHandle | null = null;
  private dwell: TimerHandle | null = null;
  private feeder: TimerHandle | null = null;
  /** The self-test that runs; -1 before the first. */
  private nextTest = -1;
  private testsPassed = false;
  private hasReached = false;
  private dwelt = false;
  private over = false;

  constructor(
    hal: Hal,
    tests: readonly SelfTest[],
    watchdogTimeoutMs: number,
    listener: TrialListener,
  ) {
    this.hal = hal;
    this.tests = tests;
    this.watchdogTimeoutMs = watchdogTimeoutMs;
    this.listener = listener;
  }

  /**
   * Arms watchdog and deadline; true when there is a watchdog. Self-tests wait for `runTests`, and
   * have `timeoutMs`; once they have passed, the server may take `serverMs` from here on.
   */
  arm(timeoutMs: number, serverMs: number, dwellMs: number): boolean {
    // The deadline first: whatever fails after it, the trial ends.
    this.deadline = this.hal.timers.set(() => this.timedOut(serverMs - timeoutMs), timeoutMs);
    const isWatched = this.hal.watchdog.arm(this.watchdogTimeoutMs);
    this.feed();
    this.dwell = this.hal.timers.set(() => {
      this.dwelt = true;
      this.conclude();
    }, dwellMs);
    return isWatched;
  }

  /** A server that is down for a while says nothing of the image: only its own tests are urgent. */
  private timedOut(leftMs: number): void {
    if (!this.testsPassed) {
      return this.failTest("trial-timeout", this.nextTest, "never answered", "");
    }
    try {
      if (leftMs > 0) {
        this.deadline = setTimer(this.hal, () => this.timedOut(0), leftMs);
        return;
      }
    } catch {
      // Without a timer it is over now.
    }
    this.fail("server-unreachable");
  }

  /** Runs the self-tests in order; each gets one `done`. */
  runTests(): void {
    if (this.over) return;
    if (this.nextTest < 0) this.nextTest = 0;
    const index = this.nextTest;
    if (index >= this.tests.length) {
      this.testsPassed = true;
      return this.conclude();
    }
    const done = (passed: boolean): void => {
      // A test that calls back twice, or late, speaks only once.
      if (this.over || this.nextTest !== index) return;
      if (!passed) return this.failTest("self-test-failed", index, "failed", "");
      this.nextTest++;
      this.runTests();
    };
    try {
      this.tests[index](done);
    } catch (error) {
      // Also after done(true): a test that throws has not passed.
      this.failTest("self-test-failed", index, "threw ", error);
    }
  }

  /** Logs which self-test it was: the reason code alone tells its author too little. */
  private failTest(reason: Reason, index: number, what: string, error: unknown): void {
    try {
      if (index >= 0 && !this.over) this.hal.log(`trial: self-test ${index + 1} ${what}${error}`);
    } catch {
      // A host that cannot log, or an error without a text: the result counts all the same.
    }
    this.fail(reason);
  }

  /** The update server answered with an authentic envelope. */
  serverReached(): void {
    this.hasReached = true;
    this.conclude();
  }

  fail(reason: Reason): void {
    if (this.over) return;
    this.end();
    this.listener.failed(reason);
  }

  /** Stops timers and watchdog; no callback follows: they belong to the trial alone. */
  end(): void {
    this.over = true;
    try {
      this.stop();
    } catch {
      // A watchdog that cannot be disarmed resets later; what the trial found still counts.
    }
  }

  private stop(): void {
    // First: a timer that cannot be cleared finds the trial over.
    this.hal.watchdog.disarm();
    const timers = this.hal.timers;
    if (this.deadline !== null) timers.clear(this.deadline);
    if (this.feeder !== null) timers.clear(this.feeder);
    if (this.dwell !== null) timers.clear(this.dwell);
    this.deadline = this.feeder = this.dwell = null;
  }

  private conclude(): void {
    if (this.over || !this.testsPassed || !this.hasReached || !this.dwelt) return;
    this.end();
    this.listener.passed();
  }

  /** Feeds from a timer: proof that the event loop of the new image turns. */
  private feed(): void {
    if (this.over) return;
    tryFeed(this.hal);
    try {
      this.feeder = setTimer(this.hal, () => this.feed(), Math.floor(this.watchdogTimeoutMs / 4));
    } catch {
      // Not fed any more: the watchdog ends the trial, as it must when the host fails.
    }
  }
}
