/**
 * Ed25519 verification (RFC 8032 5.1.7) in the memory of a microcontroller.
 *
 * @noble/ed25519's own `verify` builds a table of multiples of the base point: over 800 KB, kept
 * for good. `Point.multiply` builds it whenever the point equals the base point, and so do
 * `clearCofactor` and `isSmallOrder`, which call it: a signature whose R is the base point, which
 * anyone can send, would end the machine. Only `add`, `double`, `negate`, `equals`, `is0` and
 * `fromBytes` are used here.
 */

import { Point } from "@noble/ed25519";
import { hex } from "../bytes.js";
import type { DigestFactory } from "./digest.js";

const publicKeyBytes = 32;
const signatureBytes = 64;
/** Bits of a scalar are taken from words of this many bits, because shifting a BigInt allocates. */
const wordBits = 31;
/** 9 * 31 bits hold any scalar below 2^253. */
const wordCount = 9;

/**
 * True when `signature` (64 bytes, R | s) is `publicKey`'s (32 bytes) over `message`. Never throws:
 * anything of the wrong length or kind is false.
 *
 * The check is the cofactorless one, s*B - k*A = R. RFC 8032 allows it and the cofactored one; this
 * one is what OpenSSL does, which signs and checks releases on the desk, so both sides agree on
 * every signature but those refused in addition: a public key that is not canonically encoded, and
 * a public key or an R of small order. With those refused, s < L checked and R canonical, one
 * signature has one encoding and one key only.
 */
export function verifyEd25519(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
  digest: DigestFactory,
): boolean {
  if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
  const order = Point.CURVE().n;
  const s = integerOf(signature.subarray(32));
  // RFC 8032 5.1.7: s outside 0..L-1 is refused; otherwise s + L would be a second signature.
  if (s >= order) return false;
  const a = decodePoint(publicKey);
  const r = decodePoint(signature.subarray(0, 32));
  if (a === null || r === null) return false;

  const hash = digest("SHA512");
  hash.write(signature.subarray(0, 32));
  hash.write(publicKey);
  hash.write(message);
  const k = integerOf(hash.close()) % order;
  return combine(s, k, a.negate()).equals(r);
}

/** The point of a canonical encoding; null when there is none or its order divides 8. */
function decodePoint(encoded: Uint8Array): Point | null {
  let point: Point;
  try {
    // RFC 8032 5.1.3: y < p is checked, and that x = 0 has no sign.
    point = Point.fromBytes(encoded, false);
  } catch {
    return null;
  }
  return point.double().double().double().is0() ? null : point;
}

/** s*B + k*P, both sums in one pass over the bits (Shamir). Public data: not constant time. */
function combine(s: bigint, k: bigint, p: Point): Point {
  const base = Point.BASE;
  const both = base.add(p);
  let sum = Point.ZERO;
  for (let word = wordCount - 1; word >= 0; word--) {
    const sWord = wordOf(s, word);
    const kWord = wordOf(k, word);
    for (let bit = wordBits - 1; bit >= 0; bit--) {
      sum = sum.double();
      const sBit = (sWord >> bit) & 1;
      const kBit = (kWord >> bit) & 1;
      if (sBit === 1) sum = sum.add(kBit === 1 ? both : base);
      else if (kBit === 1) sum = sum.add(p);
    }
  }
  return sum;
}

function wordOf(scalar: bigint, word: number): number {
  return Number((scalar >> BigInt(word * wordBits)) & 0x7fffffffn);
}

/** Little-endian integer of any length. */
function integerOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes.slice().reverse())}`);
}
