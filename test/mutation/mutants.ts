/**
 * Safeguards switched off one at a time: in a copy of the compiled text, never in the product. Each
 * names the sweep that must notice, so that the proof is quick.
 */

import type { Ending, Start } from "../../hosts/simulator/plan.js";
import type { JobKind } from "../../hosts/simulator/sweep-jobs.js";

export interface Mutant {
  /** The safeguard that is missing. */
  readonly name: string;
  /** Below dist. */
  readonly file: string;
  /** Occurs exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly sweep: readonly [JobKind, Ending, Start];
  /** A plan that a long sweep found, in the place of that sweep. */
  readonly plan?: string;
}

const agent = "src/agent";

export const mutants: readonly Mutant[] = [
  {
    name: "read-back before stage",
    file: `${agent}/installer.js`,
    find: "if (digest === null || !equalBytes(digest, image.imageDigest))",
    replace: "digest = digest && image.imageDigest;\n            if (digest === null)",
    sweep: ["silent", "healthy", "known"],
  },
  {
    name: "intent before stage",
    file: `${agent}/machine.js`,
    find: 'imageVerified: go("candidate", "journalStaging", "stage")',
    replace: 'imageVerified: go("candidate", "stage", "journalStaging")',
    sweep: ["singles", "healthy", "known"],
  },
  {
    name: "intent before reject",
    file: `${agent}/machine.js`,
    find: 'trialFailed: go("rejected", "journalRejecting", "reject")',
    replace: 'trialFailed: go("rejected", "reject")',
    sweep: ["singles", "fail-test", "known"],
  },
  {
    name: "result before record of an installed offer",
    file: `${agent}/machine.js`,
    find: 'go("updated", "journalUpdated", "journalConfirmed", "sendReport")',
    replace: 'go("updated", "journalConfirmed", "journalUpdated", "sendReport")',
    sweep: ["singles", "installed", "known"],
  },
  {
    name: "end of an attempt whose staged image is damaged",
    file: `${agent}/machine.js`,
    find: "        downloadFailed: fail,\n        journalFailed: fail,",
    replace: "        journalFailed: fail,",
    sweep: ["random", "crash", "known"],
    plan:
      "crash known 0 rot:139167:4@6 13/before 20/before!brown-out 24/before!brown-out " +
      "rot:139372:64@30 rot:135386:1@43",
  },
  {
    name: "floor rises on confirm",
    file: `${agent}/verdict.js`,
    find: "Math.max(old === null ? 0 : old.sequenceFloor, attempt.sequenceNumber)",
    replace: "old === null ? 0 : old.sequenceFloor",
    sweep: ["singles", "healthy", "fresh"],
  },
  {
    name: "failed release is remembered",
    file: `${agent}/updater.js`,
    find: "else if (isForGood(reason) ||",
    replace: "else if (",
    sweep: ["singles", "crash", "known"],
  },
  {
    name: "attempts are bounded",
    file: `${agent}/updater.js`,
    find: "isForGood(reason) || this.isExhausted(attempt, reason)",
    replace: "isForGood(reason)",
    sweep: ["rot", "healthy", "known"],
  },
  {
    name: "damaged downloads are bounded",
    file: `${agent}/updater.js`,
    find: "attempt.damages + 1 >= damagesMax",
    replace: "false",
    sweep: ["rot", "healthy", "known"],
  },
  {
    name: "damaged bytes are forgotten",
    file: `${agent}/updater.js`,
    find: "context.journal.clearProgress();",
    replace: "",
    sweep: ["silent", "healthy", "known"],
  },
  {
    name: "torn entries of a failed image are erased",
    file: `${agent}/updater.js`,
    find: "hal.boot.forget(attempt.slot);",
    replace: "{}",
    sweep: ["random", "no-network", "known"],
    plan: "no-network known 3 11/before 18/weak:516:45 20/before!brown-out",
  },
  {
    name: "a lost stage is repaired",
    file: `${agent}/reconcile.js`,
    find: "if (facts.restages < restagesMax)",
    replace: "if (false)",
    sweep: ["singles", "healthy", "known"],
  },
  {
    name: "restages are counted",
    file: `${agent}/agent.js`,
    find: "[counts]: attempt[counts] + 1",
    replace: "[counts]: attempt[counts]",
    sweep: ["rot", "healthy", "known"],
  },
  {
    name: "trials ended by the supply are bounded",
    file: `${agent}/reconcile.js`,
    find: "            if (facts.powerTrials + 1 >= powerTrialsMax)",
    replace: "            if (false)",
    sweep: ["singles", "brown-out", "known"],
  },
  {
    name: "an unguarded trial is journalled",
    file: `${agent}/reconcile.js`,
    find: "if (!facts.unguarded)",
    replace: "if (true)",
    sweep: ["singles", "crash", "known"],
  },
  {
    name: "a lost confirm is repaired without a download",
    file: `${agent}/reconcile.js`,
    find: 'facts.running === "previous" ? "knownGoodLost" : "pollDue"',
    replace: '"pollDue"',
    sweep: ["silent", "healthy", "known"],
  },
  {
    name: "reject marks no other image's entry",
    file: `${agent}/verdict.js`,
    find: "if (active < 0 || active === runningSlot)",
    replace: "if (true)",
    sweep: ["silent", "fail-test", "known"],
  },
  {
    name: "resume is bound to its release",
    file: `${agent}/journal.js`,
    find: "progress !== null && equalBytes(progress.manifestDigest, manifestDigest)",
    replace: "progress !== null",
    sweep: ["change", "healthy", "known"],
  },
  {
    name: "progress is recorded every 64 KB",
    file: `${agent}/download.js`,
    find: "if (isLast || offset % progressBytes === 0)",
    replace: "if (isLast)",
    sweep: ["resume", "healthy", "known"],
  },
  {
    name: "an attempt is bound to its manifest",
    file: `${agent}/poller.js`,
    find: "if (attempt !== null && !isSame)",
    replace: "if (false)",
    sweep: ["change", "healthy", "known"],
  },
  {
    name: "signatures are verified",
    file: `${agent}/poller.js`,
    find: "options.trustAnchors, hal.digest, verify)",
    replace: "options.trustAnchors, hal.digest, () => true)",
    sweep: ["singles", "refused", "fresh"],
  },
  {
    name: "dwell before confirm",
    file: `${agent}/trial.js`,
    find: " || !this.dwelt",
    replace: "",
    sweep: ["singles", "crash", "known"],
  },
  {
    name: "the server must be reached before confirm",
    file: `${agent}/trial.js`,
    find: " || !this.hasReached",
    replace: "",
    sweep: ["singles", "no-network", "known"],
  },
  {
    name: "a failed self-test ends the trial",
    file: `${agent}/trial.js`,
    find: "if (!passed)",
    replace: "if (false)",
    sweep: ["singles", "fail-test", "known"],
  },
  {
    name: "deadline of the trial",
    file: `${agent}/trial.js`,
    find: "}, timeoutMs);",
    replace: "}, 1e12);",
    sweep: ["singles", "no-network", "known"],
  },
  {
    name: "a report keeps its id",
    file: `${agent}/reporter.js`,
    find: "reason, attempt.reportId,",
    replace: "reason, newReportId(context.hal),",
    sweep: ["singles", "healthy", "known"],
  },
  {
    name: "a cut supply is latched",
    file: "hosts/simulator/power.js",
    find: "        if (this.isCut)\n            throw",
    replace: "        if (false)\n            throw",
    sweep: ["singles", "healthy", "known"],
  },
];

/** Safeguards without which no sweep breaks a promise, and what covers for them. */
export const redundant: readonly { readonly name: string; readonly covered: string }[] = [
  {
    name: "the boot record names the image that runs",
    covered: "confirm and reject look at the active slot themselves before they act on it",
  },
  {
    name: "the wrong image is not taken for the candidate",
    covered: "the slot tells the two apart, and the trial reads the whole image back once more",
  },
  {
    name: "head of the image held back",
    covered:
      "the bootloader's own SHA-256 refuses half an image; this guards against a whole wrong one",
  },
  {
    name: "old entry of the slot is erased",
    covered: "the bootloader's own SHA-256 refuses the bytes that the entry speaks for",
  },
];
