/**
 * Why JavaScript aborted: one line in key "abort", written by the host as the machine goes down and
 * taken by the next boot. Nothing decides on it; it is for people.
 */
import type { Hal, KeyValue } from "../hal.js";

const abortKey = "abort";
/** Longest line that is kept. */
export const abortCharsMax = 96;

/** Keeps the first characters of `text`. Throws what key-value storage throws. */
export function recordAbort(keyValue: KeyValue, text: string): void {
  const bytes = new Uint8Array(Math.min(text.length, abortCharsMax));
  for (let i = 0; i < bytes.length; i++) {
    const code = text.charCodeAt(i);
    bytes[i] = code >= 0x20 && code < 0x7f ? code : 0x3f;
  }
  keyValue.write(abortKey, bytes, bytes.length);
}

/** The line of the boot before, which is then forgotten; "" when there is none. */
export function takeAbort(hal: Hal): string {
  const bytes = new Uint8Array(abortCharsMax);
  const length = hal.keyValue.read(abortKey, bytes);
  if (length < 0) return "";
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[i]);
  try {
    hal.keyValue.delete(abortKey);
  } catch {
    hal.log("boot: the record of an abort could not be removed");
  }
  return text;
}
