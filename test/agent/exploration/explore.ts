/** Every state that the model can reach, every action in it, and a cut after every durable step. */
import type { AgentAction, AgentEvent } from "../../../src/agent/machine.js";
import { stateValid } from "../../../src/boot/otadata.js";
import type { ResetReason } from "../../../src/hal.js";
import { phases } from "../../../src/journal/records.js";
import {
  activeSlot,
  bootloader,
  boots,
  forget,
  markInvalid,
  markValid,
  readings,
  secure,
  setBoot,
  settledReading,
  slotState,
} from "./boot-record.js";
import {
  afterEvent,
  bounds,
  type Durable,
  eventsOf,
  factory,
  type ModelAttempt,
  type ModelState,
  newAttempt,
  startAgent,
  type Volatile,
} from "./model.js";

/** What one action does: its durable steps in order, and what the device is in afterwards. */
interface Effect {
  readonly steps: readonly Durable[];
  readonly volatile: Volatile;
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Of these, boots after a cut or a reset. */
  readonly cuts: number;
  /** Broken promises; the first few. */
  readonly violations: readonly string[];
  /** States from which no way without faults leads to a settled device. */
  readonly stranded: readonly string[];
  readonly settled: number;
}

/** One safeguard left out: the exploration must notice. */
export type Mutation =
  | ""
  | "early-confirmed"
  | "no-memory"
  | "early-floor"
  | "one-reject"
  | "free-erase"
  | "lost-result";

/** Far more than there are; a model that grows for ever ends here and fails. */
const statesMax = 1_000_000;

/** Whose reason is not the image's fault, whatever was before. */
const excuses: readonly AgentEvent[] = [
  "downloadFailed",
  "offerReplaced",
  "stageFailed",
  "confirmFailed",
];

class Explorer {
  readonly #mutation: Mutation;
  readonly #indexes = new Map<string, number>();
  readonly #queue: ModelState[] = [];
  /** Ways without a fault, backwards. */
  readonly #before: number[][] = [];
  readonly #violations: string[] = [];
  readonly #settled: number[] = [];
  /** The state that is being expanded, and that from which each was reached first. */
  #expanded = -1;
  readonly #parents: number[] = [];
  /** Boots that were followed. */
  readonly #booted = new Set<string>();
  transitions = 0;
  cuts = 0;

  constructor(mutation: Mutation) {
    this.#mutation = mutation;
  }

  run(): Exploration {
    this.#boot(factory, "power-on");
    for (let index = 0; index < this.#queue.length; index++) {
      // A mutant is found out by the first one.
      if (this.#mutation !== "" && this.#violations.length > 0) break;
      if (index === statesMax) this.#violated("the model does not end", this.#queue[index]);
      if (index >= statesMax) break;
      this.#expand(this.#queue[index], index);
    }
    return {
      states: this.#queue.length,
      transitions: this.transitions,
      cuts: this.cuts,
      violations: this.#violations,
      stranded: this.#stranded(),
      settled: this.#settled.length,
    };
  }

  /** Keeps the first few, each with the states that lead there. */
  #violated(promise: string, model: ModelState | Durable): void {
    if (this.#violations.length >= 5) return;
    const way = [JSON.stringify(model)];
    for (let at = this.#expanded; at >= 0; at = this.#parents[at]) {
      way.push(JSON.stringify(this.#queue[at]));
    }
    this.#violations.push(`${promise}:\n${way.reverse().join("\n")}`);
  }

  #reach(reached: ModelState, from: number): void {
    const model = { ...reached, durable: settledReading(reached.durable) };
    const key = JSON.stringify(model);
    let index = this.#indexes.get(key);
    if (index === undefined) {
      index = this.#queue.length;
      this.#indexes.set(key, index);
      this.#queue.push(model);
      this.#before.push([]);
      this.#parents.push(this.#expanded);
      this.#check(model, index);
    }
    this.transitions++;
    if (from >= 0) this.#before[index].push(from);
  }

  /** A boot with whatever the flash holds; the supply may fail at each step of the bootloader. */
  #boot(durable: Durable, reason: ResetReason, from = -1): void {
    const key = `${JSON.stringify(durable)} ${reason} ${from}`;
    // A boot that was cut may lead to itself: a torn entry reads one way or the other again.
    if (this.#booted.has(key)) return;
    this.#booted.add(key);
    for (const reading of readings(durable)) {
      const { steps, slot } = bootloader(reading);
      if (slot === -1) return this.#violated("P1 nothing boots", durable);
      this.cuts++;
      const last = settledReading(steps[steps.length - 1]);
      for (const read of readings(last)) this.#reach(startAgent(read, slot, reason), from);
      for (const step of steps.slice(1, -1)) this.#boot(settledReading(step), "power-on");
    }
  }

  #expand(model: ModelState, index: number): void {
    this.#expanded = index;
    const { durable, volatile } = model;
    this.#boot(durable, "power-on");
    const [action, ...todo] = volatile.todo;
    if (action !== undefined) {
      if (action === "restart") return this.#boot(durable, "software", index);
      for (const read of readings(durable)) {
        const { steps, volatile: after } = this.#act(
          { durable: read, volatile: { ...volatile, todo } },
          action,
        );
        for (const step of steps) {
          if (step.floor < durable.floor) this.#violated("P4 the floor fell", model);
          if (step.floor > durable.floor && step.confirmed !== "B")
            this.#violated("P4 the floor rose before the confirm", model);
          this.#boot(settledReading(step), "power-on");
        }
        this.#reach({ durable: steps[steps.length - 1] ?? read, volatile: after }, index);
      }
      return;
    }
    if (volatile.event !== "") return this.#reach(this.#take(model, volatile.event), index);
    if (volatile.onTrial) {
      for (const reason of ["panic", "task-watchdog", "software"] as const)
        this.#boot(durable, reason);
    }
    const events = eventsOf(model);
    if (events.length === 0) this.#violated("stuck", model);
    for (const [event, found, how] of events) {
      const changed = this.#download(durable, { ...durable, ...found });
      if (changed !== durable) this.#boot(changed, "power-on");
      const isPaid = volatile.isPaid || how === "paid";
      const isOwn = how === "own";
      const now = { durable: changed, volatile: { ...volatile, isPaid } };
      this.#reach(this.#take(now, event, isOwn), index);
    }
  }

  #take(model: ModelState, event: AgentEvent, isOwn = false): ModelState {
    const { volatile } = model;
    const isNew = event === "trialFailed" && volatile.onTrial;
    const forGood = isNew ? isOwn : !excuses.includes(event) && volatile.forGood;
    const isOver = event === "trialPassed" || event === "trialFailed";
    const onTrial = volatile.onTrial && !isOver;
    const isVerified = volatile.isVerified || event === "imageVerified";
    const isDelivered = volatile.isDelivered || event === "reportDelivered";
    const after = { ...volatile, forGood, onTrial, isVerified, isDelivered };
    return afterEvent({ ...model, volatile: after }, event);
  }

  /** The first block takes the old entry of the slot away; nothing that is confirmed is written. */
  #download(before: Durable, after: Durable): Durable {
    if (after.slot1 === before.slot1) return after;
    if (before.confirmed === "B") this.#violated("P2 the confirmed slot is written", after);
    const isFree = before.mustPay && after.spent === before.spent;
    if (!after.isOpen || isFree || after.spent > bounds.passes) {
      this.#violated("P9 the slot is worn without a pass", after);
    }
    return forget(after, 1).at(-1) ?? after;
  }

  #check(model: ModelState, index: number): void {
    const { durable, volatile } = model;
    const { confirmed, passed, attempt } = durable;
    const isPermanent =
      activeSlot(durable) === 1 && slotState(durable, 1) === stateName(stateValid);
    if (isPermanent && !passed) this.#violated("P3 permanent without a trial", model);
    if (confirmed === "B" && !passed) this.#violated("P3 confirmed without a trial", model);
    const isIdle = volatile.state === "ready" && volatile.wait === "poll" && attempt === null;
    if (!isIdle || volatile.todo.length > 0 || volatile.event !== "") return;
    const slot = volatile.runningSlot;
    if (confirmed === "B" && slot !== 1)
      this.#violated("P5 the confirmed image does not run", model);
    if (durable.isBad && confirmed !== "B" && slot !== 0)
      this.#violated("P3 a bad release remains", model);
    if (confirmed === "B" || durable.isBad) this.#settled.push(index);
  }

  /** P6: backwards from the settled states over ways without faults; what is left is stranded. */
  #stranded(): string[] {
    const safe = new Set(this.#settled);
    for (const index of safe) for (const before of this.#before[index]) safe.add(before);
    const stranded = this.#queue.filter((_model, index) => !safe.has(index));
    return stranded.slice(0, 3).map((model) => JSON.stringify(model));
  }

  #act(model: ModelState, action: AgentAction | "repairBootRecord"): Effect {
    const { durable, volatile } = model;
    const attempt = durable.attempt ?? newAttempt;
    const wait = (what: Volatile["wait"]): Effect => ({
      steps: [],
      volatile: { ...volatile, wait: what },
    });
    const save = (changes: Partial<ModelAttempt>, more: Partial<Durable> = {}): Effect => ({
      steps: [{ ...durable, ...more, attempt: { ...attempt, ...changes } }],
      volatile,
    });
    switch (action) {
      case "fetchOffer":
        return wait("offer");
      case "schedulePoll":
      case "scheduleRetry":
        return wait(volatile.onTrial ? "trial" : "poll");
      case "scheduleRepair":
        return wait("repair-timer");
      case "scheduleConfirm":
        return wait("confirm-timer");
      case "scheduleReport":
        return wait("report-timer");
      case "journalResult":
        return outcome(
          model,
          this.#mutation === "lost-result" ? [] : [{ ...durable, hasResult: true }],
          "resultKept",
        );
      case "download":
        return wait("download");
      case "verifyImage":
        return wait("verify");
      case "checkTrial":
        return wait("trial");
      case "beginTrial":
        return { steps: [], volatile: { ...volatile, wait: "trial", onTrial: true } };
      case "reportRefusal":
      case "sendResult":
      case "restart":
        return { steps: [], volatile };
      case "journalWriting":
        return { steps: [{ ...durable, attempt: newAttempt, passed: false }], volatile };
      case "journalRepair":
        return {
          steps: [{ ...durable, attempt: { ...newAttempt, phase: phases.staging, repair: true } }],
          volatile,
        };
      case "journalDamage":
        return {
          ...save(
            { phase: phases.writing, damages: attempt.damages + 1, tries: 0 },
            { mustPay: true, isOpen: this.#mutation === "free-erase" && durable.isOpen },
          ),
          volatile: { ...volatile, isPaid: false },
        };
      case "journalStaging":
        return this.#stageIntended(model, attempt);
      case "journalConfirming":
        return this.#mutation === "early-floor"
          ? save({ phase: phases.confirming }, { floor: 2 })
          : save({ phase: phases.confirming, restages: 0 });
      case "journalRejecting":
        return save({ phase: phases.rejecting, own: volatile.forGood });
      case "journalConfirmed":
        return { steps: [{ ...durable, confirmed: "B", floor: 2 }], volatile };
      case "journalUpdated":
        return save({ phase: phases.updated, kept: true });
      case "journalFailure":
        return this.#fail(model, attempt);
      case "closeAttempt":
        if (attempt.told === "") this.#violated("P7 forgotten before it was told", model);
        if (!volatile.isDelivered && !durable.hasResult) {
          this.#violated("P7 forgotten, and neither delivered nor kept", model);
        }
        return { steps: [{ ...durable, attempt: null }], volatile };
      case "sendReport": {
        const result = attempt.phase === phases.updated ? "updated" : "failed";
        const isOther = attempt.told !== "" && attempt.told !== result;
        if (isOther) this.#violated("P7 two results", model);
        const isBlamed = result === "failed" && volatile.forGood && !attempt.repair;
        if (isBlamed && !durable.isBad) this.#violated("P6 not remembered as bad", model);
        return {
          ...save({ told: result }),
          volatile: { ...volatile, wait: "report", isDelivered: false },
        };
      }
      case "stage":
        return this.#stage(model, attempt);
      case "confirm":
        return this.#confirm(model);
      case "reject":
        return this.#reject(model);
      case "repairBootRecord":
        return { steps: repaired(durable, volatile.runningSlot), volatile };
    }
  }

  /** An image that lay in its slot already costs a pass for its trial. */
  #stageIntended({ durable, volatile }: ModelState, attempt: ModelAttempt): Effect {
    const isPaid = durable.isOpen || attempt.phase !== phases.writing || attempt.repair;
    const paid = isPaid ? durable : { ...durable, spent: durable.spent + 1, isOpen: true };
    if (paid.spent > bounds.passes) this.#violated("P9 a trial without a pass", paid);
    const staged: Durable = {
      ...paid,
      ...(this.#mutation === "early-confirmed" ? { confirmed: "B" } : {}),
      attempt: { ...attempt, phase: phases.staging, unguarded: false },
    };
    return { steps: isPaid ? [staged] : [paid, staged], volatile };
  }

  #fail({ durable, volatile }: ModelState, attempt: ModelAttempt): Effect {
    const forgotten = (now: Durable): Durable[] =>
      volatile.runningSlot === 0 ? forget(now, 1) : [];
    if (attempt.phase === phases.failed) return { steps: forgotten(durable), volatile };
    const steps: Durable[] = [];
    let now = durable;
    const wasKept = attempt.kept || durable.confirmed === "B";
    if (attempt.repair || wasKept) {
      now = { ...now, confirmed: volatile.runningSlot === 0 ? "A" : "B" };
      if (volatile.runningSlot === 0) steps.push(now, ...repaired(now, 0));
    }
    if (!attempt.repair && this.#mutation !== "no-memory") {
      // P11: only what is the image's own fault is remembered; a trial has used its pass up.
      now = volatile.forGood ? { ...now, isBad: true } : now;
      if (attempt.phase !== phases.writing) now = { ...now, isOpen: false };
      steps.push(now);
    }
    const last = steps[steps.length - 1] ?? now;
    // What was told before is another result: the report gets a new id.
    const result = wasKept ? ("" as const) : attempt.told;
    const own = volatile.forGood;
    const failed = { ...attempt, phase: phases.failed, kept: false, told: result, own };
    const told: Durable = { ...last, attempt: failed };
    return { steps: [...steps, told, ...forgotten(told)], volatile };
  }

  #reject(model: ModelState): Effect {
    const { durable, volatile } = model;
    const slot = volatile.runningSlot;
    const active = activeSlot(durable);
    if (active !== -1 && active !== slot && this.#mutation !== "one-reject") {
      return outcome(model, forget(durable, slot), "rejectDone");
    }
    if (active !== -1 && active !== slot) return outcome(model, [], "rejectFailed");
    const steps = markInvalid(durable);
    if (steps.length > 0) return outcome(model, steps, "rejectDone");
    // The bootloader takes it back, or the other image is whole though its entry is lost.
    if (slotState(durable, slot) === "pending-verify") return outcome(model, [], "rejectDone");
    const staged = durable.confirmed === "A" && slot === 1 ? setBoot(durable, 0) : [];
    const last = staged.at(-1);
    if (last === undefined) return outcome(model, [], "rejectFailed");
    return outcome(model, [...staged, ...forget(last, slot)], "rejectDone");
  }

  #stage(model: ModelState, attempt: ModelAttempt): Effect {
    const { durable } = model;
    if (durable.slot1 !== "held" && durable.slot1 !== "B") {
      if (attempt.repair) return outcome(model, [], "stageFailed");
      const isLast = attempt.damages + 1 >= bounds.damages;
      const event = isLast ? "downloadFailed" : "imageDamaged";
      return outcome(model, [{ ...durable, progress: "none" }], event);
    }
    const headed: Durable = { ...durable, slot1: "B" };
    const steps = [headed, ...setBoot(headed, 1)];
    return outcome(model, steps, "stageDone");
  }

  #confirm(model: ModelState): Effect {
    const { durable, volatile } = model;
    const slot = volatile.runningSlot;
    const isFirm = slotState(durable, slot) === "pending-verify" && activeSlot(durable) === slot;
    const staged = isFirm ? [] : setBoot(durable, slot);
    const last = staged[staged.length - 1] ?? durable;
    const marked = markValid(last);
    const event = marked.length > 0 ? "confirmDone" : "confirmFailed";
    return outcome(model, [...staged, ...marked], event);
  }
}

/** repairBootRecord of src/agent/device.ts. */
function repaired(durable: Durable, slot: 0 | 1): Durable[] {
  const steps: Durable[] = [];
  const now = (): Durable => steps.at(-1) ?? durable;
  if (activeSlot(now()) !== slot) steps.push(...forget(now(), slot === 0 ? 1 : 0));
  if (activeSlot(now()) !== slot && boots(now(), slot)) {
    steps.push(...setBoot(now(), slot));
    steps.push(...secure(now(), slot));
  }
  const state = slotState(now(), slot);
  if (state === "new" || state === "pending-verify") steps.push(...markValid(now()));
  return steps;
}

function outcome({ volatile }: ModelState, steps: readonly Durable[], event: AgentEvent): Effect {
  return { steps, volatile: { ...volatile, event, wait: "nothing" } };
}

const stateName = (word: number): string => (word === stateValid ? "valid" : "");

/** Explores from the factory state; with a mutation, a device without that safeguard. */
export function explore(mutation: Mutation = ""): Exploration {
  return new Explorer(mutation).run();
}
