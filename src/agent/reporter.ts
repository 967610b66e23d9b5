/**
 * Results to the update server: one final result per attempt, delivered at least once; refusals
 * once per boot. A report is one small CBOR map, posted. What cannot be told soon is kept, and
 * tried again behind the polls: nothing waits for it.
 */
import { hex } from "../bytes.js";
import { CborWriter } from "../cbor/writer.js";
import type { HttpHeaders } from "../hal.js";
import { type Result as KeptResult, phases } from "../journal/records.js";
import type { Reason } from "../reasons.js";
import { forgetAbort, reportedAbort } from "./abort.js";
import type { AgentContext } from "./context.js";
import { retryAfterMs } from "./download.js";
import { type Exchange, type ExchangeHandler, exchangeWith } from "./exchange.js";
import { defaults } from "./options.js";
import type { Refusal } from "./poller.js";

/** How an offer or an attempt ended. */
type Result = "updated" | "failed" | "refused";

/** Which release; all zero when the offer was not authentic. */
interface Reported {
  readonly manifestDigest: Uint8Array;
  readonly sequenceNumber: number;
}

/** What became of a delivery: taken, not this time, or the server does not take it at all. */
type Delivery = "delivered" | "unanswered" | "unwanted";

/** Without the texts of an abort and of the connection. */
const reportBytesMax = 256;

export class Reporter implements ExchangeHandler {
  private readonly context: AgentContext;
  /** The delivery under way, and what was heard of it. */
  private exchange: Exchange | null = null;
  private status = 0;
  private retryMs = 0;
  /** Tries in a row that did not deliver a result. */
  private tries = 0;
  /** The result that waits to be told: read once in a boot, undefined before. */
  private kept: KeptResult | null | undefined = undefined;
  /** When it may be tried again; it is what is being sent while `isKept`. */
  private dueMs = 0;
  private isKept = false;
  /** The refusal that was told last: a server that goes on offering it is told once. */
  private toldRefusal = "";
  /** When the next one may be told: a forger has another one at each poll. */
  private refusalDueMs = 0;
  /** The refusal that is being told; "" when it is the result of the attempt. */
  private refusal = "";

  constructor(context: AgentContext) {
    this.context = context;
  }

  /** Sends the result of the journalled attempt. */
  sendReport(): void {
    const context = this.context;
    const attempt = context.journal.underWay;
    const isUpdated = attempt.phase === phases.updated;
    const reason = attempt.reason || (isUpdated ? "confirmed" : "journal-failed");
    this.refusal = "";
    this.isKept = false;
    // The line of an abort belongs to the older result, as long as there is one.
    const abort = this.waiting === null ? reportedAbort(context.hal) : "";
    this.send(isUpdated ? "updated" : "failed", reason, attempt.reportId, attempt, abort, 0);
  }

  /** The result that waits to be told; null when there is none. */
  private get waiting(): KeptResult | null {
    if (this.kept === undefined) this.kept = this.context.journal.read("result");
    return this.kept;
  }

  /** Keeps the result of the attempt: it is told later, and the next update may begin. */
  journalResult(): void {
    this.kept = this.context.journal.keepResult(this.waiting);
    // Behind the next poll, unless the server wants a pause.
    this.tries = 0;
    this.pause();
    this.context.post("resultKept");
  }

  /** Sends the result that waits, if it is due. */
  sendResult(): boolean {
    const { hal } = this.context;
    const result = this.waiting;
    if (result === null || hal.timers.nowMs() < this.dueMs) return false;
    const name = result.phase === phases.updated ? "updated" : "failed";
    this.refusal = "";
    this.isKept = true;
    this.send(
      name,
      result.reason || "journal-failed",
      result.reportId,
      result,
      reportedAbort(hal),
      result.lost,
    );
    return true;
  }

  headersReceived(status: number, headers: HttpHeaders): void {
    this.status = status;
    this.retryMs = retryAfterMs(headers);
    // Its body says nothing, and may have no length, or no end.
    this.exchange?.end(false, `status ${status}`);
  }

  dataReadable(): void {
    // The exchange was over when the status came.
  }

  ended(failed: boolean, error: string): void {
    const delivery = failed ? "unanswered" : deliveryOf(this.status);
    const { servers } = this.context;
    const isOver = delivery === "delivered" || delivery === "unwanted";
    servers.heard(isOver ? "" : error);
    // Also when it was refused as malformed: an older server does not know the field.
    if (delivery === "delivered" || this.status === 400) servers.untold = "";
    this.exchange = null;
    if (this.refusal === "") this.context.enter(() => this.resultTold(delivery));
    else if (isOver) this.toldRefusal = this.refusal;
  }

  private resultTold(delivery: Delivery): void {
    const context = this.context;
    const isDelivered = delivery === "delivered";
    this.tries = isDelivered ? 0 : this.tries + 1;
    if (!isDelivered) context.servers.next(false);
    if (this.isKept) return this.keptTold(delivery);
    if (isDelivered) {
      if (this.waiting === null) forgetAbort(context.hal);
      return context.post("reportDelivered");
    }
    // A pause that the server asks for is the kept result's: the next update must not wait.
    const isLast = this.tries >= defaults.reportTriesMax || this.retryMs > 0;
    context.post(isLast ? "reportUndelivered" : "reportFailed");
  }

  /** A server that takes no reports is asked a few times, for a portal may answer so once. */
  private keptTold(delivery: Delivery): void {
    const hal = this.context.hal;
    const kept = this.waiting;
    if (kept === null) return;
    if (delivery === "unwanted") kept.tries++;
    if (delivery !== "delivered" && kept.tries < defaults.unwantedReportsMax) {
      this.pause();
      if (delivery === "unwanted") this.context.journal.write("result", kept);
      return;
    }
    hal.keyValue.delete("result");
    this.kept = null;
    this.dueMs = 0;
    forgetAbort(hal);
  }

  /** Longer after each try in a row, as long as the server asks for, and never over an hour. */
  private pause(): void {
    const pauseMs = Math.max(this.retryMs, defaults.resultPauseMs * this.tries ** 2);
    this.dueMs = this.context.hal.timers.nowMs() + Math.min(pauseMs, defaults.resultPauseCapMs);
  }

  /**
   * Tells the server that its offer was refused, without touching flash or journal (P8). A result
   * that waits comes first: the refusal will be told at a later poll.
   */
  tellRefusal(refusal: Refusal | null): void {
    if (refusal === null || this.sendResult()) return;
    const key = refusal.reason + hex(refusal.manifestDigest);
    const nowMs = this.context.hal.timers.nowMs();
    if (key === this.toldRefusal || nowMs < this.refusalDueMs) return;
    this.refusalDueMs = nowMs + defaults.refusalPauseMs;
    this.refusal = key;
    this.send("refused", refusal.reason, this.context.journal.newReportId(), refusal, "", 0);
  }

  private send(
    result: Result,
    reason: Reason,
    reportId: Uint8Array,
    of: Reported,
    abort: string,
    lost: number,
  ): void {
    const context = this.context;
    const hal = context.hal;
    const connection = context.servers.untold;
    // First: whatever fails below, what is told of the last one must not count for this one.
    this.exchange?.close();
    this.status = this.retryMs = 0;
    const lengthMax = reportBytesMax + abort.length + connection.length;
    const writer = new CborWriter(new Uint8Array(lengthMax));
    let count = 11;
    if (abort !== "") count++;
    if (connection !== "") count++;
    if (lost > 0) count++;
    writer.map(count);
    // The same in each delivery of one report.
    writeField(writer, 1, reportId);
    writeField(writer, 2, hal.deviceId());
    writeField(writer, 3, of.manifestDigest);
    writeField(writer, 4, of.sequenceNumber);
    writeField(writer, 5, result);
    writeField(writer, 6, reason);
    // SHA-256 of the confirmed image.
    writeField(writer, 7, context.journal.confirmed?.imageDigest ?? new Uint8Array(32));
    writeField(writer, 8, hal.resetReason());
    writeField(writer, 10, context.capabilities);
    // Why JavaScript aborted during the attempt, if it did.
    if (abort !== "") writeField(writer, 11, abort);
    writeField(writer, 12, hal.engineVersion());
    writeField(writer, 13, hal.leastFreeHeapBytes());
    // What was last wrong with the connection, unless a report told it.
    if (connection !== "") writeField(writer, 14, connection);
    // Results that were never told.
    if (lost > 0) writeField(writer, 15, lost);
    const body = writer.bytes.subarray(0, writer.length);
    const headers = new Map<string, string>();
    headers.set("content-type", "application/cbor");
    headers.set("content-length", `${body.length}`);
    this.exchange = exchangeWith(context, this, "reports", headers, body);
  }
}

/** One field of a report: its key, and its value. */
function writeField(writer: CborWriter, key: number, value: number | string | Uint8Array): void {
  writer.int(key);
  if (typeof value === "number") writer.int(value);
  else if (typeof value === "string") writer.text(value);
  else writer.byteString(value);
}

/**
 * A report is taken by 201, 202 or 204. Not by 200: that is how a captive portal or a proxy answers
 * anything, and a result that it swallowed would never be told.
 */
function deliveryOf(status: number): Delivery {
  if (status === 201 || status === 202 || status === 204) return "delivered";
  // A static file host takes no reports (RFC 9110 15.5.5, .6), and says so in one way or another;
  // 408 and 429 say "later".
  const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return isFinal || status === 501 ? "unwanted" : "unanswered";
}
