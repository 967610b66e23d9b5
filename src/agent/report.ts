/** Reports to the update server: one small CBOR map, posted. Delivered at least once. */
import { CborWriter } from "../cbor/writer.js";
import type { Hal, HttpHeaders, ResetReason } from "../hal.js";
import type { Reason } from "../reasons.js";
import { retryAfterMs } from "./download.js";
import { Exchange, type ExchangeHandler } from "./exchange.js";
import { defaults } from "./options.js";
import type { HttpTarget } from "./url.js";

/** How an offer or an attempt ended. */
export type Result = "updated" | "failed" | "refused";

/** The fields of a report; the CBOR map has these integer keys in this order. */
export interface Report {
  /** 1: eight random bytes; the same in each delivery of one report. */
  readonly reportId: Uint8Array;
  /** 2 */
  readonly deviceId: string;
  /** 3: which release; all zero when the offer was not authentic. */
  readonly manifestDigest: Uint8Array;
  /** 4 */
  readonly sequenceNumber: number;
  /** 5 */
  readonly result: Result;
  /** 6 */
  readonly reason: Reason;
  /** 7: SHA-256 of the confirmed image. */
  readonly imageDigest: Uint8Array;
  /** 8 */
  readonly resetReason: ResetReason;
  /** 10: bits of `capabilities`. */
  readonly capabilities: number;
  /** 11: why JavaScript aborted during the attempt; "" (then not written) when it did not. */
  readonly abort: string;
  /** 12: 256 * major + minor of the JavaScript engine. */
  readonly engineVersion: number;
  /** 13: least free heap since boot. */
  readonly leastFreeHeapBytes: number;
}

/** Without the text of an abort. */
const reportBytesMax = 256;

/** The CBOR bytes of a report. */
export function encodeReport(report: Report): Uint8Array {
  const { abort } = report;
  const writer = new CborWriter(new Uint8Array(reportBytesMax + abort.length));
  writer.map(abort === "" ? 11 : 12);
  writer.int(1);
  writer.byteString(report.reportId);
  writer.int(2);
  writer.text(report.deviceId);
  writer.int(3);
  writer.byteString(report.manifestDigest);
  writer.int(4);
  writer.int(report.sequenceNumber);
  writer.int(5);
  writer.text(report.result);
  writer.int(6);
  writer.text(report.reason);
  writer.int(7);
  writer.byteString(report.imageDigest);
  writer.int(8);
  writer.text(report.resetReason);
  writer.int(10);
  writer.int(report.capabilities);
  if (abort !== "") {
    writer.int(11);
    writer.text(abort);
  }
  writer.int(12);
  writer.int(report.engineVersion);
  writer.int(13);
  writer.int(report.leastFreeHeapBytes);
  return writer.bytes.subarray(0, writer.length);
}

/**
 * What became of a delivery: taken, no answer, an answer that says try again, or one that says that
 * this server takes no reports at all.
 */
export type Delivery = "delivered" | "unanswered" | "refused" | "unwanted";

export interface DeliveryListener {
  /** Called once. `retryMs` is the pause that the server asked for; 0 when it did not. */
  concluded(delivery: Delivery, retryMs: number): void;
}

export class ReportDelivery implements ExchangeHandler {
  private readonly exchange: Exchange;
  private readonly listener: DeliveryListener;
  private status = 0;
  private retryMs = 0;

  constructor(
    hal: Hal,
    target: HttpTarget,
    report: Report,
    stallTimeoutMs: number,
    listener: DeliveryListener,
  ) {
    this.listener = listener;
    const body = encodeReport(report);
    const headers = new Map([
      ["content-type", "application/cbor"],
      ["content-length", `${body.length}`],
    ]);
    this.exchange = new Exchange(
      hal,
      {
        target,
        method: "POST",
        headers,
        body,
        stallTimeoutMs,
        totalTimeoutMs: defaults.exchangeTimeoutMs,
      },
      this,
    );
  }

  start(): void {
    this.exchange.start();
  }

  close(): void {
    this.exchange.close();
  }

  headersReceived(status: number, headers: HttpHeaders): void {
    this.status = status;
    this.retryMs = retryAfterMs(headers);
  }

  dataReadable(): void {
    // The body of an answer to a report says nothing; the status was all that counts.
    this.exchange.end(false);
  }

  ended(failed: boolean): void {
    this.listener.concluded(failed ? "unanswered" : deliveryOf(this.status), this.retryMs);
  }
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
