/** Reports: what a device tells about one attempt, and how the server keeps it. */

import { hex } from "../bytes.js";
import { CborReader } from "../cbor/reader.js";
import { limits } from "../limits.js";
import { isReason, type Reason } from "../reasons.js";

/** Largest report that is read, in bytes. */
export const reportBytesMax = 4096;

export type ReportResult = "updated" | "failed" | "refused";

/** One report, checked. Byte strings are lower-case hexadecimal. */
export interface Report {
  /** 16 digits, chosen by the device; the same report may arrive more than once. */
  readonly reportId: string;
  /** 1 to 64 printable ASCII characters, no space. */
  readonly deviceId: string;
  /** 64 digits: the release. */
  readonly manifestDigest: string;
  readonly sequenceNumber: number;
  readonly result: ReportResult;
  readonly reason: Reason;
  /** 64 digits: the image that ran when the report was written; null when not told. */
  readonly runningDigest: string | null;
  readonly resetReason: string;
  readonly versionText: string | null;
  /** Capability flags of the device; null when not told. */
  readonly capabilities: number | null;
  /** Why JavaScript aborted during the attempt: printable ASCII; null when it did not. */
  readonly abort: string | null;
  /** Version of the device's JavaScript engine, "17.7"; null when not told. */
  readonly engineVersion: string | null;
  /** Least free heap since its boot; null when not told. */
  readonly leastFreeHeapBytes: number | null;
  /** What was last wrong with the device's connection: printable ASCII; null when nothing was. */
  readonly connection: string | null;
  /** Results of earlier updates that the device could not tell before they were replaced. */
  readonly lostResults: number;
}

/** A report as stored. */
export interface StoredReport extends Report {
  readonly vendor: string;
  readonly deviceClass: string;
  /** Milliseconds since 1970 by the server's clock. */
  readonly receivedMs: number;
}

/** Reads a report's CBOR bytes (at most `reportBytesMax`); null when it is not a valid report. */
export type ReportDecoder = (body: Uint8Array) => Report | null;

const deviceIdCharsMax = 64;
const wordCharsMax = 32;
const keyMax = 15;
/** Bits 1 to 6 and 8: the keys that every report has. */
const requiredKeys = 0b1_0111_1110;

/**
 * The decoder of this version. A report is a map in deterministic CBOR with the keys
 *
 *     1 report id, 8 bytes          6 reason, text: a code of src/reasons.ts
 *     2 device id, text, 1..64      7 running image digest, 32 bytes; may be absent
 *     3 manifest digest, 32 bytes   8 reset reason, text, at most 32
 *     4 sequence number, unsigned   9 version, text, at most 32; may be absent
 *     5 result, text                10 capability flags, unsigned; may be absent
 *
 *     11 why JavaScript aborted, text, 1..96; may be absent
 *     12 engine, unsigned: 256 * major + minor; may be absent
 *     13 least free heap since boot, unsigned; may be absent
 *     14 what was last wrong with the connection, text, 1..64; may be absent
 *     15 results that were lost before they could be told, unsigned; absent when there are none
 *
 * and nothing else: other keys, other types and trailing bytes make it null.
 */
export function decodeReport(body: Uint8Array): Report | null {
  if (body.length > reportBytesMax) return null;
  const reader = new CborReader(body, 0, body.length);
  const fields = { bytes: new Map<number, string>(), text: new Map<number, string>() };
  const numbers = new Map<number, number>();
  let seen = 0;
  let previous: number | undefined;
  const entries = reader.map(keyMax);
  for (let i = 0; i < entries && !reader.failed; i++) {
    const key = reader.key(previous);
    previous = key;
    reader.expect(key >= 1 && key <= keyMax);
    if (reader.failed) return null;
    seen |= 1 << key;
    if (key === 1) fields.bytes.set(key, hex(reader.byteStringOf(8)));
    else if (key === 3 || key === 7) fields.bytes.set(key, hex(reader.byteStringOf(32)));
    else if (key === 4 || key === 10 || key === 12 || key === 13 || key === 15)
      numbers.set(key, reader.uint());
    else fields.text.set(key, reader.text(textCharsMax(key)));
  }
  if (!reader.atEnd || (seen & requiredKeys) !== requiredKeys) return null;
  const deviceId = fields.text.get(2) ?? "";
  const result = fields.text.get(5) ?? "";
  const reason = fields.text.get(6) ?? "";
  if (!isDeviceId(deviceId) || !isResult(result) || !isReason(reason)) return null;
  if (fields.text.get(11) === "" || fields.text.get(14) === "") return null;
  return {
    reportId: fields.bytes.get(1) ?? "",
    deviceId,
    manifestDigest: fields.bytes.get(3) ?? "",
    sequenceNumber: numbers.get(4) ?? 0,
    result,
    reason,
    runningDigest: fields.bytes.get(7) ?? null,
    resetReason: fields.text.get(8) ?? "",
    versionText: fields.text.get(9) ?? null,
    capabilities: numbers.get(10) ?? null,
    abort: fields.text.get(11) ?? null,
    engineVersion: engineText(numbers.get(12)),
    leastFreeHeapBytes: numbers.get(13) ?? null,
    connection: fields.text.get(14) ?? null,
    lostResults: numbers.get(15) ?? 0,
  };
}

/** True for 1 to 64 printable ASCII characters without a space: fit for headers and tables. */
export function isDeviceId(text: string): boolean {
  return /^[\x21-\x7e]{1,64}$/.test(text);
}

function isResult(text: string): text is ReportResult {
  return text === "updated" || text === "failed" || text === "refused";
}

/** "17.7" for 256 * 17 + 7; null for 0, which a device sends that does not know. */
function engineText(version: number | undefined): string | null {
  return version ? `${Math.floor(version / 256)}.${version % 256}` : null;
}

function textCharsMax(key: number): number {
  if (key === 11) return limits.abortCharsMax;
  if (key === 2) return deviceIdCharsMax;
  if (key === 14) return limits.connectionCharsMax;
  return key === 9 ? limits.versionTextBytesMax : wordCharsMax;
}

/** Identity of a report for "stored once"; device ids hold no line feed. */
export function reportKey(report: Report): string {
  return `${report.reportId}\n${report.deviceId}`;
}
