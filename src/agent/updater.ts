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
import { unitOf } from "./ledger.js";
import { defaults } from "./options.js";
import { hostOf, resolveUri } from "./url.js";

export class Updater implements DownloadListener {
  private readonly context: AgentContext;
  private readonly installer: Installer;
  /** True once the server has refused to send a part: from then on it is asked for the whole. */
  private whole = false;
  /** The platform has refused to stage, once. */
  private hasFailed = false;
  /** What this boot erases of the slot is paid for. */
  private isPaid = false;

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
    const attempt = journal.newAttempt(release, context.device.targetSlot, release.sequenceNumber);
    // What the supply has done to its trials before counts: only the first few follow at once.
    attempt.powerTrials = context.ledger.cutsOf(release.manifestDigest);
    this.isPaid = false;
    journal.saveAttempt(attempt);
  }

  /** Begins an attempt that puts the confirmed image back. */
  journalRepair(): void {
    const confirmed = this.context.journal.confirmed;
    if (confirmed === null) throw new Error("no confirmed image to repair");
    this.beginRepair(confirmed, confirmed.sequenceFloor);
  }

  /** Begins an attempt for an unknown image that the bootloader runs on trial. */
  journalStranger(): void {
    this.beginRepair(measureRunning(this.context), this.context.journal.sequenceFloor);
  }

  private beginRepair(image: Confirmed, sequenceNumber: number): void {
    const journal = this.context.journal;
    const attempt = journal.newAttempt(image, image.slot, sequenceNumber);
    attempt.phase = phases.staging;
    attempt.repair = true;
    attempt.identity = image.identity;
    journal.saveAttempt(attempt);
  }

  /** Fetches what is still missing of the payload. */
  download(): void {
    const context = this.context;
    const release = releaseOf(context);
    const progress = context.journal.progressOf(release.manifestDigest);
    if (progress !== null && progress.writtenBytes === release.imageSizeBytes) {
      return context.post("imageWritten");
    }
    const target = resolveUri(context.server, release.uri);
    if (target === null) throw new Error("the payload URI was checked before");
    const headers = new Map<string, string>();
    // Only the update server is told who asks.
    if (hostOf(target) === hostOf(context.server)) {
      headers.set("daruma-device", context.hal.deviceId());
    }
    const stallMs = context.options.stallTimeoutMs ?? defaults.stallTimeoutMs;
    const download = new Download(context, release, context.journal.underWay.slot, progress, this);
    download.start(target, headers, stallMs, this.whole);
  }

  /** Before the first erase of this boot, and before the first one of a download from the start. */
  erasing(offsetBytes: number): boolean {
    this.isPaid ||= this.context.ledger.payForErase(this.context.journal.underWay, offsetBytes);
    return this.isPaid;
  }

  /** Before bytes are fetched a second time that lie in flash already. */
  skipping(skippedBytes: number): boolean {
    return this.context.ledger.payForAir(this.context.journal.underWay, skippedBytes);
  }

  progressed(reached: Progress): void {
    const context = this.context;
    const journal = context.journal;
    const attempt = journal.underWay;
    const before = journal.progressOf(attempt.manifestDigest)?.writtenBytes ?? 0;
    journal.saveProgress(reached);
    // A few blocks before each break are too little to begin to count anew.
    const isWhole = reached.writtenBytes === attempt.imageSizeBytes;
    if (!isWhole && unitOf(reached.writtenBytes) === unitOf(before)) return;
    context.failures = 0;
    context.servers.heard("");
    // Tries count without progress only; written with the next record.
    if (attempt.tries > 0) journal.attempt = { ...attempt, tries: 0 };
    context.tell("download", reached.writtenBytes, attempt.imageSizeBytes);
  }

  ended(end: DownloadEnd, reason: Reason | "", retryMs: number, error: string): void {
    const context = this.context;
    const { servers, failures } = context;
    context.retryAfterMs = retryMs;
    if (error !== "" && end !== "damaged" && reason !== "journal-failed") {
      servers.heard(error);
      // A connection may break; one that breaks again without progress is left for the next server,
      // and so is one that wants a pause: that one need not wait for it.
      const isLeft = (failures > 0 || retryMs > 0) && servers.next(false);
      if (isLeft) context.retryAfterMs = Math.min(retryMs, defaults.retryCapMs);
    }
    context.enter(() => this.concluded(end, reason));
  }

  private concluded(end: DownloadEnd, reason: Reason | ""): void {
    const context = this.context;
    const journal = context.journal;
    if (end === "written") return context.post("imageWritten");
    if (end === "damaged") return this.damaged(reason || "flash-failed");
    this.whole = end === "range-refused";
    if (reason === "journal-failed") {
      // What no record tells of is erased again: that costs a pass, or it would go on and on.
      this.isPaid = false;
      context.ledger.damaged(journal.underWay);
    }
    const tries = journal.underWay.tries + 1;
    if (tries >= defaults.triesMax) {
      return context.post("downloadFailed", reason || "download-failed");
    }
    const tried = { ...journal.underWay, tries };
    // Each fourth time is enough for what a loss of supply must not forget.
    if (tries % 4 === 0) journal.saveAttempt(tried);
    else journal.attempt = tried;
    context.post("downloadInterrupted");
  }

  /** Reads the written image back and compares its digest with the signed one. */
  verifyImage(): void {
    const context = this.context;
    const attempt = context.journal.underWay;
    this.readBack(attempt, (identity) => {
      context.journal.attempt = { ...attempt, identity };
      context.post("imageVerified");
    });
  }

  /** Reads the slot back; `then` gets the identity of an image that is the signed one. */
  private readBack(attempt: Attempt, then: (identity: Uint8Array) => void): void {
    this.installer.verify(attempt, this.head(attempt), (identity, wasRead) => {
      this.context.enter(() => {
        if (identity === null) this.notVerified(wasRead);
        else then(identity);
      });
    });
  }

  /** Bytes that could not be read back may be whole: they stay, and only the attempt ends. */
  private notVerified(wasRead: boolean): void {
    if (wasRead) return this.damaged("image-digest-mismatch");
    const isRepair = this.context.journal.underWay.repair;
    this.context.post(isRepair ? "stageFailed" : "downloadFailed", "flash-failed");
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
    this.isPaid = false;
    const isLast =
      attempt.damages + 1 >= defaults.damagesMax || !context.ledger.hasPass(attempt.sequenceNumber);
    context.post(isLast ? "downloadFailed" : "imageDamaged", reason);
  }

  journalDamage(): void {
    const journal = this.context.journal;
    const attempt = journal.underWay;
    this.context.ledger.damaged(attempt);
    journal.saveChanged({ phase: phases.writing, damages: attempt.damages + 1, tries: 0 });
  }

  /** The intent to stage, with what reconciliation counted. Always written: counters may differ. */
  journalStaging(): void {
    const journal = this.context.journal;
    const attempt = journal.underWay;
    // An image that lay in its slot already was not downloaded: its trial costs all the same.
    if (attempt.phase === phases.writing && !this.context.ledger.payForTrial(attempt, false)) {
      throw new Error("no pass is left");
    }
    journal.saveChanged({ phase: phases.staging, unguarded: false });
  }

  /** Stages the attempt's slot, but never bytes that this boot has not read back. */
  stage(): void {
    const attempt = this.context.journal.underWay;
    if (!this.installer.isVerified(attempt)) return this.readBack(attempt, () => this.stage());
    try {
      this.installer.stage(attempt, this.head(attempt));
    } catch {
      return this.notStaged();
    }
    this.hasFailed = false;
    this.context.post("stageDone");
  }

  /** Perhaps the bytes have changed since they were read back: they are read once more. */
  private notStaged(): void {
    this.hasFailed = !this.hasFailed;
    this.installer.forget();
    if (this.hasFailed) this.stage();
    else this.context.post("stageFailed", "stage-failed");
  }

  /**
   * The final record of a failed attempt. A release that failed by its own fault is remembered as
   * bad; all else only decides when it is tried again (P11).
   */
  journalFailure(): void {
    const context = this.context;
    const journal = context.journal;
    const attempt = journal.underWay;
    if (attempt.phase !== phases.failed) {
      const reason = context.reason || attempt.reason;
      // Each may be known without the other: a cut falls between their records.
      const wasKept = isKept(attempt.reason) || journal.isConfirmed(attempt);
      if (attempt.repair || wasKept) this.keptLost(attempt);
      // Where there was no way back, the cause is what had to be taken back.
      const cause = reason === "revert-impossible" ? attempt.reason : reason;
      if (isOwnFault(cause) && !attempt.repair) {
        journal.rememberBad(attempt.manifestDigest, attempt.sequenceNumber);
      } else if (!attempt.repair) context.ledger.failed(attempt, cause);
      // It may have been told as updated, and was lost afterwards: that is a result of its own.
      if (wasKept) journal.attempt = { ...attempt, reportId: journal.newReportId() };
      journal.enterPhase(phases.failed, reason);
    }
    // A torn entry may read differently at a later boot, and would then speak for the failed image.
    // Only now: without its entry the attempt would look like one whose stage was lost.
    if (attempt.slot !== context.device.runningSlot) context.hal.boot.forget(attempt.slot);
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

/** True when the image itself is to blame: the same release would only fail again. */
function isOwnFault(reason: Reason | ""): boolean {
  return (
    reason === "crashed" ||
    reason === "watchdog-reset" ||
    reason === "self-test-failed" ||
    reason === "image-unbootable"
  );
}
