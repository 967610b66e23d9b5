/**
 * Safeguards switched off one at a time: in a copy of the compiled text, never in the product. Each
 * names the sweep that must notice, so that the proof is quick.
 */

import type { Ending, Start } from "../../hosts/simulator/plan.js";
import type { JobKind } from "../../hosts/simulator/sweep-jobs.js";

export interface Edit {
  /** Below dist. */
  readonly file: string;
  /** Occurs exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant extends Edit {
  /** The safeguard that is missing. */
  readonly name: string;
  /** Its second half, where two places hold it. */
  readonly also?: Edit;
  readonly sweep: readonly [JobKind, Ending, Start];
  /** A plan that a long sweep found, in the place of that sweep. */
  readonly plan?: string;
}

const agent = "src/agent";

export const mutants: readonly Mutant[] = [
  {
    name: "read-back before stage",
    file: `${agent}/installer.js`,
    find: "if (!equalBytes(digest, image.imageDigest))",
    replace: "digest = image.imageDigest;\n            if (false)",
    sweep: ["silent", "healthy", "known"],
  },
  {
    name: "intent before stage",
    file: `${agent}/machine.js`,
    find: "imageVerified: stageImage",
    replace: 'imageVerified: toCandidate("stage", "journalStaging")',
    sweep: ["singles", "healthy", "known"],
  },
  {
    name: "intent before reject",
    file: `${agent}/machine.js`,
    find: "trialFailed: rejectRecorded",
    replace: "trialFailed: rejectImage",
    sweep: ["singles", "fail-test", "known"],
  },
  {
    name: "result before record of an installed offer",
    file: `${agent}/machine.js`,
    find: 'toUpdated("journalUpdated", "journalConfirmed", "sendReport")',
    replace: 'toUpdated("journalConfirmed", "journalUpdated", "sendReport")',
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
    find: "Math.max(context.journal.sequenceFloor, attempt.sequenceNumber)",
    replace: "context.journal.sequenceFloor",
    sweep: ["singles", "healthy", "fresh"],
  },
  {
    name: "failed release is remembered",
    file: `${agent}/updater.js`,
    find: "if (isOwnFault(cause) && ",
    replace: "if (false && ",
    sweep: ["singles", "crash", "known"],
  },
  {
    name: "damaged downloads are bounded",
    file: `${agent}/updater.js`,
    find: "attempt.damages + 1 >= defaults.damagesMax",
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
    sweep: ["weak", "fail-test", "second"],
  },
  {
    name: "a lost stage is repaired",
    file: `${agent}/reconcile.js`,
    find: '? "updated" : "staged", "stageLost");',
    replace: '? "staged" : "staged", "stageFailed", reason);\n    return again;',
    sweep: ["singles", "healthy", "known"],
  },
  {
    name: "restages are counted",
    file: `${agent}/reconcile.js`,
    find: "if (facts.restages < restagesMax)",
    replace: "if (true)",
    sweep: ["rot", "healthy", "known"],
  },
  {
    name: "trials ended by the supply are bounded",
    file: `${agent}/reconcile.js`,
    find: "if (facts.powerTrials >= powerTrialsMax)",
    replace: "if (false)",
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
    find: 'isKnownGoodLost(facts) ? "knownGoodLost" : "pollDue"',
    replace: '"pollDue"',
    sweep: ["silent", "healthy", "known"],
  },
  {
    name: "reject marks no other image's entry",
    file: `${agent}/reject.js`,
    find: "if (active < 0 || active === runningSlot)",
    replace: "if (true)",
    // What was marked by mistake is found again by the second line of defence.
    also: {
      file: `${agent}/reject.js`,
      find: " || stagesConfirmed(hal, journal, runningSlot)",
      replace: "",
    },
    sweep: ["silent", "fail-test", "known"],
  },
  {
    name: "resume is bound to its release",
    file: `${agent}/journal.js`,
    find: "progress !== null && equalBytes(progress.manifestDigest, manifestDigest)",
    replace: "progress !== null",
    also: {
      file: `${agent}/updater.js`,
      find: "if (!isLast && journal.progressOf(release.manifestDigest) !== null)",
      replace: "if (false)",
    },
    sweep: ["change", "healthy", "known"],
  },
  {
    name: "progress is recorded every 64 KB",
    file: `${agent}/download.js`,
    find: "(this.blockBytes === 0 || this.offset % limits.progressBytes === 0)",
    replace: "this.blockBytes === 0",
    sweep: ["resume", "healthy", "known"],
  },
  {
    name: "an attempt is bound to its manifest",
    file: `${agent}/poller.js`,
    find: "if (isInstalled || !isSame)",
    replace: "if (isInstalled)",
    sweep: ["change", "healthy", "known"],
  },
  {
    name: "signatures are verified",
    file: `${agent}/poller.js`,
    find: "return verify(publicKey, signature, message, hal.digest, alive);",
    replace: "return true;",
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
    find: "serverMs - timeoutMs), timeoutMs);",
    replace: "serverMs - timeoutMs), 2e9);",
    sweep: ["singles", "no-network", "known"],
  },
  {
    name: "a report keeps its id",
    file: `${agent}/reporter.js`,
    find: "reason, attempt.reportId, attempt",
    replace: "reason, context.journal.newReportId(), attempt",
    sweep: ["singles", "healthy", "known"],
  },
  {
    name: "a cut supply is latched",
    file: "hosts/simulator/power.js",
    find: "        if (this.isCut)\n            throw",
    replace: "        if (false)\n            throw",
    sweep: ["singles", "healthy", "known"],
  },
  {
    name: "returns of a rejected image are counted",
    file: `${agent}/reconcile.js`,
    find: "if (facts.returns < returnsMax)",
    replace: "if (true)",
    sweep: ["lost", "fail-test", "known"],
  },
  {
    name: "a reject that was torn is begun anew",
    file: `${agent}/reject.js`,
    find: "boot.forget(runningSlot);\n        return true;\n    }\n    catch {\n        // The",
    replace: "return false;\n        return true;\n    }\n    catch {\n        // The",
    sweep: ["weak", "fail-test", "second"],
  },
  {
    name: "a reject finds the confirmed image without its entry",
    file: `${agent}/reject.js`,
    find: " || stagesConfirmed(hal, journal, runningSlot)",
    replace: "",
    sweep: ["record", "fail-test", "second"],
  },
  {
    name: "a rejected image is known again",
    file: `${agent}/facts.js`,
    find: "last !== null && last.phase === phases.failed",
    replace: "false",
    sweep: ["lost", "fail-test", "known"],
  },
  {
    name: "nothing is confirmed once the confirmed image is lost",
    file: `${agent}/updater.js`,
    find: "if (!vouched)\n            return context.journal.forgetConfirmed();",
    replace: "",
    sweep: ["lost", "fail-test", "known"],
  },
  {
    name: "second copy of the floor",
    file: `${agent}/journal.js`,
    find: "return Math.max(this.confirmed?.sequenceFloor ?? 0, this.floorCopy);",
    replace: "return this.confirmed?.sequenceFloor ?? 0;",
    sweep: ["journal", "healthy", "known"],
  },
  {
    name: "a result that follows another gets a report of its own",
    file: `${agent}/updater.js`,
    find: "if (wasKept)\n                journal.attempt",
    replace: "if (false)\n                journal.attempt",
    sweep: ["cable", "healthy", "second"],
  },
  {
    name: "the boot record names the image that runs",
    file: `${agent}/agent.js`,
    find: "repairBootRecord(this.hal, device.runningSlot);",
    replace: "{}",
    sweep: ["record", "healthy", "second"],
  },
  {
    name: "a repaired boot record holds no torn entry",
    file: `${agent}/device.js`,
    find: "boot.secure(runningSlot);",
    replace: "",
    sweep: ["weak", "fail-test", "second"],
    plan: "fail-test second 17 20/weak:17:32 24/after",
  },
  {
    name: "a confirm makes its entry firm",
    file: `${agent}/verdict.js`,
    find: "if (!isFirm || boot",
    replace: "if (boot",
    sweep: ["weak", "healthy", "known"],
  },
  {
    name: "an image that is put back needs no server",
    file: `${agent}/verdict.js`,
    find: "if (context.journal.isConfirmed(context.journal.underWay))",
    replace: "if (false)",
    sweep: ["random", "healthy", "second"],
    plan: "healthy second 2 17~before server:withdraw@19",
  },
  {
    name: "the wrong image is not taken for the candidate",
    file: `${agent}/facts.js`,
    find: "runs(attempt, slot, runningSlot)",
    replace: "attempt.slot === runningSlot",
    sweep: ["cable", "healthy", "second"],
  },
  {
    name: "head of the image held back",
    file: `${agent}/download.js`,
    find: "const start = offset === 0 ? limits.heldHeadBytes : 0;",
    replace: "const start = 0;",
    sweep: ["unseen", "healthy", "second"],
  },
  {
    name: "old entry of the slot is erased",
    file: `${agent}/download.js`,
    find: "hal.boot.forget(this.slotIndex);",
    replace: "{}",
    sweep: ["record", "healthy", "third"],
  },
  {
    name: "the part that was asked for",
    file: `${agent}/download.js`,
    find: ' && headers.get("content-range") === range',
    replace: "",
    sweep: ["outage", "healthy", "known"],
  },
  {
    name: "timers are cleared",
    file: "hosts/esp32/hal.js",
    find: "this.platform.timer.clear(handle);",
    replace: "",
    sweep: ["outage", "healthy", "known"],
  },
  {
    name: "an exchange has a time in all",
    file: `${agent}/exchange.js`,
    find: "if (stallMs <= 0 || totalMs <= 0)",
    replace: "if (stallMs <= 0)",
    also: {
      file: `${agent}/exchange.js`,
      find: "Math.min(stallMs, totalMs)",
      replace: "stallMs",
    },
    sweep: ["outage", "healthy", "known"],
  },
  {
    name: "tries wait longer and longer",
    file: `${agent}/schedule.js`,
    find: "return Math.max(Math.min(500, capMs),",
    replace: "return Math.min(0,",
    sweep: ["outage", "healthy", "known"],
  },
  {
    name: "redirects are bounded",
    file: `${agent}/exchange.js`,
    find: " || this.redirects >= redirectsMax",
    replace: "",
    sweep: ["outage", "healthy", "known"],
  },
  {
    name: "nothing below the floor is installed",
    file: `${agent}/checks.js`,
    find: "if (release.sequenceNumber < facts.sequenceFloor)",
    replace: "if (false)",
    sweep: ["singles", "older", "known"],
  },
  {
    name: "the watchdog of a trial",
    file: `${agent}/trial.js`,
    find: "const isWatched = this.hal.watchdog.arm(this.watchdogTimeoutMs);",
    replace: "const isWatched = true;",
    sweep: ["unwatched", "hang", "known"],
  },
  {
    name: "the release is for this chip",
    file: `${agent}/checks.js`,
    find: "if (release.chipId >= 0 && release.chipId !== facts.chipId)",
    replace: "if (false)",
    sweep: ["singles", "other-chip", "known"],
  },
  {
    name: "the release is by this vendor",
    file: `${agent}/checks.js`,
    find: "if (!equalBytes(release.vendorId, facts.vendorId))",
    replace: "if (false)",
    sweep: ["singles", "other-vendor", "known"],
    also: {
      // The class is derived from the vendor.
      file: `${agent}/checks.js`,
      find: "if (!equalBytes(release.classId, facts.classId))",
      replace: "if (false)",
    },
  },
  {
    name: "the release is for this class",
    file: `${agent}/checks.js`,
    find: "if (!equalBytes(release.classId, facts.classId))",
    replace: "if (false)",
    sweep: ["singles", "other-class", "known"],
  },
  {
    name: "the image fits the slot",
    file: `${agent}/checks.js`,
    find: "if (release.imageSizeBytes > facts.slotSizeBytes)",
    replace: "if (false)",
    sweep: ["singles", "too-big", "known"],
  },
  {
    name: "a refusal is told once",
    file: `${agent}/reporter.js`,
    find: "if (key === this.toldRefusal)",
    replace: "if (false)",
    sweep: ["singles", "refused", "known"],
  },
];
