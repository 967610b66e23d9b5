/** Results to the server: one final result per attempt, at least once; refusals once per boot. */
import { hex } from "../bytes.js";
import { phases } from "../journal/records.js";
import type { Reason } from "../reasons.js";
import { reportedAbort } from "./abort.js";
import { type AgentContext, attemptOf, newReportId } from "./context.js";
import {
  defaults,
  reachedOffersMax,
  reportTriesMax,
  silentReportsMax,
  unwantedReportsMax,
} from "./options.js";
import type { Refusal } from "./poller.js";
import { type Delivery, type DeliveryListener, ReportDelivery, type Result } from "./report.js";

export class Reporter implements DeliveryListener {
  private readonly context: AgentContext;
  private delivery: ReportDelivery | null = null;
  /** Answers that refused the report, and those of a host that takes none. */
  private tries = 0;
  private unwanted = 0;
  /** Reports in a row without any answer, and offers that came all the same. */
  private silent = 0;
  private reached = 0;
  /** The refusal that was told last: a server that goes on offering it is told once. */
  private toldRefusal = "";
  /** The refusal that is being told; "" when it is the result of the attempt. */
  private refusal = "";

  constructor(context: AgentContext) {
    this.context = context;
  }

  /** Sends the result of the journalled attempt. */
  sendReport(): void {
    const context = this.context;
    const attempt = attemptOf(context);
    const isUpdated = attempt.phase === phases.updated;
    const reason =
      attempt.reason === "" ? (isUpdated ? "confirmed" : "journal-failed") : attempt.reason;
    this.refusal = "";
    this.send(
      isUpdated ? "updated" : "failed",
      reason,
      attempt.reportId,
      attempt.manifestDigest,
      attempt.sequenceNumber,
      reportedAbort(context.hal),
    );
  }

  concluded(delivery: Delivery, retryMs: number): void {
    this.delivery = null;
    if (this.refusal === "") this.context.enter(() => this.resultTold(delivery, retryMs));
    else if (delivery === "delivered" || delivery === "unwanted") this.toldRefusal = this.refusal;
  }

  private resultTold(delivery: Delivery, retryMs: number): void {
    // An unanswered report waits for the network; a server that keeps refusing it is given up on.
    if (delivery === "refused") this.tries++;
    // A single 404 may be a proxy's or a portal's.
    if (delivery === "unwanted") this.unwanted++;
    if (delivery === "unanswered") this.silent++;
    else this.silent = this.reached = 0;
    const isOver =
      delivery === "delivered" ||
      this.unwanted >= unwantedReportsMax ||
      this.tries >= reportTriesMax;
    if (isOver) this.tries = this.unwanted = 0;
    this.context.retryAfterMs = retryMs;
    if (isOver) return this.context.post("reportDelivered");
    this.context.post(this.silent >= silentReportsMax ? "reportUnanswered" : "reportFailed");
  }

  /** An offer came, though no report is answered: at once once more, for the network is up. */
  checkReport(): void {
    this.reached++;
    if (this.reached < reachedOffersMax) return this.sendReport();
    this.silent = this.reached = 0;
    this.context.post("reportDelivered");
  }

  /** Tells the server that its offer was refused, without touching flash or journal (P8). */
  tellRefusal(refusal: Refusal | null): void {
    if (refusal === null) return;
    const key = refusal.reason + hex(refusal.manifestDigest);
    if (key === this.toldRefusal) return;
    this.refusal = key;
    this.send(
      "refused",
      refusal.reason,
      newReportId(this.context.hal),
      refusal.manifestDigest,
      refusal.sequenceNumber,
      "",
    );
  }

  private send(
    result: Result,
    reason: Reason,
    reportId: Uint8Array,
    manifestDigest: Uint8Array,
    sequenceNumber: number,
    abort: string,
  ): void {
    const { hal, journal, options, server } = this.context;
    this.delivery?.close();
    this.delivery = new ReportDelivery(
      hal,
      { ...server, path: `${server.path}reports` },
      {
        reportId,
        deviceId: hal.deviceId(),
        manifestDigest,
        sequenceNumber,
        result,
        reason,
        imageDigest: journal.confirmed?.imageDigest ?? new Uint8Array(32),
        resetReason: hal.resetReason(),
        capabilities: this.context.capabilities,
        abort,
        engineVersion: hal.engineVersion(),
        leastFreeHeapBytes: hal.leastFreeHeapBytes(),
      },
      options.stallTimeoutMs ?? defaults.stallTimeoutMs,
      this,
    );
    this.delivery.start();
  }
}
