/**
 * Results to the update server: one final result per attempt, delivered at least once; refusals
 * once per boot. A report is one small CBOR map, posted.
 */
import { hex } from "../bytes.js";
import { CborWriter } from "../cbor/writer.js";
import type { HttpHeaders } from "../hal.js";
import { phases } from "../journal/records.js";
import type { Reason } from "../reasons.js";
import { reportedAbort } from "./abort.js";
import type { AgentContext } from "./context.js";
import { retryAfterMs } from "./download.js";
import { Exchange, type ExchangeHandler } from "./exchange.js";
import { defaults } from "./options.js";
import type { Refusal } from "./poller.js";

/** How an offer or an attempt ended. */
type Result = "updated" | "failed" | "refused";

/** Which release; all zero when the offer was not authentic. */
interface Reported {
  readonly manifestDigest: Uint8Array;
  readonly sequenceNumber: number;
}

/**
 * What became of a delivery: taken, no answer, an answer that says try again, or one that says that
 * this server takes no reports at all.
 */
type Delivery = "delivered" | "unanswered" | "refused" | "unwanted";

/** Without the texts of an abort and of the connection. */
const reportBytesMax = 256;

export class Reporter implements ExchangeHandler {
  private readonly context: AgentContext;
  /** The delivery under way, and what was heard of it. */
  private exchange: Exchange | null = null;
  private status = 0;
  private retryMs = 0;
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
    const attempt = context.journal.underWay;
    const isUpdated = attempt.phase === phases.updated;
    const reason =
      attempt.reason === "" ? (isUpdated ? "confirmed" : "journal-failed") : attempt.reason;
    const abort = reportedAbort(context.hal);
    this.refusal = "";
    this.send(isUpdated ? "updated" : "failed", reason, attempt.reportId, attempt, abort);
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
    // An unanswered report waits for the network; a server that keeps refusing it is given up on.
    if (delivery === "refused") this.tries++;
    // A single 404 may be a proxy's or a portal's.
    if (delivery === "unwanted") this.unwanted++;
    if (delivery === "unanswered") this.silent++;
    else this.silent = this.reached = 0;
    if (delivery !== "delivered") this.context.servers.next(false);
    const isOver =
      delivery === "delivered" ||
      this.unwanted >= defaults.unwantedReportsMax ||
      this.tries >= defaults.reportTriesMax;
    if (isOver) this.tries = this.unwanted = 0;
    this.context.retryAfterMs = this.retryMs;
    if (isOver) return this.context.post("reportDelivered");
    this.context.post(
      this.silent >= defaults.silentReportsMax ? "reportUnanswered" : "reportFailed",
    );
  }

  /** An offer came, though no report is answered: at once once more, for the network is up. */
  checkReport(): void {
    this.reached++;
    if (this.reached < defaults.reachedOffersMax) return this.sendReport();
    this.silent = this.reached = 0;
    this.context.post("reportDelivered");
  }

  /** Tells the server that its offer was refused, without touching flash or journal (P8). */
  tellRefusal(refusal: Refusal | null): void {
    if (refusal === null) return;
    const key = refusal.reason + hex(refusal.manifestDigest);
    if (key === this.toldRefusal) return;
    this.refusal = key;
    this.send("refused", refusal.reason, this.context.journal.newReportId(), refusal, "");
  }

  private send(
    result: Result,
    reason: Reason,
    reportId: Uint8Array,
    of: Reported,
    abort: string,
  ): void {
    const context = this.context;
    const { hal, server } = context;
    const connection = context.servers.untold;
    // First: whatever fails below, what is told of the last one must not count for this one.
    this.exchange?.close();
    this.status = this.retryMs = 0;
    const bytes = new Uint8Array(reportBytesMax + abort.length + connection.length);
    const writer = new CborWriter(bytes);
    writer.map(11 + (abort === "" ? 0 : 1) + (connection === "" ? 0 : 1));
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
    const body = writer.bytes.subarray(0, writer.length);
    const headers = new Map<string, string>();
    headers.set("content-type", "application/cbor");
    headers.set("content-length", `${body.length}`);
    this.exchange = new Exchange(
      hal,
      {
        target: { ...server, path: `${server.path}reports` },
        method: "POST",
        headers,
        body,
        stallTimeoutMs: context.options.stallTimeoutMs ?? defaults.stallTimeoutMs,
        totalTimeoutMs: defaults.exchangeTimeoutMs,
      },
      this,
    );
    this.exchange.start();
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
  // A static file host takes no reports; that must not hold up updates (RFC 9110 15.5.5, .6).
  if (status === 404 || status === 405 || status === 501) return "unwanted";
  return status === 0 ? "unanswered" : "refused";
}
