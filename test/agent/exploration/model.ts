/**
 * An abstract device around the real state machine and the real reconciliation: what journal, boot
 * record and slots hold, as few small values. Release A runs in slot 0 from the factory; the server
 * offers release B, for slot 1. Every action has its durable steps in order, so that the supply can
 * fail between any two of them, and every wait has all the events that may end it.
 */
import type { AgentAction, AgentEvent, AgentState } from "../../../src/agent/machine.js";
import { next } from "../../../src/agent/machine.js";
import {
  type Facts,
  powerTrialsMax,
  type Running,
  reconcile,
  restagesMax,
  returnsMax,
} from "../../../src/agent/reconcile.js";
import { stateValid } from "../../../src/boot/otadata.js";
import type { ResetReason } from "../../../src/hal.js";
import { type Phase, phases } from "../../../src/journal/records.js";
import { forget, slotState } from "./boot-record.js";

/** What slot 1 holds: nothing, some blocks, all but the held head, B itself, or something else. */
export type Content = "blank" | "part" | "held" | "B" | "damaged";

export interface ModelAttempt {
  readonly phase: Phase;
  readonly repair: boolean;
  readonly tries: number;
  readonly damages: number;
  readonly powerTrials: number;
  readonly restages: number;
  readonly returns: number;
  readonly unguarded: boolean;
  /** True once the boot after its trial has recorded that and why it was reverted. */
  readonly reverted: boolean;
  /** True when the reason that is recorded is the image's own fault. */
  readonly own: boolean;
  /** True once it was recorded as updated: the image was good. */
  readonly kept: boolean;
  /** A result that was sent; the next one must be the same (P7). */
  readonly told: "" | "updated" | "failed";
}

/**
 * Sequence and state word of one sector, and how sure they are: "firm", or torn by a cut so that
 * they read as written at one time ("reads") and as garbage at another ("torn").
 */
export type Sector = readonly [number, number, "firm" | "reads" | "torn"];

/** What survives a cut. */
export interface Durable {
  readonly slot1: Content;
  /** The boot record; null is an erased sector. */
  readonly otadata: readonly [Sector | null, Sector | null];
  readonly attempt: ModelAttempt | null;
  readonly confirmed: "none" | "A" | "B";
  readonly floor: number;
  readonly isBad: boolean;
  readonly progress: "none" | "part" | "whole";
  /** Passes that are used, of `bounds.passes`; what is in slot 1 is paid for when `isOpen`. */
  readonly spent: number;
  readonly isOpen: boolean;
  /** True after bytes were forgotten as damaged; no part of the device, only for the checks. */
  readonly mustPay: boolean;
  /** True while a result is kept that could not be told. */
  readonly hasResult: boolean;
  /** True once a trial of B has passed; no part of the device, only for the checks. */
  readonly passed: boolean;
}

/** What a wait is for; its events are in `eventsOf`. */
export type Wait =
  | "nothing"
  | "poll"
  | "offer"
  | "download"
  | "verify"
  | "stage"
  | "trial"
  | "report-timer"
  | "repair-timer"
  | "confirm-timer"
  | "report";

export interface Volatile {
  readonly runningSlot: 0 | 1;
  readonly state: AgentState;
  readonly todo: readonly (AgentAction | "repairBootRecord")[];
  readonly event: AgentEvent | "";
  readonly wait: Wait;
  readonly isVerified: boolean;
  readonly onTrial: boolean;
  readonly forGood: boolean;
  /** What this boot erases of the slot is paid for. */
  readonly isPaid: boolean;
  /** The report was taken by the server in this boot. */
  readonly isDelivered: boolean;
}

export interface ModelState {
  readonly durable: Durable;
  readonly volatile: Volatile;
}

/** Bounds, made small: their real values only make the graph longer. */
export const bounds = Object.freeze({ tries: 2, damages: 2, passes: 2, counter: 1 });

export const factory: Durable = {
  slot1: "blank",
  otadata: [[1, stateValid, "firm"], null],
  attempt: null,
  confirmed: "A",
  floor: 1,
  isBad: false,
  progress: "none",
  spent: 0,
  isOpen: false,
  mustPay: false,
  hasResult: false,
  passed: false,
};

function runningOf({ attempt, confirmed }: Durable, slot: number): Running {
  if (attempt !== null && attempt.phase !== phases.writing && slot === 1) return "candidate";
  if (confirmed === "none") return "unknown";
  if ((confirmed === "A") === (slot === 0)) return "confirmed";
  return confirmed === "B" ? "previous" : "rejected";
}

/** A counter of the model as the real one: none, or used up. */
const counterOf = (count: number | undefined, max: number): number => (count ? max : 0);

/** Agent.start: reconciliation, its counters, and the first event. */
export function startAgent(durable: Durable, slot: 0 | 1, resetReason: ResetReason): ModelState {
  const { attempt } = durable;
  const facts: Facts = {
    phase: attempt === null ? null : attempt.phase,
    running: runningOf(durable, slot),
    runningState: slotState(durable, slot),
    targetState: attempt === null ? "none" : slotState(durable, 1),
    resetReason,
    targetRuns: attempt !== null && slot === 1,
    imageWritten: attempt !== null && durable.progress === "whole",
    powerTrials: counterOf(attempt?.powerTrials, powerTrialsMax),
    restages: counterOf(attempt?.restages, restagesMax),
    returns: counterOf(attempt?.returns, returnsMax),
    hasConfirmed: durable.confirmed !== "none",
    unguarded: attempt?.unguarded ?? false,
    reverted: attempt?.reverted === true ? (attempt.own ? "crashed" : "brown-out") : "",
  };
  const { state, event: found, counts, adopt, reason } = reconcile(facts);
  let after = durable;
  if (adopt === "confirmed") after = { ...after, confirmed: slot === 0 ? "A" : "B" };
  if (adopt === "trial") {
    after = { ...after, attempt: { ...newAttempt, phase: phases.staging, repair: true } };
  }
  const kept = after.attempt;
  // Another trial costs a pass; without one the attempt ends.
  const isRetrial = counts === "powerTrials" && found === "stageLost";
  const isOut = isRetrial && after.spent >= bounds.passes;
  const event = isOut ? "trialReverted" : found;
  if (isRetrial && !isOut) after = { ...after, spent: after.spent + 1, isOpen: true };
  if (kept !== null && counts !== "" && !isOut) {
    const raised = counts === "unguarded" ? { unguarded: true } : { [counts]: bounds.counter };
    after = { ...after, attempt: { ...kept, ...raised } };
  }
  // The boot-time check: later resets are not the trial's.
  if (found === "stageLost" && counts !== "restages" && facts.targetState === "aborted") {
    after = forget(after, 1).at(-1) ?? after;
  }
  const isOwn = isOwnFault(reason) || (reason === "" && kept?.own === true);
  if (kept !== null && found === "trialReverted" && kept.phase === phases.staging && !kept.kept) {
    after = { ...after, attempt: { ...kept, reverted: true, own: isOwn } };
  }
  const isKnownGood = facts.running === "confirmed" || adopt === "confirmed";
  const isSettled = state !== "staged" && state !== "updated";
  return {
    durable: after,
    volatile: {
      runningSlot: slot,
      state,
      todo: isKnownGood && isSettled ? ["repairBootRecord"] : [],
      event,
      wait: "nothing",
      isVerified: false,
      onTrial: false,
      forGood: isOwn,
      isPaid: false,
      isDelivered: false,
    },
  };
}

const isOwnFault = (reason: string): boolean =>
  ["crashed", "watchdog-reset", "image-unbootable"].includes(reason);

export const newAttempt: ModelAttempt = {
  phase: phases.writing,
  repair: false,
  tries: 0,
  damages: 0,
  powerTrials: 0,
  restages: 0,
  returns: 0,
  unguarded: false,
  reverted: false,
  own: false,
  kept: false,
  told: "",
};

/** An event, what it finds or leaves, and whether it is the image's own fault. */
export type Happening = [AgentEvent, Partial<Durable>, ("own" | "paid")?];

/** The events that may end a wait. */
export function eventsOf({ durable, volatile }: ModelState): Happening[] {
  const { attempt, slot1 } = durable;
  switch (volatile.wait) {
    case "nothing":
      return [];
    case "poll":
      return pollEvents(durable);
    case "repair-timer":
      return [["knownGoodLost", {}]];
    case "confirm-timer":
      return [["trialPassed", {}]];
    case "report-timer":
      return [["reportDue", {}]];
    case "report":
      return [
        ["reportFailed", {}],
        ["reportUndelivered", {}],
        ["reportDelivered", {}],
      ];
    case "offer":
      return offerEvents(durable, volatile);
    case "download":
      return downloadEvents(durable, volatile);
    case "verify":
      if (slot1 === "held" || slot1 === "B") return [["imageVerified", {}]];
      return (attempt?.damages ?? 0) + 1 >= bounds.damages || durable.spent >= bounds.passes
        ? [["downloadFailed", { progress: "none" }]]
        : [["imageDamaged", { progress: "none" }]];
    case "stage":
      return [];
    case "trial":
      return [
        ["trialPassed", { passed: true }],
        ["trialFailed", {}, "own"],
        ["trialFailed", {}],
        ["pollDue", {}],
      ];
  }
}

/** Time passes: a pass comes back, a kept result is delivered, or neither. */
function pollEvents(durable: Durable): Happening[] {
  const found: Happening[] = [["pollDue", {}]];
  if (durable.spent > 0) found.push(["pollDue", { spent: durable.spent - 1 }]);
  if (durable.hasResult) found.push(["pollDue", { hasResult: false }]);
  return found;
}

function offerEvents(durable: Durable, volatile: Volatile): Happening[] {
  const failed: Happening = ["serverFailed", {}];
  if (volatile.state !== "ready" && volatile.state !== "writing") {
    return [failed, ["serverReached", {}]];
  }
  const isOld = durable.isBad || durable.confirmed === "B";
  // Without a pass nothing is begun, and nothing goes on that would need one.
  const isHeld = durable.spent >= bounds.passes && !durable.isOpen;
  if (isHeld) {
    const after: Happening[] = [failed, ["offerReplaced", {}]];
    if (volatile.state === "writing") return after;
    return isOld ? [failed, ["nothingNew", {}]] : [failed, ["offerRefused", {}]];
  }
  if (volatile.state === "writing") {
    return isOld
      ? [failed, ["offerReplaced", {}]]
      : [failed, ["offerAccepted", {}], ["offerReplaced", {}]];
  }
  return isOld
    ? [failed, ["nothingNew", {}]]
    : [failed, ["offerRefused", {}], ["offerAccepted", {}]];
}

function downloadEvents(durable: Durable, volatile: Volatile): Happening[] {
  if (durable.progress === "whole") return [["imageWritten", {}]];
  // The first erase of a boot is paid for; one that goes on is free here (every fourth is not).
  const isFree = volatile.isPaid || durable.isOpen;
  const paid = isFree ? {} : { spent: durable.spent + 1, isOpen: true, mustPay: false };
  const { attempt } = durable;
  if (attempt === null) return [];
  const tried = { ...attempt, tries: attempt.tries + 1 };
  // Before the first erase, and after some blocks of which 64 KB are recorded.
  const broken: Happening[] =
    tried.tries >= bounds.tries
      ? [["downloadFailed", {}]]
      : [
          ["downloadInterrupted", { attempt: tried }],
          [
            "downloadInterrupted",
            { attempt: { ...tried, tries: 1 }, slot1: "part", progress: "part", ...paid },
            "paid",
          ],
        ];
  return [
    ...broken,
    ["imageWritten", { slot1: "held", progress: "whole", ...paid }, "paid"],
    ["imageWritten", { slot1: "damaged", progress: "whole", ...paid }, "paid"],
  ];
}

export const afterEvent = (model: ModelState, event: AgentEvent): ModelState => {
  const { durable, volatile } = model;
  const transition = next(volatile.state, event);
  if (transition === null) return { durable, volatile: { ...volatile, event: "" } };
  const { to, actions } = transition;
  return {
    durable,
    volatile: { ...volatile, event: "", state: to, todo: actions, wait: "nothing" },
  };
};
