/**
 * Why JavaScript aborted: one line in key "abort", written by the host as the machine goes down.
 * The next boot tells it to the application, and the report of the attempt to the server; it is
 * kept until then. Nothing decides on it; it is for people.
 */
import type { Hal, KeyValue } from "../hal.js";
import { limits } from "../limits.js";
import { tryLog } from "./host.js";

export const abortKey = "abort";
/** In the first byte: the application was told. Free, for the line is ASCII. */
const toldBit = 0x80;

/** Keeps the first characters of `text`. Throws what key-value storage throws. */
export function recordAbort(keyValue: KeyValue, text: string): void {
  const bytes = new Uint8Array(Math.min(text.length, limits.abortCharsMax));
  for (let i = 0; i < bytes.length; i++) {
    const code = text.charCodeAt(i);
    bytes[i] = code >= 0x20 && code < 0x7f ? code : 0x3f;
  }
  keyValue.write(abortKey, bytes, bytes.length);
}

/**
 * The line of the boot before; "" when there is none or it was told before. It is logged, then
 * forgotten, or kept for `reportedAbort`. What cannot be read or written now is told by the next
 * boot: perhaps twice, never not at all.
 */
export function takeAbort(hal: Hal, keeps: boolean): string {
  const bytes = new Uint8Array(limits.abortCharsMax);
  let text = "";
  try {
    const length = hal.keyValue.read(abortKey, bytes);
    if (length < 0) return "";
    const isTold = (bytes[0] & toldBit) !== 0;
    if (!isTold) {
      text = lineOf(bytes, length);
      tryLog(hal, `boot: the boot before ended with an abort: ${text}`);
    }
    if (!keeps) forgetAbort(hal);
    else if (!isTold) {
      bytes[0] |= toldBit;
      hal.keyValue.write(abortKey, bytes, length);
    }
  } catch {
    tryLog(hal, "boot: an abort will be told again");
  }
  return text;
}

/** The line for the report of an attempt; "" when there is none. */
export function reportedAbort(hal: Hal): string {
  const bytes = new Uint8Array(limits.abortCharsMax);
  return lineOf(bytes, hal.keyValue.read(abortKey, bytes));
}

/** Forgets the line, if there is one: its report was delivered, or none will be made. */
export function forgetAbort(hal: Hal): void {
  try {
    if (hal.keyValue.read(abortKey, new Uint8Array(limits.abortCharsMax)) >= 0) {
      hal.keyValue.delete(abortKey);
    }
  } catch {
    tryLog(hal, "the record of an abort could not be removed");
  }
}

function lineOf(bytes: Uint8Array, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[i] & ~toldBit);
  return text;
}
