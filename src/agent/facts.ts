/** Which image lies in a slot, and what a device finds at boot: the inputs of reconciliation. */
import { equalBytes } from "../bytes.js";
import type { Hal, SlotFlash } from "../hal.js";
import { type Confirmed, phases } from "../journal/records.js";
import type { Journal } from "./journal.js";
import type { Facts, Running } from "./reconcile.js";

/** Bytes of the identity: the appended SHA-256 at the end of an ESP32 image. */
export const identityBytes = 32;

/** Last 32 bytes of an image of `sizeBytes` in `slot`; all zero when that cannot be. */
export function identityOf(slot: SlotFlash, sizeBytes: number): Uint8Array {
  const identity = new Uint8Array(identityBytes);
  if (sizeBytes >= identityBytes && sizeBytes <= slot.status().size) {
    slot.read(identity, sizeBytes - identityBytes);
  }
  return identity;
}

/** True when `slot` ends an image of `sizeBytes` with `identity`. */
function hasIdentity(slot: SlotFlash, sizeBytes: number, identity: Uint8Array): boolean {
  return sizeBytes >= identityBytes && equalBytes(identityOf(slot, sizeBytes), identity);
}

/** The three facts that reconciliation compares: journal, boot record, identity of what runs. */
export function gatherFacts(hal: Hal, journal: Journal, runningSlot: number): Facts {
  const attempt = journal.attempt;
  return {
    phase: attempt?.phase ?? null,
    running: classify(hal, journal, runningSlot),
    runningState: runningSlot < 0 ? "none" : hal.boot.slotState(runningSlot),
    targetState: attempt === null ? "none" : hal.boot.slotState(attempt.slot),
    resetReason: hal.resetReason(),
    targetRuns: attempt?.slot === runningSlot,
    imageWritten:
      attempt !== null &&
      journal.progressOf(attempt.manifestDigest)?.writtenBytes === attempt.imageSizeBytes,
    powerTrials: attempt?.powerTrials ?? 0,
    restages: attempt?.restages ?? 0,
    returns: attempt?.returns ?? 0,
    hasConfirmed: journal.confirmed !== null && journal.confirmed.slot >= 0,
    unguarded: attempt?.unguarded === true,
    reverted: attempt?.reverted === true ? attempt.reason : "",
  };
}

function classify(hal: Hal, journal: Journal, runningSlot: number): Running {
  const { attempt, confirmed } = journal;
  const slot = hal.boot.openSlot(runningSlot);
  const isCandidate =
    attempt !== null &&
    attempt.phase !== phases.writing &&
    attempt.slot === runningSlot &&
    hasIdentity(slot, attempt.imageSizeBytes, attempt.identity);
  if (isCandidate) return "candidate";
  if (confirmed !== null) {
    if (isConfirmed(slot, confirmed, runningSlot)) return "confirmed";
    if (isPrevious(slot, confirmed, runningSlot)) return "previous";
  }
  // Once the confirmed image is lost, nothing vouches for what runs in its place.
  const isLost = confirmed !== null && confirmed.slot < 0;
  return isLost || isRejected(slot, journal, runningSlot) ? "rejected" : "unknown";
}

/** True when the image that runs is confirmed, or was before another one. */
export function isVouched(hal: Hal, confirmed: Confirmed, runningSlot: number): boolean {
  const slot = hal.boot.openSlot(runningSlot);
  return isConfirmed(slot, confirmed, runningSlot) || isPrevious(slot, confirmed, runningSlot);
}

function isConfirmed(slot: SlotFlash, confirmed: Confirmed, runningSlot: number): boolean {
  if (confirmed.slot !== runningSlot) return false;
  return hasIdentity(slot, confirmed.imageSizeBytes, confirmed.identity);
}

function isPrevious(slot: SlotFlash, confirmed: Confirmed, runningSlot: number): boolean {
  if (confirmed.previousSlot !== runningSlot) return false;
  return hasIdentity(slot, confirmed.previousSizeBytes, confirmed.previousIdentity);
}

/** True when the image that runs is the one whose attempt failed last. */
function isRejected(slot: SlotFlash, journal: Journal, runningSlot: number): boolean {
  const last = journal.lastAttempt();
  return (
    last !== null &&
    last.phase === phases.failed &&
    last.slot === runningSlot &&
    hasIdentity(slot, last.imageSizeBytes, last.identity)
  );
}
