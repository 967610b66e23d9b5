/** Points and scalars of edwards25519 for tests, by the library's additions. */
import { Point } from "@noble/ed25519";
import { concat, fromHex } from "../helpers/cbor.js";
import { randomBytes } from "../helpers/seed.js";

export const order = Point.CURVE().n;

export function littleEndian(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, "0")).reverse();
}

/** scalar * point by additions alone, for scalars that the library refuses. */
export function times(scalar: bigint, point: Point): Point {
  let sum = Point.ZERO;
  for (const bit of scalar.toString(2)) {
    sum = sum.double();
    if (bit === "1") sum = sum.add(point);
  }
  return sum;
}

/** A point of order 8: a curve point times L, where that is not of a smaller order. */
export function torsionPoint(): Point {
  for (let y = 2n; ; y++) {
    try {
      const point = times(order, Point.fromBytes(littleEndian(y), false));
      if (!times(4n, point).is0()) return point;
    } catch {
      // No curve point has this y.
    }
  }
}

/** 1 to L - 1. */
export function randomScalar(random: () => number): bigint {
  const bytes = Buffer.from(randomBytes(random, 32)).toString("hex");
  return 1n + (BigInt(`0x${bytes}`) % (order - 1n));
}

/** Scalars at the bounds of words: runs of zeros and ones, patterns, and the ends of the range. */
function edgeScalars(): bigint[] {
  const scalars = [0n, 1n, 2n, 3n, order - 1n, order - 2n, order / 2n, order / 2n + 1n];
  for (const bit of [4n, 5n, 31n, 32n, 63n, 64n, 127n, 128n, 250n, 251n, 252n]) {
    scalars.push(1n << bit, (1n << bit) - 1n, (1n << bit) + 1n, order - (1n << bit));
  }
  for (const pattern of [0x11n, 0x99n, 0xffn, 0xefn, 0x84n, 0xa5n]) {
    let scalar = 0n;
    for (let i = 0; i < 32; i++) scalar = (scalar << 8n) | pattern;
    scalars.push(scalar % order);
  }
  return scalars.filter((scalar) => scalar >= 0n && scalar < order);
}

/** A digest of 64 bytes whose value, little-endian, is k modulo L, and not k. */
function wide(k: bigint): Uint8Array {
  const value = k + order * (2n ** 250n + 12345n);
  return fromHex(value.toString(16).padStart(128, "0")).reverse();
}

/** A signature over what a digest is made to say: whether s*B - k*A is its R. */
export interface SumCase {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
  /** What SHA-512 is said to be: k modulo L. */
  readonly hash: Uint8Array;
  readonly isGood: boolean;
  readonly what: string;
}

/** Each sum once with its own R, and with others beside it. */
export function* sums(random: () => number): Generator<SumCase> {
  const edges = edgeScalars();
  const torsion = torsionPoint();
  const pairs: [bigint, bigint][] = [];
  for (const edge of edges) {
    for (const k of [edges[0], edges[5], randomScalar(random)]) pairs.push([edge, k]);
    for (const s of [edges[0], edges[4], randomScalar(random)]) pairs.push([s, edge]);
  }
  for (let i = 0; i < 200; i++) pairs.push([randomScalar(random), randomScalar(random)]);
  for (const [index, [s, k]] of pairs.entries()) {
    const pure = times(randomScalar(random), Point.BASE);
    const a = index % 3 === 0 ? pure.add(torsion) : pure;
    const r = times(s, Point.BASE).subtract(times(k, a));
    for (const point of [r, r.add(Point.BASE), r.add(torsion), r.negate()]) {
      yield {
        publicKey: a.toBytes(),
        signature: concat(point.toBytes(), littleEndian(s)),
        hash: wide(k),
        isGood: point.equals(r) && !times(8n, r).is0(),
        what: `s ${s}, k ${k}, A ${a.toHex()}, R ${point.toHex()}`,
      };
    }
  }
}
