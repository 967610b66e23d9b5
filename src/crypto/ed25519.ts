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
/** Bits of a scalar are taken from words of this many bits, because shifting a BigInt allocates. */
const wordBits = 31;
/** 9 * 31 bits hold any scalar below 2^253. */
const wordCount = 9;
/**
 * A heap that grows when it is full has grown by just what was needed, and is full again after
 * every other product. What is asked for and dropped at first is room for many of them.
 */
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

/**
 * A point to be added: x is y + x, y is y - x, t is 2dxy, each times z; z is 2z. Not an array: the
 * linker of SDK 8.2 does not count BigInts in preloaded arrays, and cuts as many constants off.
 */
interface Addend {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
  readonly t: bigint;
}

/**
 * The same modulo the prime. Of a product with its bias, below 2^519, less than 2^269 is left; of a
 * product of two such, below 2^552, less than 2^302, and once more less than 2^257.
 */
function fold(value: bigint): bigint {
  return (value & lowBits) + (value >> foldBits) * foldFactor;
}

/**
 * A point in extended coordinates, changed in place: x, y and z, and t, which is xy / z. All are
 * below 2^257 and none is negative: XS is slow at bits of negative numbers, and may shift them
 * wrongly. The formulas are those of Hisil, Wong, Carter and Dawson 2008, which hold for all
 * points.
 */
class Sum {
  declare private x: bigint;
  declare private y: bigint;
  declare private z: bigint;
  declare private t: bigint;

  constructor(point: Point) {
    this.x = point.X;
    this.y = point.Y;
    this.z = point.Z;
    this.t = point.T;
  }

  /** Their section 3.3. */
  double(): void {
    const { x, y, z } = this;
    const xx = x * x;
    const yy = y * y;
    // Theirs are -f and -h: then all coordinates are negated, which is the same point.
    const g = yy - xx + productBias;
    const f = (z + z) * z - g + productBias + productBias;
    this.finish(fold((x + x) * y), fold(f), fold(g), fold(xx + yy));
  }

  /** Their section 3.1. */
  add(addend: Addend): void {
    const { x, y } = this;
    const a = fold((y - x + coordinateBias) * addend.y);
    const b = fold((y + x) * addend.x);
    const c = fold(this.t * addend.t);
    const d = fold(this.z * addend.z);
    this.finish(b - a + foldedBias, d - c + foldedBias, d + c, b + a);
  }

  private finish(e: bigint, f: bigint, g: bigint, h: bigint): void {
    this.x = fold(fold(e * f));
    this.y = fold(fold(g * h));
    this.z = fold(fold(f * g));
    this.t = fold(fold(e * h));
  }

  addend(): Addend {
    const { x, y, z } = this;
    const t = fold(fold(this.t * twiceD));
    return { x: y + x, y: y - x + coordinateBias, z: z + z, t };
  }

  /** `point` as it was decoded: its z is 1. */
  equals(point: Point): boolean {
    const z = this.z;
    return (point.X * z - this.x) % prime === 0n && (point.Y * z - this.y) % prime === 0n;
  }
}

/** In flash. */
const base = Object.freeze(new Sum(Point.BASE).addend());

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
  new ArrayBuffer(roomBytes);
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
function combine(s: bigint, k: bigint, p: Point, alive?: () => void): Sum {
  // One variable for two sums: what it held first is garbage when the other begins.
  let sum = new Sum(p);
  const key = sum.addend();
  sum.add(base);
  const both = sum.addend();
  sum = new Sum(Point.ZERO);
  for (let word = wordCount - 1; word >= 0; word--) {
    alive?.();
    const sWord = wordOf(s, word);
    const kWord = wordOf(k, word);
    for (let bit = wordBits - 1; bit >= 0; bit--) {
      const sBit = (sWord >> bit) & 1;
      const kBit = (kWord >> bit) & 1;
      sum.double();
      if (sBit === 1) sum.add(kBit === 1 ? both : base);
      else if (kBit === 1) sum.add(key);
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
