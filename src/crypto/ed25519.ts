/**
 * Ed25519 verification (RFC 8032 5.1.7) in the memory of a microcontroller.
 *
 * @noble/ed25519 has the curve and decodes points. Its own `verify` builds a table of multiples of
 * the base point: over 800 KB, kept for good. `Point.multiply` builds it whenever the point equals
 * the base point, and so do `clearCofactor` and `isSmallOrder`, which call it: a signature whose R
 * is the base point, which anyone can send, would end the machine. Only `fromBytes`, `double`,
 * `negate` and `is0` are used here. Sums are made here: the library's `add` and `double` leave
 * twice the garbage, and in a machine of few kilobytes it is collected hundreds of times.
 */

import { Point } from "@noble/ed25519";
import { hex } from "../bytes.js";
import type { DigestFactory } from "./digest.js";

const publicKeyBytes = 32;
const signatureBytes = 64;
/** Digits of a scalar below 2^253: its bits, and the carry of the last one. */
const digitCount = 254;
/** Of the same scalar, with a byte to spare. */
const hexDigits = 66;
/** Digits are odd, or 0, and between -2^width and 2^width. The base point's table is in flash. */
const baseWidth = 4;
const keyWidth = 3;
/** The caller is told that often, in digits, that the work goes on. */
const aliveDigits = 32;
/** See `makeRoom`. */
const roomBytes = 8192;

const { p: prime, n: order, d } = Point.CURVE();
const twiceD = 2n * d;
/** 2^256 is 38 more than a multiple of the prime. A literal would be made anew at each use. */
const foldBits = 256n;
const foldFactor = 38n;
const lowBits = (1n << foldBits) - 1n;
/** Multiples of the prime, larger than what is subtracted: no sum below becomes negative. */
const coordinateBias = prime << 2n;
const foldedBias = prime << 12n;
const productBias = prime << 262n;

/** A point to be added: y + x, y - x, 2dxy, each times z; and 2z. */
type Addend = readonly [bigint, bigint, bigint, bigint];

/**
 * The same modulo the prime. Of a product with its bias, below 2^519, less than 2^269 is left; of a
 * product of two such, below 2^552, less than 2^302, and once more less than 2^257.
 */
function fold(value: bigint): bigint {
  return (value & lowBits) + (value >> foldBits) * foldFactor;
}

/**
 * A point in extended coordinates, changed in place: x, y and z, and t, which is xy / z. All are
 * below 2^257 and none is negative: XS is slow at bits of negative numbers, and rounds them wrongly.
 * The formulas are those of Hisil, Wong, Carter and Dawson 2008, which hold for all points.
 */
class Sum {
  private x: bigint;
  private y: bigint;
  private z: bigint;
  private t: bigint;

  constructor(point: Point) {
    this.x = point.X;
    this.y = point.Y;
    this.z = point.Z;
    this.t = point.T;
  }

  /** Their section 3.3. Only an addition that follows needs t. */
  double(withT: boolean): void {
    const { x, y, z } = this;
    const xx = x * x;
    const yy = y * y;
    // Theirs are -f and -h: then all coordinates are negated, which is the same point.
    const g = yy - xx + productBias;
    const f = (z + z) * z - g + productBias + productBias;
    this.finish(fold((x + x) * y), fold(f), fold(g), fold(xx + yy), withT);
  }

  /** Their section 3.1. The negative of a point has x and t negated. */
  add(addend: Addend, isNegative: boolean): void {
    const { x, y, z, t } = this;
    const a = fold((y - x + coordinateBias) * addend[isNegative ? 0 : 1]);
    const b = fold((y + x) * addend[isNegative ? 1 : 0]);
    const c = fold(t * addend[2]);
    const d = fold(z * addend[3]);
    const f = isNegative ? d + c : d - c + foldedBias;
    const g = isNegative ? d - c + foldedBias : d + c;
    this.finish(b - a + foldedBias, f, g, b + a, true);
  }

  private finish(e: bigint, f: bigint, g: bigint, h: bigint, withT: boolean): void {
    this.x = fold(fold(e * f));
    this.y = fold(fold(g * h));
    this.z = fold(fold(f * g));
    if (withT) this.t = fold(fold(e * h));
  }

  addend(): Addend {
    const { x, y, z, t } = this;
    return Object.freeze([y + x, y - x + coordinateBias, fold(fold(t * twiceD)), z + z] as const);
  }

  /** `point` as it was decoded: its z is 1. */
  equals(point: Point): boolean {
    const { x, y, z } = this;
    return (point.X * z - x) % prime === 0n && (point.Y * z - y) % prime === 0n;
  }
}

/** P, 3P, 5P and so on, for digits of that width. */
function oddMultiples(point: Point, width: number): readonly Addend[] {
  const sum = new Sum(point);
  const addends = [sum.addend()];
  const twice = new Sum(point);
  twice.double(true);
  const step = twice.addend();
  while (addends.length < 1 << (width - 1)) {
    sum.add(step, false);
    addends.push(sum.addend());
  }
  return Object.freeze(addends);
}

const baseMultiples = oddMultiples(Point.BASE, baseWidth);

/**
 * True when `signature` (64 bytes, R | s) is `publicKey`'s (32 bytes) over `message`. Never throws:
 * anything of the wrong length or kind is false. `alive` is called several times meanwhile.
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
  alive?: () => void,
): boolean {
  if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
  makeRoom();
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
  return combine(s, k, a.negate(), alive).equals(r);
}

/**
 * A heap that grows when it is full has grown by just what was needed, and would be full again after
 * every other product. What is asked for here is garbage at once: its room is for the products.
 */
function makeRoom(): number {
  return new ArrayBuffer(roomBytes).byteLength;
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

/** s*B + k*P, both sums in one pass over the digits. Public data: not constant time. */
function combine(s: bigint, k: bigint, p: Point, alive?: () => void): Sum {
  const multiples = oddMultiples(p, keyWidth);
  const sDigits = digitsOf(s, baseWidth);
  const kDigits = digitsOf(k, keyWidth);
  const sum = new Sum(Point.ZERO);
  for (let i = digitCount - 1; i >= 0; i--) {
    if (i % aliveDigits === 0) alive?.();
    const sDigit = sDigits[i];
    const kDigit = kDigits[i];
    sum.double(sDigit !== 0 || kDigit !== 0);
    if (sDigit !== 0) sum.add(baseMultiples[Math.abs(sDigit) >> 1], sDigit < 0);
    if (kDigit !== 0) sum.add(multiples[Math.abs(kDigit) >> 1], kDigit < 0);
  }
  return sum;
}

/**
 * Non-adjacent form of a scalar below 2^253: it is the sum of digit[i] * 2^i, and of `width` + 1
 * digits that follow each other one at most is not 0.
 */
function digitsOf(scalar: bigint, width: number): Int8Array {
  const text = scalar.toString(16).padStart(hexDigits, "0");
  const digits = new Int8Array(digitCount);
  let carry = 0;
  for (let i = 0; i < digitCount; ) {
    // Sixteen bits from the byte that bit i is in.
    const end = hexDigits - 2 * (i >> 3);
    const bits = Number(`0x${text.slice(end - 4, end)}`) >> (i & 7);
    if ((bits & 1) === carry) {
      i++;
      continue;
    }
    const digit = (bits & ((2 << width) - 1)) + carry;
    carry = digit >> width;
    digits[i] = digit - (carry << (width + 1));
    i += width + 1;
  }
  return digits;
}

/** Little-endian integer of any length. */
function integerOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes.slice().reverse())}`);
}
