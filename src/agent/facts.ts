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

/** An image that the journal knows. */
type Known = Pick<Confirmed, "slot" | "imageSizeBytes" | "identity">;

/** True when it is `image` that runs: from `slot`, which is `runningSlot`. */
function runs(image: Known, slot: SlotFlash, runningSlot: number): boolean {
  if (image.slot !== runningSlot || image.imageSizeBytes < identityBytes) return false;
  return equalBytes(identityOf(slot, image.imageSizeBytes), image.identity);
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
  if (attempt !== null && attempt.phase !== phases.writing && runs(attempt, slot, runningSlot)) {
    return "candidate";
  }
  if (confirmed !== null) {
    if (runs(confirmed, slot, runningSlot)) return "confirmed";
    if (isPrevious(slot, confirmed, runningSlot)) return "previous";
    // Once the confirmed image is lost, nothing vouches for what runs in its place.
    if (confirmed.slot < 0) return "rejected";
  }
  // The one whose attempt failed last.
  const last = journal.lastAttempt();
  const isRejected = last !== null && last.phase === phases.failed;
  return isRejected && runs(last, slot, runningSlot) ? "rejected" : "unknown";
}

/** True when the image that runs is confirmed, or was before another one. */
export function isVouched(hal: Hal, confirmed: Confirmed, runningSlot: number): boolean {
  const slot = hal.boot.openSlot(runningSlot);
  return runs(confirmed, slot, runningSlot) || isPrevious(slot, confirmed, runningSlot);
}

function isPrevious(slot: SlotFlash, confirmed: Confirmed, runningSlot: number): boolean {
  const previous = {
    slot: confirmed.previousSlot,
    imageSizeBytes: confirmed.previousSizeBytes,
    identity: confirmed.previousIdentity,
  };
  return runs(previous, slot, runningSlot);
}
