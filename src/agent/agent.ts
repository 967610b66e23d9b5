/**
 * The agent: runs the actions of the state machine, in order, and hands it what happens as events.
 * It decides nothing itself. No exception leaves it, and every wait is bounded.
 */
import type { Hal, TimerHandle } from "../hal.js";
import { limits } from "../limits.js";
import type { Reason } from "../reasons.js";
import type { Release } from "../suit/manifest.js";
import { BootCheck } from "./boot-check.js";
import { checkOptions } from "./check-options.js";
import type { AgentContext } from "./context.js";
import {
  adoptRunning,
  type Device,
  isUnconfirmed,
  readDevice,
  repairBootRecord,
} from "./device.js";
import { setTimer, tryLog } from "./host.js";
import type { Journal } from "./journal.js";
import { Ledger } from "./ledger.js";
import { type AgentAction, type AgentEvent, type AgentState, next, resumption } from "./machine.js";
import { type AgentOptions, defaults, type Progress } from "./options.js";
import { Poller } from "./poller.js";
import { counting, type Outcome } from "./reconcile.js";
import { Reporter } from "./reporter.js";
import { pollDelayMs, randomU32, retryDelayMs } from "./schedule.js";
import { Servers } from "./servers.js";
import { Updater } from "./updater.js";
import type { HttpTarget } from "./url.js";
import { Verdict } from "./verdict.js";

/**
 * An update agent on one device. Make one and call `start` once per boot. With a boot-time check
 * that was made before, the agent continues from it; without, it makes its own.
 */
export class Agent implements AgentContext {
  readonly hal: Hal;
  readonly options: AgentOptions;
  readonly journal: Journal;
  readonly servers: Servers;
  readonly ledger: Ledger;
  readonly buffer: Uint8Array = new Uint8Array(limits.workBufferBytes);
  release: Release | null = null;
  retryAfterMs = 0;
  failures = 0;
  private readonly boot: BootCheck;
  private readonly poller: Poller;
  private readonly updater: Updater;
  private readonly verdict: Verdict;
  private readonly reporter: Reporter;
  private deviceFacts: Device | null = null;
  private current: AgentState = "ready";
  private lastReason: Reason | "" = "";
  private pending: AgentEvent | null = null;
  private dispatching = false;
  private starts = 0;
  private started = false;
  private timer: TimerHandle | null = null;

  /** Throws RangeError when an option is out of range; touches nothing before `start`. */
  constructor(hal: Hal, options: AgentOptions, boot?: BootCheck) {
    this.servers = new Servers(this, checkOptions(options, hal.http.scheme));
    this.hal = hal;
    this.options = options;
    this.boot = boot ?? new BootCheck(hal, options);
    boot?.addSelfTests(options.selfTests);
    this.journal = this.boot.journal;
    this.ledger = new Ledger(this);
    this.poller = new Poller(this);
    this.updater = new Updater(this);
    this.verdict = new Verdict(this);
    this.reporter = new Reporter(this);
  }

  get server(): HttpTarget {
    return this.servers.current;
  }

  get state(): AgentState {
    return this.current;
  }

  get reason(): Reason | "" {
    return this.lastReason;
  }

  get capabilities(): number {
    return this.boot.probe.bits;
  }

  get mayInstall(): boolean {
    return this.boot.probe.canRevert || this.options.allowWithoutRollback === true;
  }

  get device(): Device {
    if (this.deviceFacts === null) throw new Error("the agent was not started");
    return this.deviceFacts;
  }

  /** The device's boot-time self-check, unless it was made, then the agent's work. */
  start(): void {
    this.enter(() => this.begin());
  }

  private begin(): void {
    this.starts++;
    const found = this.boot.check();
    const device = readDevice(this.hal);
    this.deviceFacts = device;
    const outcome = this.settle(found.outcome);
    const isKnownGood = found.running === "confirmed" || outcome.adopt === "confirmed";
    // Not while another slot may have to be staged: that changes the record in any case.
    const isSettled = outcome.state !== "staged" && outcome.state !== "updated";
    if (isKnownGood && isSettled) repairBootRecord(this.hal, device.runningSlot);
    // Nothing throws from here on: the trial is taken over once.
    this.verdict.takeOver(this.boot);
    this.current = outcome.state;
    this.lastReason = this.journal.attempt?.reason ?? "";
    this.started = true;
    this.ledger.run();
    this.post(outcome.event, outcome.reason);
  }

  /** Adopts an unknown image, raises the counter that is named, and pays for another trial. */
  private settle(outcome: Outcome): Outcome {
    if (outcome.adopt === "trial") this.updater.journalStranger();
    if (outcome.adopt === "confirmed") {
      adoptRunning(this);
      this.boot.probe.journalFound();
    }
    const attempt = this.journal.attempt;
    if (attempt === null || outcome.event !== "stageLost") return outcome;
    const isRetrial = outcome.counts === "powerTrials" && !attempt.repair;
    if (isRetrial && !this.ledger.payForTrial(attempt, true)) {
      return { ...outcome, event: "trialReverted", reason: "power-unstable" };
    }
    // Saved with the act; the boot-time check has saved all else.
    if (outcome.counts === "restages") this.journal.attempt = counting(attempt, "restages");
    return outcome;
  }

  enter(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.fault(error);
    }
  }

  /**
   * A fault of the agent or its host is told, and tried again later. Nothing is done before
   * reconciliation: without it an image on trial would pass for a confirmed one, and the next offer
   * would be written over the only good image.
   */
  private fault(error: unknown): void {
    tryLog(this.hal, `fault: ${error instanceof Error ? error.message : "unknown"}`);
    if (this.timer !== null) return;
    const event = resumption[this.current];
    const delayMs = this.retryMs();
    try {
      if (!this.started) this.later(() => this.begin(), delayMs);
      else this.after(event, delayMs, event === "stageFailed" ? "stage-failed" : "");
    } catch {
      this.giveUpTimers();
    }
    // The bootloader takes back what restarts unconfirmed; a confirmed image is better kept alive.
    const isLost = !this.started && this.starts >= defaults.startsMax;
    try {
      if (isLost && isUnconfirmed(this.hal, this.journal)) this.hal.restart();
    } catch {
      // At the next start again.
    }
  }

  /**
   * Without a timer there is no later in this boot. The watchdog, which nothing feeds now, is the
   * pause before the next boot: a restart at once could come again as fast as the device boots. In
   * a trial it is armed already, and what feeds it, if anything, ends with the deadline; where
   * there is no watchdog the next boot is the user's.
   */
  private giveUpTimers(): void {
    try {
      this.hal.watchdog.arm(this.options.watchdogTimeoutMs ?? defaults.watchdogTimeoutMs);
    } catch {
      // Nothing of the host is left.
    }
  }

  post(event: AgentEvent, reason: Reason | "" = ""): void {
    this.pending = event;
    // A reason stays until its attempt is over: later events of the same attempt refer to it.
    if (reason !== "" || event === "pollDue" || event === "offerAccepted") this.lastReason = reason;
    // From within an action: the loop below takes it up when the actions are done.
    if (this.dispatching) return;
    this.dispatching = true;
    try {
      while (this.pending !== null) {
        const transition = next(this.current, this.pending);
        this.pending = null;
        if (transition === null) continue;
        this.current = transition.to;
        this.tell("", 0, 0);
        this.runAll(transition.actions);
      }
    } finally {
      this.dispatching = false;
    }
  }

  private runAll(actions: readonly AgentAction[]): void {
    for (let i = 0; i < actions.length; i++) {
      try {
        this.run(actions[i]);
      } catch (error) {
        if (!actions[i].startsWith("journal")) throw error;
        // Intent before act: without its record the act must not follow.
        tryLog(this.hal, `journal: ${actions[i]} failed`);
        return this.unrecorded(actions[i]);
      }
    }
  }

  /** The record of an action failed. */
  private unrecorded(action: AgentAction): void {
    const isDelayed = action === "journalConfirming" && this.failures < defaults.confirmTriesMax;
    let event: AgentEvent = action === "journalRepair" ? "repairUnrecorded" : "journalFailed";
    // Its attempt is on record, and must have a result.
    if (action === "journalDamage") event = "downloadFailed";
    // The reason of a result is kept: a crashed release must stay remembered as one.
    const state = this.current;
    const hasResult = state === "rejected" || state === "failed" || state === "updated";
    this.post(isDelayed ? "confirmDelayed" : event, hasResult ? "" : "journal-failed");
  }

  private run(action: AgentAction): void {
    switch (action) {
      case "schedulePoll": {
        this.failures = 0;
        this.ledger.run();
        const intervalMs = this.options.pollIntervalMs ?? defaults.pollIntervalMs;
        return this.after("pollDue", pollDelayMs(intervalMs, randomU32(this.hal)));
      }
      case "scheduleRetry":
      case "scheduleRepair":
      case "scheduleConfirm":
      case "scheduleReport":
        return this.after(scheduled[action], this.retryMs());
      case "reportRefusal":
        return this.reporter.tellRefusal(this.poller.refusal);
      case "restart":
        return this.hal.restart();
      case "closeAttempt":
        this.release = null;
        this.lastReason = "";
        this.failures = 0;
        return this.journal.closeAttempt();
      default:
        return this.partWith(action)[action]();
    }
  }

  /** All other actions are methods of the parts, one part each (a test holds it). */
  private partWith(action: PartAction): Parts {
    let part: object = this.reporter;
    if (action in this.updater) part = this.updater;
    else if (action in this.verdict) part = this.verdict;
    else if (action in this.poller) part = this.poller;
    return part as Parts;
  }

  tell(activity: Progress["activity"], bytes: number, totalBytes: number): void {
    try {
      this.options.onProgress?.({
        state: this.current,
        activity,
        bytes,
        totalBytes,
        reason: this.lastReason,
        connection: this.servers.error,
      });
    } catch {
      tryLog(this.hal, "onProgress threw; the update goes on");
    }
  }

  private after(event: AgentEvent, delayMs: number, reason: Reason | "" = ""): void {
    this.later(() => this.post(event, reason), delayMs);
  }

  private later(run: () => void, delayMs: number): void {
    const timer = this.timer;
    this.timer = null;
    if (timer !== null) this.hal.timers.clear(timer);
    this.timer = setTimer(
      this.hal,
      () => {
        this.timer = null;
        this.enter(run);
      },
      delayMs,
    );
  }

  /**
   * Longer after each failure in a row; never shorter than the server asked for. A trial cannot
   * wait for a busy server: its deadline would end a good release.
   */
  private retryMs(): number {
    let capMs: number = defaults.retryCapMs;
    let askedMs = this.retryAfterMs;
    if (this.current === "trial") {
      const isLate = this.failures >= defaults.trialEarlyTries;
      capMs = isLate ? defaults.trialLateCapMs : defaults.trialRetryCapMs;
      askedMs = 0;
    }
    this.retryAfterMs = 0;
    this.failures++;
    return Math.max(retryDelayMs(this.failures, randomU32(this.hal), capMs), askedMs);
  }
}

/** The event that comes after a pause. */
const scheduled = Object.freeze({
  scheduleRetry: "pollDue",
  scheduleRepair: "knownGoodLost",
  scheduleConfirm: "trialPassed",
  scheduleReport: "reportDue",
} as const);

/** Methods of the parts: the compiler demands one for each action that `run` does not know. */
type PartAction = keyof (Poller & Updater & Verdict & Reporter) & AgentAction;
type Parts = Readonly<Record<PartAction, () => void>>;
