/**
 * Versions as draft-ietf-suit-update-management-11 (suit-parameter-version) encodes them: one to
 * three numbers, then for a pre-release -1 (rc), -2 (beta) or -3 (alpha) and at most one number.
 * [1, 4, 0] is "1.4.0", [1, 4, 0, -1, 2] is "1.4.0-rc.2". For people; never compared.
 */

import type { CborReader } from "../cbor/reader.js";
import { suitLimits } from "../limits.js";
import { label } from "./labels.js";

/** Three numbers, an indicator and its number. */
const numbersMax = 5;

/** Reads a byte string that holds a version; returns its text. */
export function readVersion(reader: CborReader): string {
  const outerEnd = reader.enter();
  const count = reader.array(numbersMax);
  reader.expect(count > 0);
  let text = "";
  // Numbers that may still come before an indicator, then after it.
  let room = 3;
  let released = true;
  for (let i = 0; i < count && !reader.failed; i++) {
    const value = reader.int();
    if (value < 0) {
      const word = preReleaseWord(value);
      // The indicator MUST NOT be element 0.
      reader.expect(i > 0 && released && word !== "");
      text += word;
      released = false;
      room = 1;
    } else {
      reader.expect(room > 0);
      room--;
      text += i === 0 ? String(value) : `.${value}`;
    }
  }
  reader.expect(text.length <= suitLimits.versionTextBytesMax);
  reader.leave(outerEnd);
  return text;
}

function preReleaseWord(indicator: number): string {
  if (indicator === label.preReleaseCandidate) return "-rc";
  if (indicator === label.preReleaseBeta) return "-beta";
  return indicator === label.preReleaseAlpha ? "-alpha" : "";
}
