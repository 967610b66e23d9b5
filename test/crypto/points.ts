/** Points and scalars of edwards25519 for tests, by the library's additions. */
import { Point } from "@noble/ed25519";
import { fromHex } from "../helpers/cbor.js";
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
