/** Whether two arrays hold the same, by words where they can: images are compared often. */
import { equalBytes } from "../../src/bytes.js";

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (((a.byteOffset | b.byteOffset | a.length) & 3) !== 0) return equalBytes(a, b);
  if (a.length !== b.length) return false;
  const one = new Int32Array(a.buffer, a.byteOffset, a.length / 4);
  const other = new Int32Array(b.buffer, b.byteOffset, b.length / 4);
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}
