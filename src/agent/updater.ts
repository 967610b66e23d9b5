/** An attempt from the accepted offer to the staged slot: journal, download, read-back, stage. */
import { equalBytes } from "../bytes.js";
import { type Attempt, emptyAttempt, type Progress, phases } from "../journal/records.js";
import type { Reason } from "../reasons.js";
import { type AgentContext, attemptOf, enterPhase, isConfirmed, newReportId } from "./context.js";
import { adoptRunning, measureRunning, repairBootRecord } from "./device.js";
import { Download, type DownloadEnd, type DownloadListener } from "./download.js";
import { isVouched } from "./facts.js";
import { Installer } from "./installer.js";
import { attemptsMax, damagesMax, defaults, triesMax } from "./options.js";
import { resolveUri } from "./url.js";

export class Updater implements DownloadListener {
  private readonly context: AgentContext;
  private readonly installer: Installer;
  /** True once the server has refused to send a part: from then on it is asked for the whole. */
  private whole = false;

  constructor(context: AgentContext) {
    this.context = context;
    this.installer = new Installer(context);
  }

  /** Begins a new attempt for the accepted release. */
  journalWriting(): void {
    const { hal, device, journal, release } = this.context;
    if (release === null) throw new Error("no release was accepted");
    // Another release was begun after it: the slot may hold that one's blocks.
    const last = journal.lastAttempt();
    const isLast = last !== null && equalBytes(last.manifestDigest, release.manifestDigest);
    if (!isLast && journal.progressOf(release.manifestDigest) !== null) journal.clearProgress();
    journal.saveAttempt({
      ...emptyAttempt(newReportId(hal)),
      slot: device.targetSlot,
      sequenceNumber: release.sequenceNumber,
      imageSizeBytes: release.imageSizeBytes,
      manifestDigest: release.manifestDigest,
      imageDigest: release.imageDigest,
    });
  }

  /** Begins an attempt that puts the confirmed image back. */
  journalRepair(): void {
    const { hal, journal } = this.context;
    const confirmed = journal.confirmed;
    if (confirmed === null) throw new Error("no confirmed image to repair");
    journal.saveAttempt({
      ...emptyAttempt(newReportId(hal)),
      phase: phases.staging,
      repair: true,
      slot: confirmed.slot,
      sequenceNumber: confirmed.sequenceFloor,
      imageSizeBytes: confirmed.imageSizeBytes,
      manifestDigest: confirmed.manifestDigest,
      imageDigest: confirmed.imageDigest,
      identity: confirmed.identity,
    });
  }

  /** Begins an attempt for an unknown image that the bootloader runs on trial. */
  journalStranger(): void {
    const { hal, device, journal, buffer } = this.context;
    const running = measureRunning(hal, device.runningSlot, buffer);
    journal.saveAttempt({
      ...emptyAttempt(newReportId(hal)),
      phase: phases.staging,
      repair: true,
      slot: running.slot,
      sequenceNumber: journal.sequenceFloor,
      imageSizeBytes: running.imageSizeBytes,
      imageDigest: running.imageDigest,
      identity: running.identity,
    });
  }

  /** Fetches what is still missing of the payload. */
  download(): void {
    const context = this.context;
    const { hal, device, journal, options, release, server, buffer } = context;
    if (release === null) throw new Error("no release was accepted");
    const progress = journal.progressOf(release.manifestDigest);
    if (progress !== null && progress.writtenBytes === release.imageSizeBytes) {
      return context.post("imageWritten");
    }
    const target = resolveUri(server, release.uri);
    if (target === null) throw new Error("the payload URI was checked before");
    const { slot } = attemptOf(context);
    const download = new Download(hal, release, slot, device.chipId, progress, buffer, this);
    const headers = new Map([["daruma-device", hal.deviceId()]]);
    const stallMs = options.stallTimeoutMs ?? defaults.stallTimeoutMs;
    download.start(target, headers, stallMs, this.whole);
  }

  progressed(reached: Progress): void {
    const context = this.context;
    const { journal } = context;
    journal.saveProgress(reached);
    context.failures = 0;
    const attempt = attemptOf(context);
    // Tries count without progress only; written with the next record.
    journal.attempt = { ...attempt, tries: 0 };
    context.tell("download", reached.writtenBytes, attempt.imageSizeBytes);
  }

  ended(end: DownloadEnd, reason: Reason | "", retryMs: number): void {
    this.context.retryAfterMs = retryMs;
    this.context.enter(() => this.concluded(end, reason));
  }

  private concluded(end: DownloadEnd, reason: Reason | ""): void {
    const context = this.context;
    if (end === "written") return context.post("imageWritten");
    if (end === "damaged") return this.damaged(reason === "" ? "flash-failed" : reason);
    this.whole = end === "range-refused";
    const attempt = attemptOf(context);
    if (attempt.tries + 1 >= triesMax) {
      return context.post("downloadFailed", reason === "" ? "download-failed" : reason);
    }
    context.journal.saveAttempt({ ...attempt, tries: attempt.tries + 1 });
    context.post("downloadInterrupted");
  }

  /** Reads the written image back and compares its digest with the signed one. */
  verifyImage(): void {
    const context = this.context;
    const attempt = attemptOf(context);
    this.installer.verify(attempt, this.head(attempt), (identity) => {
      context.enter(() => {
        if (identity === null) return this.damaged("image-digest-mismatch");
        context.journal.attempt = { ...attempt, identity };
        context.post("imageVerified");
      });
    });
  }

  /** The image is not what was signed: its bytes are forgotten, and a few more tries are made. */
  private damaged(reason: Reason): void {
    const context = this.context;
    const attempt = attemptOf(context);
    // The confirmed image itself is damaged: nothing to fetch it from, the running one is kept.
    if (attempt.repair) return context.post("stageFailed", reason);
    context.journal.clearProgress();
    const isLast = attempt.damages + 1 >= damagesMax;
    context.post(isLast ? "downloadFailed" : "imageDamaged", reason);
  }

  journalDamage(): void {
    const attempt = attemptOf(this.context);
    const damages = attempt.damages + 1;
    this.context.journal.saveAttempt({ ...attempt, phase: phases.writing, damages, tries: 0 });
  }

  /** The intent to stage, with what reconciliation counted. Always written: counters may differ. */
  journalStaging(): void {
    const attempt = attemptOf(this.context);
    this.context.journal.saveAttempt({ ...attempt, phase: phases.staging, unguarded: false });
  }

  /** Stages the attempt's slot, but never bytes that this boot has not read back. */
  stage(): void {
    const context = this.context;
    const attempt = attemptOf(context);
    const head = this.head(attempt);
    if (!this.installer.isVerified(attempt)) {
      this.installer.verify(attempt, head, (identity) => {
        context.enter(() => {
          if (identity === null) this.damaged("image-digest-mismatch");
          else this.stage();
        });
      });
      return;
    }
    try {
      this.installer.stage(attempt, head);
    } catch {
      return context.post("stageFailed", "stage-failed");
    }
    context.post("stageDone");
  }

  /** The final record of a failed attempt; a release that failed its trial is remembered as bad. */
  journalFailure(): void {
    const context = this.context;
    const { hal, device, journal } = context;
    const attempt = attemptOf(context);
    const { runningSlot } = device;
    if (attempt.phase !== phases.failed) {
      const reason = context.reason === "" ? attempt.reason : context.reason;
      // Each may be known without the other: a cut falls between their records.
      const wasKept = isKept(attempt.reason) || isConfirmed(context, attempt);
      if (attempt.repair || wasKept) this.keptLost(attempt);
      if (!attempt.repair && (isForGood(reason) || this.isExhausted(attempt, reason))) {
        journal.rememberBad(attempt.manifestDigest, attempt.sequenceNumber);
      }
      // It may have been told as updated, and was lost afterwards: that is a result of its own.
      if (wasKept) journal.attempt = { ...attempt, reportId: newReportId(hal) };
      enterPhase(context, phases.failed, reason);
    }
    // A torn entry may read differently at a later boot, and would then speak for the failed image.
    // Only now: without its entry the attempt would look like one whose stage was lost.
    if (attempt.slot !== runningSlot) hal.boot.forget(attempt.slot);
  }

  /** The confirmed image, or a stranger's on trial, is lost: what runs instead is kept or not. */
  private keptLost(attempt: Attempt): void {
    const { hal, device, journal, buffer } = this.context;
    const { runningSlot } = device;
    const { confirmed } = journal;
    const vouched = confirmed === null || isVouched(hal, confirmed, runningSlot);
    if (!vouched) return journal.forgetConfirmed();
    adoptRunning(hal, journal, runningSlot, buffer);
    // At once: the entry of the damaged image would vouch for whatever is written there next.
    if (attempt.slot !== runningSlot) repairBootRecord(hal, runningSlot);
  }

  /** Flash that keeps failing must not be worn out: each poll would begin the next attempt. */
  private isExhausted(attempt: Attempt, reason: Reason | ""): boolean {
    if (!isWearing(reason)) return false;
    return this.context.journal.countFailure(attempt.manifestDigest) >= attemptsMax;
  }

  /** The head that may have to be programmed; a repair never writes to a confirmed image. */
  private head(attempt: Attempt): Uint8Array | null {
    if (attempt.repair) return null;
    return this.context.journal.progressOf(attempt.manifestDigest)?.head ?? null;
  }
}

/** True for the reasons of an attempt that had ended well and was opened again. */
function isKept(reason: Reason | ""): boolean {
  return reason === "confirmed" || reason === "already-installed" || reason === "repaired";
}

/** True when the attempt has cost flash wear and the next one may go better. */
function isWearing(reason: Reason | ""): boolean {
  switch (reason) {
    case "image-digest-mismatch":
    case "image-header-mismatch":
    case "flash-failed":
    case "stage-failed":
    case "stage-lost":
    case "journal-failed":
      return true;
    default:
      return false;
  }
}

/** True when the image itself is to blame: the same release would only fail again. */
function isForGood(reason: Reason | ""): boolean {
  switch (reason) {
    case "crashed":
    case "watchdog-reset":
    case "power-unstable":
    case "self-test-failed":
    case "trial-timeout":
    case "server-unreachable":
    case "confirm-failed":
    case "image-unbootable":
    case "revert-impossible":
      return true;
    default:
      return false;
  }
}
