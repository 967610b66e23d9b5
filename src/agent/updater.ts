/** An attempt from the accepted offer to the staged slot: journal, download, read-back, stage. */
import { equalBytes } from "../bytes.js";
import { type Attempt, type Confirmed, type Progress, phases } from "../journal/records.js";
import type { Reason } from "../reasons.js";
import type { Release } from "../suit/manifest.js";
import type { AgentContext } from "./context.js";
import { adoptRunning, measureRunning, repairBootRecord } from "./device.js";
import { Download, type DownloadEnd, type DownloadListener } from "./download.js";
import { isVouched } from "./facts.js";
import { Installer } from "./installer.js";
import { defaults } from "./options.js";
import { hostOf, resolveUri } from "./url.js";

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
    const context = this.context;
    const journal = context.journal;
    const release = releaseOf(context);
    // Another release was begun after it: the slot may hold that one's blocks.
    const last = journal.lastAttempt();
    const isLast = last !== null && equalBytes(last.manifestDigest, release.manifestDigest);
    if (!isLast && journal.progressOf(release.manifestDigest) !== null) journal.clearProgress();
    const slot = context.device.targetSlot;
    journal.saveAttempt(journal.newAttempt(release, slot, release.sequenceNumber));
  }

  /** Begins an attempt that puts the confirmed image back. */
  journalRepair(): void {
    const confirmed = this.context.journal.confirmed;
    if (confirmed === null) throw new Error("no confirmed image to repair");
    this.beginRepair(confirmed, confirmed.sequenceFloor);
  }

  /** Begins an attempt for an unknown image that the bootloader runs on trial. */
  journalStranger(): void {
    const context = this.context;
    this.beginRepair(measureRunning(context), context.journal.sequenceFloor);
  }

  private beginRepair(image: Confirmed, sequenceNumber: number): void {
    const context = this.context;
    const attempt = context.journal.newAttempt(image, image.slot, sequenceNumber);
    attempt.phase = phases.staging;
    attempt.repair = true;
    attempt.identity = image.identity;
    context.journal.saveAttempt(attempt);
  }

  /** Fetches what is still missing of the payload. */
  download(): void {
    const context = this.context;
    const hal = context.hal;
    const release = releaseOf(context);
    const progress = context.journal.progressOf(release.manifestDigest);
    if (progress !== null && progress.writtenBytes === release.imageSizeBytes) {
      return context.post("imageWritten");
    }
    const target = resolveUri(context.server, release.uri);
    if (target === null) throw new Error("the payload URI was checked before");
    const download = new Download(
      hal,
      release,
      context.journal.underWay.slot,
      context.device.chipId,
      progress,
      context.buffer,
      this,
    );
    const headers = new Map<string, string>();
    // Only the update server is told who asks.
    if (hostOf(target) === hostOf(context.server)) headers.set("daruma-device", hal.deviceId());
    const stallMs = context.options.stallTimeoutMs ?? defaults.stallTimeoutMs;
    download.start(target, headers, stallMs, this.whole);
  }

  progressed(reached: Progress): void {
    const context = this.context;
    const journal = context.journal;
    journal.saveProgress(reached);
    context.failures = 0;
    context.servers.heard("");
    const attempt = journal.underWay;
    // Tries count without progress only; written with the next record.
    if (attempt.tries > 0) journal.attempt = { ...attempt, tries: 0 };
    context.tell("download", reached.writtenBytes, attempt.imageSizeBytes);
  }

  ended(end: DownloadEnd, reason: Reason | "", retryMs: number, error: string): void {
    const { servers } = this.context;
    this.context.retryAfterMs = retryMs;
    if (error !== "" && end !== "damaged" && reason !== "journal-failed") {
      servers.heard(error);
      // A connection may break; one that breaks again without progress is left for the next server.
      if (this.context.failures > 0) servers.next(false);
    }
    this.context.enter(() => this.concluded(end, reason));
  }

  private concluded(end: DownloadEnd, reason: Reason | ""): void {
    const context = this.context;
    if (end === "written") return context.post("imageWritten");
    if (end === "damaged") return this.damaged(reason === "" ? "flash-failed" : reason);
    this.whole = end === "range-refused";
    const attempt = context.journal.underWay;
    if (attempt.tries + 1 >= defaults.triesMax) {
      return context.post("downloadFailed", reason === "" ? "download-failed" : reason);
    }
    context.journal.saveAttempt({ ...attempt, tries: attempt.tries + 1 });
    context.post("downloadInterrupted");
  }

  /** Reads the written image back and compares its digest with the signed one. */
  verifyImage(): void {
    const context = this.context;
    const attempt = context.journal.underWay;
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
    const attempt = context.journal.underWay;
    // The confirmed image itself is damaged: nothing to fetch it from, the running one is kept.
    if (attempt.repair) return context.post("stageFailed", reason);
    context.journal.clearProgress();
    // The bytes of another server may be better.
    if (reason !== "flash-failed") context.servers.next(false);
    const isLast = attempt.damages + 1 >= defaults.damagesMax;
    context.post(isLast ? "downloadFailed" : "imageDamaged", reason);
  }

  journalDamage(): void {
    const attempt = this.context.journal.underWay;
    const damages = attempt.damages + 1;
    this.context.journal.saveAttempt({ ...attempt, phase: phases.writing, damages, tries: 0 });
  }

  /** The intent to stage, with what reconciliation counted. Always written: counters may differ. */
  journalStaging(): void {
    const attempt = this.context.journal.underWay;
    this.context.journal.saveAttempt({ ...attempt, phase: phases.staging, unguarded: false });
  }

  /** Stages the attempt's slot, but never bytes that this boot has not read back. */
  stage(): void {
    const context = this.context;
    const attempt = context.journal.underWay;
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
    const { hal, journal } = context;
    const attempt = journal.underWay;
    if (attempt.phase !== phases.failed) {
      const reason = context.reason === "" ? attempt.reason : context.reason;
      // Each may be known without the other: a cut falls between their records.
      const wasKept = isKept(attempt.reason) || journal.isConfirmed(attempt);
      if (attempt.repair || wasKept) this.keptLost(attempt);
      if (!attempt.repair && (isForGood(reason) || this.isExhausted(attempt, reason))) {
        journal.rememberBad(attempt.manifestDigest, attempt.sequenceNumber);
      }
      // It may have been told as updated, and was lost afterwards: that is a result of its own.
      if (wasKept) journal.attempt = { ...attempt, reportId: journal.newReportId() };
      journal.enterPhase(phases.failed, reason);
    }
    // A torn entry may read differently at a later boot, and would then speak for the failed image.
    // Only now: without its entry the attempt would look like one whose stage was lost.
    if (attempt.slot !== context.device.runningSlot) hal.boot.forget(attempt.slot);
  }

  /** The confirmed image, or a stranger's on trial, is lost: what runs instead is kept or not. */
  private keptLost(attempt: Attempt): void {
    const context = this.context;
    const hal = context.hal;
    const runningSlot = context.device.runningSlot;
    const confirmed = context.journal.confirmed;
    const vouched = confirmed === null || isVouched(hal, confirmed, runningSlot);
    if (!vouched) return context.journal.forgetConfirmed();
    adoptRunning(context);
    // At once: the entry of the damaged image would vouch for whatever is written there next.
    if (attempt.slot !== runningSlot) repairBootRecord(hal, runningSlot);
  }

  /** Flash that keeps failing must not be worn out: each poll would begin the next attempt. */
  private isExhausted(attempt: Attempt, reason: Reason | ""): boolean {
    if (!isWearing(reason)) return false;
    return this.context.journal.countFailure(attempt.manifestDigest) >= defaults.attemptsMax;
  }

  /** The head that may have to be programmed; a repair never writes to a confirmed image. */
  private head(attempt: Attempt): Uint8Array | null {
    if (attempt.repair) return null;
    return this.context.journal.progressOf(attempt.manifestDigest)?.head ?? null;
  }
}

/** The accepted release. Throws when there is none: a fault of the agent. */
function releaseOf(context: AgentContext): Release {
  if (context.release === null) throw new Error("no release was accepted");
  return context.release;
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
