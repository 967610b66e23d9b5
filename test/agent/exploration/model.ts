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
import {
  activeEntry,
  crcMatches,
  entryValid,
  type OtadataEntry,
  type OtadataPair,
  sequenceErased,
  slotOfSequence,
  stateInvalid,
  stateName,
  stateNew,
  stateUndefined,
  stateValid,
} from "../../../src/boot/otadata.js";
import { makeEntry, nextSequence } from "../../../src/boot/otadata-write.js";
import { candidateOrder, chooseStart, initialRewrite } from "../../../src/boot/select.js";
import type { ResetReason, SlotState } from "../../../src/hal.js";
import { type Phase, phases } from "../../../src/journal/records.js";

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
  /** Failed attempts that were not the release's fault. */
  readonly failing: number;
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
}

export interface ModelState {
  readonly durable: Durable;
  readonly volatile: Volatile;
}

/** Bounds, made small: their real values only make the graph longer. */
export const bounds = Object.freeze({ tries: 2, damages: 2, failing: 2, counter: 1 });

export const factory: Durable = {
  slot1: "blank",
  otadata: [[1, stateValid, "firm"], null],
  attempt: null,
  confirmed: "A",
  floor: 1,
  isBad: false,
  progress: "none",
  failing: 0,
  passed: false,
};

const erased: OtadataEntry = makeEntry(0xffffffff, stateUndefined);

function entryOf(sector: Sector | null): OtadataEntry {
  if (sector === null) return erased;
  const [sequence, stateWord, sure] = sector;
  const entry = makeEntry(sequence, stateWord);
  return sure === "torn" ? { ...entry, crc: ~entry.crc >>> 0 } : entry;
}

export function pairOf({ otadata }: Durable): OtadataPair {
  return [entryOf(otadata[0]), entryOf(otadata[1])];
}

/** Every way in which the torn entries of the boot record may read this time. */
export function readings(durable: Durable): Durable[] {
  const of = (sector: Sector | null): (Sector | null)[] =>
    sector === null || sector[2] === "firm"
      ? [sector]
      : [
          [sector[0], sector[1], "reads"],
          [sector[0], sector[1], "torn"],
        ];
  const [first, second] = durable.otadata;
  if (of(first).length + of(second).length === 2) return [durable];
  return of(first).flatMap((one) =>
    of(second).map((other): Durable => ({ ...durable, otadata: [one, other] })),
  );
}

/** How a torn entry read is not what is in flash: both readings are one state. */
export function settledReading(durable: Durable): Durable {
  const of = (sector: Sector | null): Sector | null =>
    sector === null || sector[2] !== "torn" ? sector : [sector[0], sector[1], "reads"];
  const [first, second] = durable.otadata;
  return { ...durable, otadata: [of(first), of(second)] };
}

/** The same slots and the same order in the smallest numbers: else the graph would never end. */
function smallest(first: Sector | null, second: Sector | null): Durable["otadata"] {
  const least = (one: Sector): Sector => [((one[0] - 1) % 2) + 1, one[1], one[2]];
  if (first === null || second === null) {
    return [first === null ? null : least(first), second === null ? null : least(second)];
  }
  const [low, high] = first[0] <= second[0] ? [least(first), second] : [least(second), first];
  let sequence = ((high[0] - 1) % 2) + 1;
  while (sequence < low[0]) sequence += 2;
  if (first[0] !== second[0] && sequence === low[0]) sequence += 2;
  const raised: Sector = [sequence, high[1], high[2]];
  return first[0] <= second[0] ? [low, raised] : [raised, low];
}

/** The boot record with another sector. */
function withSector(durable: Durable, sector: 0 | 1, value: Sector | null): Durable {
  const [first, second] = durable.otadata;
  return {
    ...durable,
    otadata: sector === 0 ? smallest(value, second) : smallest(first, value),
  };
}

/** What may be left of a sector's erase: all of it, unsure, or nothing. */
export function eraseSector(durable: Durable, sector: 0 | 1): Durable[] {
  const old = durable.otadata[sector];
  const blank = withSector(durable, sector, null);
  if (old === null) return [blank];
  return [withSector(durable, sector, [old[0], old[1], "reads"]), blank];
}

/**
 * A sector erased, then written: what every change of the boot record may leave behind, in order.
 * Torn operations leave an entry that reads now and then; the last step is the whole one.
 */
export function rewrite(durable: Durable, sector: 0 | 1, entry: OtadataEntry): Durable[] {
  const { sequence, stateWord } = entry;
  const erasing = eraseSector(durable, sector);
  // The bootloader keeps the crc of what it rewrites, also a wrong one: such an entry is none.
  if (!crcMatches(entry)) return erasing;
  return [
    ...erasing,
    withSector(durable, sector, [sequence, stateWord, "reads"]),
    withSector(durable, sector, [sequence, stateWord, "firm"]),
  ];
}

/** BootControl.secure, likewise. */
export function secure(durable: Durable, slot: 0 | 1): Durable[] {
  const pair = pairOf(durable);
  const own = ([0, 1] as const).find(
    (sector) => entryValid(pair[sector]) && slotOfSequence(pair[sector].sequence, 2) === slot,
  );
  if (own === undefined) return [];
  const other = own === 0 ? 1 : 0;
  const isOlder = crcMatches(pair[other]) && pair[other].sequence < pair[own].sequence;
  return isOlder ? [] : eraseSector(durable, other);
}

/** BootControl.forget: every step of it, from one reading of the record. */
export function forget(durable: Durable, slot: 0 | 1): Durable[] {
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  const speaks = (entry: OtadataEntry): boolean =>
    crcMatches(entry) && slotOfSequence(entry.sequence, 2) === slot;
  const steps: Durable[] = [];
  for (const sector of [0, 1] as const) {
    const entry = pair[sector];
    const other = pair[sector === 0 ? 1 : 0];
    if (entry.sequence === sequenceErased) continue;
    if (sector === active && (!entryValid(other) || speaks(other))) continue;
    if (crcMatches(entry) && !speaks(entry)) continue;
    steps.push(...eraseSector(steps[steps.length - 1] ?? durable, sector));
  }
  return steps;
}

export const boots = (durable: Durable, slot: number): boolean =>
  slot === 0 || (slot === 1 && durable.slot1 === "B");

/** esp_ota_set_boot_partition; no step when the image would not boot. */
export function setBoot(durable: Durable, slot: 0 | 1): Durable[] {
  if (!boots(durable, slot)) return [];
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  if (active === -1) return rewrite(durable, 0, makeEntry(slot + 1, stateNew));
  const sequence = nextSequence(pair[active].sequence, slot, 2);
  const isSame = slotOfSequence(pair[active].sequence, 2) === slot;
  const sector = isSame ? active : active === 0 ? 1 : 0;
  return rewrite(durable, sector, makeEntry(sequence, stateNew));
}

/** esp_ota_mark_app_valid_cancel_rollback. */
export function markValid(durable: Durable): Durable[] {
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  if (active === -1) return [];
  if (pair[active].stateWord === stateValid) return [durable];
  return rewrite(durable, active, makeEntry(pair[active].sequence, stateValid));
}

/** esp_ota_mark_app_invalid_rollback. */
export function markInvalid(durable: Durable): Durable[] {
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  if (active === -1) return [];
  const other = pair[active === 0 ? 1 : 0];
  if (!entryValid(other) || !boots(durable, slotOfSequence(other.sequence, 2))) return [];
  return rewrite(durable, active, makeEntry(pair[active].sequence, stateInvalid));
}

export function activeSlot(durable: Durable): number {
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  return active === -1 ? -1 : slotOfSequence(pair[active].sequence, 2);
}

export function slotState(durable: Durable, slot: number): SlotState {
  const active = activeEntry(pairOf(durable));
  const own = active === -1 ? null : durable.otadata[active];
  if (own !== null && slotOfSequence(own[0], 2) === slot) return stateName(own[1]);
  const found = durable.otadata
    .filter((one) => one !== null && one[2] !== "torn" && slotOfSequence(one[0], 2) === slot)
    .sort((a, b) => (b?.[0] ?? 0) - (a?.[0] ?? 0));
  const [newest] = found;
  return newest === undefined || newest === null ? "none" : stateName(newest[1]);
}

/** The bootloader's work: every durable step of it, and the slot that runs in the end. */
export function bootloader(durable: Durable): { steps: Durable[]; slot: 0 | 1 | -1 } {
  const choice = chooseStart({
    entries: pairOf(durable),
    appCount: 2,
    factoryPresent: false,
    rollback: true,
  });
  const steps = [durable];
  for (const { sector, entry } of choice.rewrites) {
    steps.push(...rewrite(steps[steps.length - 1], sector, entry));
  }
  const last = steps[steps.length - 1];
  const slot = candidateOrder(choice.startIndex, 2).find((one) => boots(last, one));
  if (slot !== 0 && slot !== 1) return { steps, slot: -1 };
  if (choice.writesInitial) {
    const { sector, entry } = initialRewrite(slot);
    steps.push(...rewrite(last, sector, entry));
  }
  return { steps, slot };
}

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
    powerTrials: counterOf(attempt?.powerTrials, powerTrialsMax - 1),
    restages: counterOf(attempt?.restages, restagesMax),
    returns: counterOf(attempt?.returns, returnsMax),
    hasConfirmed: durable.confirmed !== "none",
    unguarded: attempt?.unguarded ?? false,
  };
  const { state, event, counts, adopt, reason } = reconcile(facts);
  let after = durable;
  if (adopt === "confirmed") after = { ...after, confirmed: slot === 0 ? "A" : "B" };
  if (adopt === "trial") {
    after = { ...after, attempt: { ...newAttempt, phase: phases.staging, repair: true } };
  }
  const kept = after.attempt;
  if (kept !== null && counts !== "") {
    const raised = counts === "unguarded" ? { unguarded: true } : { [counts]: bounds.counter };
    after = { ...after, attempt: { ...kept, ...raised } };
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
      forGood: isForGood(reason),
    },
  };
}

const isForGood = (reason: string): boolean =>
  !["", "stage-lost", "superseded", "stage-failed"].includes(reason);

export const newAttempt: ModelAttempt = {
  phase: phases.writing,
  repair: false,
  tries: 0,
  damages: 0,
  powerTrials: 0,
  restages: 0,
  returns: 0,
  unguarded: false,
  kept: false,
  told: "",
};

/** The events that may end a wait, each with what it finds or leaves. */
export function eventsOf({ durable, volatile }: ModelState): [AgentEvent, Partial<Durable>][] {
  const { attempt, slot1 } = durable;
  switch (volatile.wait) {
    case "nothing":
      return [];
    case "poll":
      return [["pollDue", {}]];
    case "repair-timer":
      return [["knownGoodLost", {}]];
    case "confirm-timer":
      return [["trialPassed", {}]];
    case "report-timer":
      return [["reportDue", {}]];
    case "report":
      return [
        ["reportFailed", {}],
        ["reportUnanswered", {}],
        ["reportDelivered", {}],
      ];
    case "offer":
      return offerEvents(durable, volatile);
    case "download":
      return downloadEvents(durable);
    case "verify":
      if (slot1 === "held" || slot1 === "B") return [["imageVerified", {}]];
      return (attempt?.damages ?? 0) + 1 >= bounds.damages
        ? [["downloadFailed", { progress: "none" }]]
        : [["imageDamaged", { progress: "none" }]];
    case "stage":
      return [];
    case "trial":
      return [
        ["trialPassed", { passed: true }],
        ["trialFailed", {}],
        ["pollDue", {}],
      ];
  }
}

function offerEvents(durable: Durable, volatile: Volatile): [AgentEvent, Partial<Durable>][] {
  const failed: [AgentEvent, Partial<Durable>] = ["serverFailed", {}];
  if (volatile.state !== "ready" && volatile.state !== "writing") {
    return [failed, ["serverReached", {}]];
  }
  const isOld = durable.isBad || durable.confirmed === "B";
  if (volatile.state === "writing") {
    return isOld
      ? [failed, ["offerReplaced", {}]]
      : [failed, ["offerAccepted", {}], ["offerReplaced", {}]];
  }
  return isOld
    ? [failed, ["nothingNew", {}]]
    : [failed, ["offerRefused", {}], ["offerAccepted", {}]];
}

function downloadEvents(durable: Durable): [AgentEvent, Partial<Durable>][] {
  if (durable.progress === "whole") return [["imageWritten", {}]];
  const { attempt } = durable;
  if (attempt === null) return [];
  const tried = { ...attempt, tries: attempt.tries + 1 };
  // Before the first erase, and after some blocks of which 64 KB are recorded.
  const broken: [AgentEvent, Partial<Durable>][] =
    tried.tries >= bounds.tries
      ? [["downloadFailed", {}]]
      : [
          ["downloadInterrupted", { attempt: tried }],
          [
            "downloadInterrupted",
            { attempt: { ...tried, tries: 1 }, slot1: "part", progress: "part" },
          ],
        ];
  return [
    ...broken,
    ["imageWritten", { slot1: "held", progress: "whole" }],
    ["imageWritten", { slot1: "damaged", progress: "whole" }],
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
