/** What a device finds at boot: the inputs of reconciliation. */
import type { Hal } from "../hal.js";
import { type Attempt, type Confirmed, phases } from "../journal/records.js";
import type { Journal } from "./journal.js";
import type { Facts, Running } from "./reconcile.js";
import { hasIdentity } from "./slots.js";

/** The three facts that reconciliation compares: journal, boot record, identity of what runs. */
export function gatherFacts(hal: Hal, journal: Journal, runningSlot: number): Facts {
  const attempt = journal.attempt;
  return {
    phase: attempt === null ? null : attempt.phase,
    running: classify(hal, attempt, journal.confirmed, runningSlot),
    runningState: runningSlot < 0 ? "none" : hal.boot.slotState(runningSlot),
    targetState: attempt === null ? "none" : hal.boot.slotState(attempt.slot),
    resetReason: hal.resetReason(),
    targetRuns: attempt !== null && attempt.slot === runningSlot,
    imageWritten:
      attempt !== null &&
      journal.progressOf(attempt.manifestDigest)?.writtenBytes === attempt.imageSizeBytes,
    powerTrials: attempt === null ? 0 : attempt.powerTrials,
    restages: attempt === null ? 0 : attempt.restages,
    unguarded: attempt?.unguarded === true,
  };
}

function classify(
  hal: Hal,
  attempt: Attempt | null,
  confirmed: Confirmed | null,
  runningSlot: number,
): Running {
  const slot = hal.boot.openSlot(runningSlot);
  const isCandidate =
    attempt !== null &&
    attempt.phase !== phases.writing &&
    attempt.slot === runningSlot &&
    hasIdentity(slot, attempt.imageSizeBytes, attempt.identity);
  if (isCandidate) return "candidate";
  if (confirmed === null) return "unknown";
  const { identity, imageSizeBytes, previousIdentity, previousSizeBytes } = confirmed;
  if (confirmed.slot === runningSlot && hasIdentity(slot, imageSizeBytes, identity)) {
    return "confirmed";
  }
  return confirmed.previousSlot === runningSlot &&
    hasIdentity(slot, previousSizeBytes, previousIdentity)
    ? "previous"
    : "unknown";
}
