/**
 * The agent: runs the actions of the state machine, in order, and hands it what happens as events.
 * It decides nothing itself. No exception leaves it, and every wait is bounded.
 */
import { readU32 } from "../bytes.js";
import type { Hal, TimerHandle } from "../hal.js";
import { trustAnchorsMax, workBufferBytes } from "../limits.js";
import type { Reason } from "../reasons.js";
import type { Release } from "../suit/manifest.js";
import type { AgentContext } from "./context.js";
import { adoptRunning, type Device, gatherFacts, readDevice, repairBootRecord } from "./device.js";
import { Journal } from "./journal.js";
import { type AgentAction, type AgentEvent, type AgentState, next } from "./machine.js";
import { type AgentOptions, defaults, type Progress } from "./options.js";
import { Poller } from "./poller.js";
import { type Outcome, reconcile } from "./reconcile.js";
import { Reporter } from "./reporter.js";
import { pollDelayMs, retryDelayMs } from "./schedule.js";
import { Updater } from "./updater.js";
import { type HttpTarget, parseHttpUrl } from "./url.js";
import { Verdict } from "./verdict.js";

/** An update agent on one device. Make one and call `start` once per boot. */
export class Agent implements AgentContext {
  readonly hal: Hal;
  readonly options: AgentOptions;
  readonly journal: Journal;
  readonly server: HttpTarget;
  readonly buffer = new Uint8Array(workBufferBytes);
  release: Release | null = null;
  retryAfterMs = 0;
  readonly #poller: Poller;
  readonly #updater: Updater;
  readonly #verdict: Verdict;
  readonly #reporter: Reporter;
  #device: Device | null = null;
  #state: AgentState = "ready";
  #reason: Reason | "" = "";
  #pending: AgentEvent | null = null;
  #dispatching = false;
  #timer: TimerHandle | null = null;
  #failures = 0;

  /** Throws RangeError when an option is out of range; touches nothing before `start`. */
  constructor(hal: Hal, options: AgentOptions) {
    const base = options.serverUrl.endsWith("/") ? options.serverUrl : `${options.serverUrl}/`;
    const server = parseHttpUrl(`${base}${options.vendor}/${options.deviceClass}/`);
    if (server === null) {
      throw new RangeError(
        "serverUrl must be http://host[:port][/base], vendor and class printable",
      );
    }
    const anchors = options.trustAnchors;
    const isUsable = anchors.length >= 1 && anchors.length <= trustAnchorsMax;
    if (!isUsable || anchors.some((key) => key.length !== 32)) {
      throw new RangeError("trustAnchors must be 1 to 8 raw Ed25519 public keys of 32 bytes");
    }
    this.hal = hal;
    this.options = options;
    this.server = server;
    this.journal = new Journal(hal);
    this.#poller = new Poller(this);
    this.#updater = new Updater(this);
    this.#verdict = new Verdict(this);
    this.#reporter = new Reporter(this);
  }

  get state(): AgentState {
    return this.#state;
  }

  get reason(): Reason | "" {
    return this.#reason;
  }

  get device(): Device {
    if (this.#device === null) throw new Error("the agent was not started");
    return this.#device;
  }

  /** The device's boot-time self-check, then the agent's work. Call once, early in main. */
  start(): void {
    this.enter(() => {
      const { hal, journal } = this;
      journal.load();
      const device = readDevice(hal, this.options);
      this.#device = device;
      const facts = gatherFacts(hal, journal, device.runningSlot);
      const outcome = reconcile(facts);
      hal.log(
        `boot: slot ${device.runningSlot} runs ${facts.running} image, entry ` +
          `${facts.runningState}, reset ${facts.resetReason}: ${outcome.state}, ${outcome.event}`,
      );
      this.#settle(outcome, device);
      const isKnownGood = facts.running === "confirmed" || outcome.adopt === "confirmed";
      if (isKnownGood && outcome.event === "pollDue") repairBootRecord(hal, device.runningSlot);
      this.#state = outcome.state;
      this.#reason = journal.attempt === null ? "" : journal.attempt.reason;
      this.post(outcome.event, outcome.reason);
    });
  }

  /** Adopts an unknown image and raises the counter that reconciliation names. */
  #settle(outcome: Outcome, device: Device): void {
    if (outcome.adopt === "trial") this.#updater.journalStranger();
    if (outcome.adopt === "confirmed") {
      adoptRunning(this.hal, this.journal, device.runningSlot, this.buffer);
    }
    const attempt = this.journal.attempt;
    if (attempt === null) return;
    if (outcome.counts === "restages") {
      this.journal.attempt = { ...attempt, restages: attempt.restages + 1 };
    } else if (outcome.counts === "powerTrials") {
      this.journal.attempt = { ...attempt, powerTrials: attempt.powerTrials + 1 };
    }
  }

  enter(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fault(error);
    }
  }

  /** A fault of the agent or its host is told and tried again later; a trial has its deadline. */
  #fault(error: unknown): void {
    try {
      this.hal.log(`fault: ${error instanceof Error ? error.message : "unknown"}`);
      if (this.#timer === null) this.#after("pollDue", this.#retryMs());
    } catch {
      // The host itself is down; the watchdog and the next boot take over.
    }
  }

  post(event: AgentEvent, reason: Reason | "" = ""): void {
    this.#pending = event;
    // A reason stays until its attempt is over: later events of the same attempt refer to it.
    if (reason !== "" || event === "pollDue" || event === "offerAccepted") this.#reason = reason;
    // From within an action: the loop below takes it up when the actions are done.
    if (this.#dispatching) return;
    this.#dispatching = true;
    try {
      while (this.#pending !== null) {
        const transition = next(this.#state, this.#pending);
        this.#pending = null;
        if (transition === null) continue;
        this.#state = transition.to;
        this.tell("", 0, 0);
        this.#runAll(transition.actions);
      }
    } finally {
      this.#dispatching = false;
    }
  }

  #runAll(actions: readonly AgentAction[]): void {
    for (let i = 0; i < actions.length; i++) {
      try {
        this.#run(actions[i]);
      } catch (error) {
        if (!actions[i].startsWith("journal")) throw error;
        // Intent before act (DESIGN 3.3): without its record the act must not follow.
        this.hal.log(`journal: ${actions[i]} failed`);
        this.post("journalFailed", "journal-failed");
        return;
      }
    }
  }

  #run(action: AgentAction): void {
    switch (action) {
      case "fetchOffer":
        return this.#poller.fetchOffer();
      case "schedulePoll":
        this.#failures = 0;
        return this.#after("pollDue", this.#pollMs());
      case "scheduleRetry":
        return this.#after("pollDue", this.#retryMs());
      case "scheduleReport":
        return this.#after("reportDue", this.#retryMs());
      case "reportRefusal":
        if (this.#poller.refusal !== null) this.#reporter.reportRefusal(this.#poller.refusal);
        return;
      case "sendReport":
        return this.#reporter.sendReport(this.#verdict.rollbackArmed);
      case "journalWriting":
        return this.#updater.journalWriting();
      case "journalDamage":
        return this.#updater.journalDamage();
      case "journalStaging":
        return this.#updater.journalStaging();
      case "journalRepair":
        return this.#updater.journalRepair();
      case "journalFailure":
        return this.#updater.journalFailure();
      case "journalConfirming":
        return this.#verdict.journalConfirming();
      case "journalConfirmed":
        return this.#verdict.journalConfirmed();
      case "journalUpdated":
        return this.#verdict.journalUpdated();
      case "journalRejecting":
        return this.#verdict.journalRejecting();
      case "download":
        return this.#updater.download();
      case "verifyImage":
        return this.#updater.verifyImage();
      case "stage":
        return this.#updater.stage();
      case "beginTrial":
        return this.#verdict.beginTrial();
      case "checkTrial":
        return this.#verdict.serverReached();
      case "confirm":
        return this.#verdict.confirm();
      case "reject":
        return this.#verdict.reject();
      case "restart":
        return this.hal.restart();
      case "clearAttempt":
        this.release = null;
        this.#reason = "";
        return this.journal.clearAttempt();
    }
  }

  tell(activity: Progress["activity"], bytes: number, totalBytes: number): void {
    try {
      const state = this.#state;
      const reason = this.#reason;
      this.options.onProgress?.({ state, activity, bytes, totalBytes, reason });
    } catch {
      this.hal.log("onProgress threw; the update goes on");
    }
  }

  #after(event: AgentEvent, delayMs: number): void {
    const { timers } = this.hal;
    if (this.#timer !== null) timers.clear(this.#timer);
    this.#timer = timers.set(() => {
      this.#timer = null;
      this.enter(() => this.post(event));
    }, delayMs);
  }

  #random(): number {
    const bytes = new Uint8Array(4);
    this.hal.entropy(bytes);
    return readU32(bytes, 0);
  }

  #pollMs(): number {
    return pollDelayMs(this.options.pollIntervalMs ?? defaults.pollIntervalMs, this.#random());
  }

  /** Longer after each failure in a row; never shorter than the server asked for. */
  #retryMs(): number {
    const capMs = this.#state === "trial" ? defaults.trialRetryCapMs : defaults.retryCapMs;
    const asked = this.retryAfterMs;
    this.retryAfterMs = 0;
    this.#failures++;
    return Math.max(retryDelayMs(this.#failures, this.#random(), capMs), asked);
  }
}
