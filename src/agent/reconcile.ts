/**
 * Reconciliation at boot: journal, boot record and the identity of the image that runs are compared
 * before anything else. Total: every combination of facts has one outcome, and the reason is told.
 */
import type { ResetReason, SlotState } from "../hal.js";
import { type Attempt, type Phase, phases } from "../journal/records.js";
import type { Reason } from "../reasons.js";
import type { AgentEvent, AgentState } from "./machine.js";

/**
 * Which known image runs. "rejected": one that failed here, or took the place of a confirmed image
 * that is lost; "unknown": it was flashed by cable or by another tool.
 */
export type Running = "confirmed" | "candidate" | "previous" | "rejected" | "unknown";

export interface Facts {
  /** Phase of the journalled attempt; null without one. */
  readonly phase: Phase | null;
  readonly running: Running;
  /** Boot record entry of the running slot. */
  readonly runningState: SlotState;
  /** Boot record entry of the attempt's slot; "none" without an attempt. */
  readonly targetState: SlotState;
  readonly resetReason: ResetReason;
  /** True when the code runs from the slot that the attempt writes to. */
  readonly targetRuns: boolean;
  /** True when all payload bytes of the attempt are in the slot. */
  readonly imageWritten: boolean;
  readonly powerTrials: number;
  readonly restages: number;
  readonly returns: number;
  /** True when the journal names a confirmed image. */
  readonly hasConfirmed: boolean;
  /** True when a trial began that the bootloader would not end by itself. */
  readonly unguarded: boolean;
  /** Why the trial was reverted, as an earlier boot found it; "" when none did. */
  readonly reverted: Reason | "";
}

export interface Outcome {
  readonly state: AgentState;
  /** The event that continues from `state`. */
  readonly event: AgentEvent;
  /** Final reason when the outcome ends an attempt; "" otherwise. */
  readonly reason: Reason | "";
  /** What the attempt has to remember: a counter that rises, or that the trial is unguarded. */
  readonly counts: "" | "powerTrials" | "restages" | "returns" | "unguarded";
  /**
   * What becomes of a running image that the journal does not know: "confirmed" takes it as the
   * known-good one (flashed by cable); "trial" tries it first, as the bootloader asks to.
   */
  readonly adopt: "" | "confirmed" | "trial";
}

/** New trials at once after a loss of supply in one; then the attempt ends. */
export const powerTrialsMax = 3;
/** Restarts after a stage that did not lead to the staged image, before it is given up. */
export const restagesMax = 3;
/** Restarts after a reject that led to the rejected image again, before it stays. */
export const returnsMax = 3;

const outcome = (state: AgentState, event: AgentEvent, reason: Reason | "" = ""): Outcome => ({
  state,
  event,
  reason,
  counts: "",
  adopt: "",
});

/** The single answer to what the device finds at boot. */
export function reconcile(facts: Facts): Outcome {
  if (facts.running === "candidate") return candidateRuns(facts);
  if (facts.running === "unknown") {
    // ESP-IDF refuses an update while the running image is unconfirmed; so does this agent.
    if (facts.runningState === "pending-verify") {
      return { ...outcome("staged", "trialBooted"), adopt: "trial" };
    }
    if (facts.phase === null) {
      // Its entry says that it was rejected, by whom ever. It runs, and looks for an update, but
      // nothing vouches for it.
      const isRejected = facts.runningState === "invalid" || facts.runningState === "aborted";
      return { ...outcome("ready", "pollDue"), adopt: isRejected ? "" : "confirmed" };
    }
    // The slot that was being written, or the place of an image that was good: somebody chose it.
    const wasGood = facts.phase === phases.confirming || facts.phase === phases.updated;
    if (facts.targetRuns || wasGood) {
      return { ...outcome("writing", "offerReplaced", "superseded"), adopt: "confirmed" };
    }
  }
  switch (facts.phase) {
    case null:
      return outcome("ready", isKnownGoodLost(facts) ? "knownGoodLost" : "pollDue");
    case phases.writing:
      // Its download would go on in the slot that runs, or over the confirmed image.
      if (isKnownGoodLost(facts)) return outcome("ready", "knownGoodLost");
      // A finished download needs no server: the bytes are checked against the journalled digest.
      return outcome("writing", facts.imageWritten ? "imageWritten" : "pollDue");
    case phases.staging:
      return oldRunsAfterStage(facts);
    case phases.confirming:
    case phases.updated:
      // ESP-IDF erases the active entry before it rewrites it (esp_ota_ops.c, rewrite): a cut there
      // lets the old image run although the new one is good. It is staged again from its own slot.
      return isCrash(facts.resetReason) && facts.targetState === "aborted"
        ? outcome("staged", "trialReverted", crashReason(facts.resetReason))
        : stageAgain(facts, "stage-lost");
    case phases.rejecting:
      return outcome("rejected", "trialReverted");
    case phases.failed:
      return outcome("failed", "reportDue");
  }
}

function candidateRuns(facts: Facts): Outcome {
  switch (facts.phase) {
    case phases.confirming:
      // "valid": the confirm itself was done, only its record is missing.
      return outcome("trial", facts.runningState === "valid" ? "confirmDone" : "trialPassed");
    case phases.rejecting:
    case phases.failed:
      return rejectAgain(facts);
    case phases.updated:
      return outcome("updated", "reportDue");
    default:
      // Also from "writing": the slot was bootable and the bootloader chose it.
      return trialBoots(facts);
  }
}

/**
 * A rejected image runs again. After a loss of supply its reject may have been torn, so that says
 * nothing; but when the agent's own restart led here a few times, the other image does not boot.
 * Then the rejected one stays, unconfirmed, and looks for an update.
 */
function rejectAgain(facts: Facts): Outcome {
  const again = outcome("rejected", "trialBooted");
  if (!isCrash(facts.resetReason)) return again;
  if (facts.returns < returnsMax) return { ...again, counts: "returns" };
  return facts.phase === phases.failed
    ? outcome("failed", "reportDue")
    : outcome("rejected", "rejectFailed", "revert-impossible");
}

/** True when an image runs in the place of the confirmed one, which may be whole in its slot. */
function isKnownGoodLost(facts: Facts): boolean {
  return facts.running === "previous" || (facts.running === "rejected" && facts.hasConfirmed);
}

/**
 * A boot of the candidate that may be its first or not. The bootloader aborts an entry it finds
 * pending-verify, so a trial under one is always the first. Any other state guards nothing: torn
 * bits make "new" an unknown word (esp_ota_ops.c, rewrite), or the bootloader was built without
 * rollback. A crash boots such an image again and again, so its trial is journalled before it
 * begins.
 */
function trialBoots(facts: Facts): Outcome {
  const begins = outcome("staged", "trialBooted");
  if (facts.runningState === "pending-verify") return begins;
  if (!facts.unguarded) return { ...begins, counts: "unguarded" };
  return trialEnded(facts, "trial", "trialFailed", begins);
}

/**
 * A trial was cut short: by a crash, by more current than the supply gives, or by a loss of supply,
 * which may happen a few times and says nothing of the image.
 */
function trialEnded(facts: Facts, state: AgentState, event: AgentEvent, again: Outcome): Outcome {
  if (isCrash(facts.resetReason)) return outcome(state, event, crashReason(facts.resetReason));
  if (facts.resetReason === "brown-out") return outcome(state, event, "brown-out");
  if (facts.powerTrials >= powerTrialsMax) return outcome(state, event, "power-unstable");
  return { ...again, counts: "powerTrials" };
}

function oldRunsAfterStage(facts: Facts): Outcome {
  // Told apart at the boot after the trial; the reset that began this one is another.
  if (facts.reverted !== "") return outcome("staged", "trialReverted", facts.reverted);
  switch (facts.targetState) {
    case "aborted":
    case "invalid":
      // Only a reject marks an entry invalid. It was not recorded, so the journal had failed: that
      // is no fault of the release.
      if (facts.targetState === "invalid" && isCrash(facts.resetReason)) {
        return outcome("staged", "trialReverted", "journal-failed");
      }
      return trialEnded(facts, "staged", "trialReverted", outcome("staged", "stageLost"));
    case "new":
    case "pending-verify":
      // The bootloader took the entry up, then refused the image and fell back.
      return stageAgain(facts, "image-unbootable");
    default:
      return stageAgain(facts, "stage-lost");
  }
}

/** As in rejectAgain: what a loss of supply has torn is done again, and uses nothing up. */
function stageAgain(facts: Facts, reason: Reason): Outcome {
  const again = outcome(facts.phase === phases.updated ? "updated" : "staged", "stageLost");
  if (!isCrash(facts.resetReason)) return again;
  if (facts.restages < restagesMax) return { ...again, counts: "restages" };
  return outcome("staged", reason === "image-unbootable" ? "trialReverted" : "stageFailed", reason);
}

function isCrash(reason: ResetReason): boolean {
  return crashReason(reason) !== "";
}

/** Software restarts of a trial count as a crash: XS ends an uncaught exception with one. */
function crashReason(reason: ResetReason): Reason | "" {
  switch (reason) {
    case "software":
    case "panic":
      return "crashed";
    case "interrupt-watchdog":
    case "task-watchdog":
    case "watchdog":
      return "watchdog-reset";
    default:
      return "";
  }
}

/** The attempt with what reconciliation makes it remember. */
export function counting(attempt: Attempt, counts: Exclude<Outcome["counts"], "">): Attempt {
  if (counts === "unguarded") return { ...attempt, unguarded: true };
  return { ...attempt, [counts]: attempt[counts] + 1 };
}
