/** From the first boot of a new image to keeping or rejecting it. */
import { equalBytes } from "../bytes.js";
import { emptyConfirmed, phases } from "../journal/records.js";
import type { Reason } from "../reasons.js";
import type { BootCheck } from "./boot-check.js";
import type { AgentContext } from "./context.js";
import { Installer } from "./installer.js";
import { defaults } from "./options.js";
import { rejectRunning } from "./reject.js";
import type { Trial, TrialListener } from "./trial.js";

export class Verdict implements TrialListener {
  private readonly context: AgentContext;
  private readonly installer: Installer;
  private trial: Trial | null = null;
  /** How far it is: a fault of the host may interrupt it anywhere. */
  private hasBegun = false;
  private hasPassed = false;

  constructor(context: AgentContext) {
    this.context = context;
    this.installer = new Installer(context);
  }

  /** Takes over the trial that the boot-time check armed; null when there is none. */
  takeOver(boot: BootCheck): void {
    this.trial = boot.handOver(this);
  }

  passed(): void {
    this.hasPassed = true;
    // The tries to confirm are counted from here.
    this.context.failures = 0;
    this.context.enter(() => this.context.post("trialPassed"));
  }

  failed(reason: Reason): void {
    this.context.enter(() => this.context.post("trialFailed", reason));
  }

  /**
   * Checks the running bytes once more (SUIT validate), then tests and polls. After a fault of the
   * host it goes on where that was.
   */
  beginTrial(): void {
    const context = this.context;
    const trial = this.trial;
    if (this.hasPassed) return context.post("trialPassed");
    if (this.hasBegun) return context.post("pollDue");
    if (trial === null) throw new Error("the boot-time check found no trial");
    this.installer.verify(context.journal.underWay, null, (identity, wasRead) => {
      context.enter(() => {
        if (!wasRead) throw new Error("the image on trial could not be read");
        if (identity === null) return trial.fail("image-digest-mismatch");
        this.hasBegun = true;
        // It has shown before that its way to the server works; the server may be down today. It
        // is not asked: what comes of that would take the place of another try to confirm.
        const wasReached = context.journal.isConfirmed(context.journal.underWay);
        if (wasReached) trial.serverReached();
        // The poll takes the work buffer over now that the read-back is done with it.
        trial.runTests();
        if (!wasReached) context.post("pollDue");
      });
    });
  }

  /** The server answered with an authentic envelope. */
  checkTrial(): void {
    this.trial?.serverReached();
  }

  journalConfirming(): void {
    // Also what an earlier boot found.
    this.hasPassed = true;
    const journal = this.context.journal;
    // From here on the image is good: what its stage has cost must not count against it.
    if (journal.underWay.phase === phases.confirming) return;
    journal.saveChanged({ phase: phases.confirming, restages: 0 });
  }

  confirm(): void {
    const context = this.context;
    const boot = context.hal.boot;
    try {
      // The platform confirms its active entry, which after a fallback is another slot's
      // (bootloader_utility.c), and one that reads as valid it leaves as it is: torn bits may only
      // read so today. What the bootloader wrote for this trial is firm.
      const runningSlot = context.device.runningSlot;
      const isFirm = boot.slotState(runningSlot) === "pending-verify";
      if (!isFirm || boot.activeSlot() !== runningSlot) boot.stage(runningSlot);
      boot.confirm();
    } catch {
      if (context.failures < defaults.confirmTriesMax) return context.post("confirmDelayed");
      return context.post("confirmFailed", "confirm-failed");
    }
    context.post("confirmDone");
  }

  /** Raises the floor and makes this image the known-good one; only ever after the confirm. */
  journalConfirmed(): void {
    const context = this.context;
    const attempt = context.journal.underWay;
    const old = context.journal.confirmed;
    const isSaved =
      old !== null &&
      context.journal.isConfirmed(attempt) &&
      old.sequenceFloor >= attempt.sequenceNumber &&
      equalBytes(old.identity, attempt.identity);
    if (isSaved) return;
    const confirmed = { ...(old ?? emptyConfirmed()) };
    if (old === null) confirmed.previousSlot = attempt.slot;
    else if (old.slot !== attempt.slot) {
      confirmed.previousSlot = old.slot;
      confirmed.previousSizeBytes = old.imageSizeBytes;
      confirmed.previousIdentity = old.identity;
    }
    confirmed.slot = attempt.slot;
    confirmed.imageSizeBytes = attempt.imageSizeBytes;
    confirmed.sequenceFloor = Math.max(context.journal.sequenceFloor, attempt.sequenceNumber);
    confirmed.manifestDigest = attempt.manifestDigest;
    confirmed.imageDigest = attempt.imageDigest;
    confirmed.identity = attempt.identity;
    context.journal.saveConfirmed(confirmed);
  }

  journalUpdated(): void {
    const context = this.context;
    const attempt = context.journal.underWay;
    if (attempt.phase === phases.updated) return;
    let reason = context.reason;
    // A record that failed at first and is written now is no reason to tell. One that was told
    // before and staged again keeps its reason, for it keeps its report.
    if (reason === "" || reason === "journal-failed") reason = attempt.reason;
    if (reason === "") reason = attempt.repair ? "repaired" : "confirmed";
    context.journal.enterPhase(phases.updated, reason);
  }

  journalRejecting(): void {
    this.context.journal.enterPhase(phases.rejecting, this.context.reason);
  }

  /** Goes back to the other image, in boot after boot if it must be. */
  reject(): void {
    const context = this.context;
    if (rejectRunning(context.hal, context.journal, context.device.runningSlot)) {
      context.post("rejectDone");
    } else context.post("rejectFailed", "revert-impossible");
  }
}
