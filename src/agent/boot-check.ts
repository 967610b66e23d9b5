/**
 * The boot-time self-check: small, without network, and the first thing in an application's main.
 * It compares journal, boot record and the image that runs; on trial it arms the watchdog and the
 * deadline at once, so that an application that never gets as far as its agent is still taken
 * back.
 */
import type { Hal, ResetReason } from "../hal.js";
import { phases } from "../journal/records.js";
import type { Reason } from "../reasons.js";
import { takeAbort } from "./abort.js";
import { CapabilityProbe } from "./capabilities.js";
import { gatherFacts } from "./facts.js";
import { tryLog } from "./host.js";
import { Journal } from "./journal.js";
import { type BootOptions, checkBootOptions, defaults, type SelfTest } from "./options.js";
import { counting, type Outcome, type Running, reconcile } from "./reconcile.js";
import { rejectRunning } from "./reject.js";
import { Trial, type TrialListener } from "./trial.js";

/** What runs, and why. */
export interface BootFindings {
  readonly slot: number;
  readonly running: Running;
  /** True while the image that runs is not confirmed: its self-tests decide. */
  readonly trial: boolean;
  readonly resetReason: ResetReason;
  /** Why the last update ended, when that is being settled in this boot; "" otherwise. */
  readonly reason: Reason | "";
  /** Why JavaScript aborted in the boot before, if it did: at most 96 ASCII characters. */
  readonly abort: string;
  /** Bits of `capabilities`. */
  readonly capabilities: number;
}

/** What was found and what follows from it, as the agent continues. */
export interface BootState {
  readonly running: Running;
  readonly resetReason: ResetReason;
  readonly outcome: Outcome;
  readonly runningSlot: number;
}

export class BootCheck implements TrialListener {
  readonly journal: Journal;
  readonly probe: CapabilityProbe;
  /** The trial of this boot; null when the image that runs is settled. */
  trial: Trial | null = null;
  /** Set by a `run` that found everything. */
  state: BootState | null = null;
  private readonly hal: Hal;
  private readonly options: BootOptions;
  private readonly watchdogTimeoutMs: number;
  private readonly tests: SelfTest[] = [];
  private agent: TrialListener | null = null;
  private lastAbort = "";

  /** Throws RangeError when an option is out of range; touches nothing before `run`. */
  constructor(hal: Hal, options: BootOptions = {}) {
    checkBootOptions(options);
    this.hal = hal;
    this.options = options;
    this.watchdogTimeoutMs = options.watchdogTimeoutMs ?? defaults.watchdogTimeoutMs;
    this.journal = new Journal(hal);
    this.probe = new CapabilityProbe(hal);
    this.addSelfTests(options.selfTests);
  }

  /** Adds a self-test of a new image; before the agent starts. */
  addSelfTest(test: SelfTest): void {
    this.tests.push(test);
  }

  /** Adds self-tests in their order. */
  addSelfTests(tests: readonly SelfTest[] = []): void {
    this.tests.push(...tests);
  }

  /**
   * Runs the check, once per boot. Never throws: null means that flash, boot record or storage
   * could not be read; the agent tries again when it starts.
   */
  run(): BootFindings | null {
    try {
      this.check();
    } catch (error) {
      tryLog(this.hal, `boot check: ${error instanceof Error ? error.message : "unknown"}`);
    }
    return this.findings;
  }

  get findings(): BootFindings | null {
    const state = this.state;
    if (state === null) return null;
    return {
      slot: state.runningSlot,
      running: state.running,
      trial: this.trial !== null,
      resetReason: state.resetReason,
      reason: state.outcome.reason,
      abort: this.lastAbort,
      capabilities: this.probe.bits,
    };
  }

  /** As `run`, but throws what the host throws. Does nothing when it was done before. */
  check(): BootState {
    if (this.state !== null) return this.state;
    const hal = this.hal;
    const journal = this.journal;
    const probe = this.probe;
    journal.load();
    if (journal.attempt !== null || journal.confirmed !== null) probe.journalFound();
    const runningSlot = hal.boot.runningSlot();
    const facts = gatherFacts(hal, journal, runningSlot);
    const { running, runningState, resetReason } = facts;
    const outcome = reconcile(facts);
    const isTrial = outcome.event === "trialBooted" && outcome.state !== "rejected";
    probe.run(isTrial ? this.beginTrial() : this.probeWatchdog());
    // After a cut the entry may be torn, and "new" only today; after a restart it was just written.
    const isSure = resetReason === "software" || runningState !== "new";
    if (isTrial && isSure && hal.boot.activeSlot() === runningSlot) probe.trialSeen(runningState);
    if (outcome.adopt === "confirmed") probe.flashedByCable();
    const version = hal.engineVersion();
    tryLog(
      hal,
      `boot: XS ${version >> 8}.${version & 255}, ${hal.freeHeapBytes()} bytes of heap free`,
    );
    tryLog(
      hal,
      `boot: slot ${runningSlot} runs ${running} image, entry ${runningState}, ` +
        `reset ${resetReason}: ${outcome.state}, ${outcome.event}`,
    );
    if (!probe.canRevert) tryLog(hal, "boot: the bootloader is not known to revert a bad update");
    const isWaiting = journal.attempt !== null || journal.read("result") !== null;
    // The last that may fail, for a check that is repeated finds what was written: at worst it
    // counts a loss of supply twice.
    this.record(outcome);
    this.state = { running, resetReason, outcome, runningSlot };
    // Now that nothing can fail any more that would keep it from the application. With a result to
    // tell the line is also its report's.
    this.lastAbort = takeAbort(hal, isWaiting);
    // A trial that nothing guards has crashed: the application may not get as far as its agent.
    if (outcome.event === "trialFailed") this.takeBack(outcome.reason, false);
    return this.state;
  }

  /**
   * What the next boot must know, whatever ends this one: that a trial has begun which the
   * bootloader would not end, or that one was reverted, and by which reset.
   */
  private record({ event, counts, reason }: Outcome): void {
    const journal = this.journal;
    const attempt = journal.attempt;
    if (attempt === null) return;
    if (event === "trialBooted" && counts !== "") {
      journal.saveAttempt(counting(attempt, counts));
    } else if (event === "trialReverted" && attempt.phase === phases.staging) {
      // One that was told before keeps its reason: it shows that the image was good once.
      if (attempt.reason === "") journal.saveChanged({ reverted: true, reason });
    } else if (event === "stageLost" && counts !== "restages") {
      if (counts !== "") journal.saveAttempt(counting(attempt, counts));
      // The supply has ended a trial that will be repeated. Its entry must not speak against the
      // image at the next reset, which is that of the image that runs now.
      const boot = this.hal.boot;
      if (boot.slotState(attempt.slot) === "aborted") boot.forget(attempt.slot);
    }
  }

  /** The agent takes the trial over: from now on it hears how the trial ends. */
  handOver(listener: TrialListener): Trial | null {
    this.agent = listener;
    return this.trial;
  }

  passed(): void {
    this.agent?.passed();
  }

  failed(reason: Reason): void {
    if (this.agent !== null) this.agent.failed(reason);
    else this.takeBack(reason, true);
  }

  /** Returns true when the watchdog runs. */
  private beginTrial(): boolean {
    const options = this.options;
    // A check that is repeated after a fault leaves no second deadline behind.
    this.trial?.end();
    this.trial = new Trial(this.hal, this.tests, this.watchdogTimeoutMs, this);
    return this.trial.arm(
      options.trialTimeoutMs ?? defaults.trialTimeoutMs,
      options.trialServerMs ?? defaults.trialServerMs,
      options.trialDwellMs ?? defaults.trialDwellMs,
    );
  }

  private probeWatchdog(): boolean {
    const watchdog = this.hal.watchdog;
    const hasWatchdog = watchdog.arm(this.watchdogTimeoutMs);
    watchdog.disarm();
    return hasWatchdog;
  }

  /**
   * No agent took over in time, or none may ever get to: back to the old image. Where there is none
   * an image that stays is restarted only when `isStuck`.
   */
  private takeBack(reason: Reason | "", isStuck: boolean): void {
    const { hal, journal } = this;
    let isDone = isStuck;
    tryLog(hal, `boot check: image taken back: ${reason}`);
    try {
      // Intent before act. Without a record the bootloader's own revert is the answer.
      if (journal.attempt !== null) journal.saveChanged({ phase: phases.rejecting, reason });
      isDone = rejectRunning(hal, journal, hal.boot.runningSlot()) || isStuck;
    } catch {
      tryLog(hal, "boot check: the boot record could not be changed");
    }
    if (isDone) hal.restart();
  }
}
