/** The verifier's own sums of points beside the library's, for scalars that a digest never gives. */
import { Point } from "@noble/ed25519";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DigestFactory } from "../../src/crypto/digest.js";
import { verifyEd25519 } from "../../src/crypto/ed25519.js";
import { concat, fromHex } from "../helpers/cbor.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { randomFrom, seed } from "../helpers/seed.js";
import { makeKey } from "../helpers/suit.js";
import { littleEndian, order, randomScalar, times, torsionPoint } from "./points.js";

/** Scalars at the bounds of the digits: runs of zeros and ones, and the ends of the range. */
function edgeScalars(): bigint[] {
  const scalars = [0n, 1n, 2n, 3n, order - 1n, order - 2n, order / 2n, order / 2n + 1n];
  for (const bit of [4n, 5n, 31n, 32n, 63n, 64n, 127n, 128n, 250n, 251n, 252n]) {
    scalars.push(1n << bit, (1n << bit) - 1n, (1n << bit) + 1n, order - (1n << bit));
  }
  // All digits of the base point's width and of the key's, positive and negative.
  for (const pattern of [0x11n, 0x99n, 0xffn, 0xefn, 0x84n, 0xa5n]) {
    let scalar = 0n;
    for (let i = 0; i < 32; i++) scalar = (scalar << 8n) | pattern;
    scalars.push(scalar % order);
  }
  return scalars.filter((scalar) => scalar >= 0n && scalar < order);
}

test("s*B - k*A is the library's for scalars of every shape, with A of mixed order too", () => {
  const random = randomFrom(seed);
  const edges = edgeScalars();
  const torsion = torsionPoint();
  const pairs: [bigint, bigint][] = [];
  for (const s of edges)
    for (const k of [edges[0], edges[5], randomScalar(random)]) pairs.push([s, k]);
  for (const k of edges)
    for (const s of [edges[0], edges[4], randomScalar(random)]) pairs.push([s, k]);
  for (let i = 0; i < 200; i++) pairs.push([randomScalar(random), randomScalar(random)]);
  let accepted = 0;
  for (const [index, [s, k]] of pairs.entries()) {
    const pure = times(randomScalar(random), Point.BASE);
    const a = index % 3 === 0 ? pure.add(torsion) : pure;
    const r = times(s, Point.BASE).subtract(times(k, a));
    // The challenge is whatever the digest says: so any pair of scalars can be asked for.
    const digest: DigestFactory = () => ({ write: () => undefined, close: () => wide(k) });
    const verify = (sum: Point) =>
      verifyEd25519(a.toBytes(), concat(sum.toBytes(), littleEndian(s)), fromHex(""), digest);
    const isSmall = times(8n, r).is0();
    assert.is(verify(r), !isSmall, `seed ${seed}: s ${s}, k ${k}, A ${a.toHex()}`);
    if (!isSmall) accepted++;
    for (const other of [r.add(Point.BASE), r.add(torsion), r.negate()]) {
      if (!other.equals(r)) assert.not(verify(other), `seed ${seed}: s ${s}, k ${k}`);
    }
  }
  assert.ok(accepted > 400);
  console.log(`seed ${seed}: ${pairs.length} pairs of scalars, ${accepted} accepted`);
});

/** A digest of 64 bytes whose value, little-endian, is k modulo L, and not k. */
function wide(k: bigint): Uint8Array {
  const value = k + order * (2n ** 250n + 12345n);
  return fromHex(value.toString(16).padStart(128, "0")).reverse();
}

test("the caller is told several times that the work goes on, and only where there is work", () => {
  const key = makeKey(7);
  const message = fromHex("0102");
  const signature = key.sign(message);
  const calls = (bytes: Uint8Array): number => {
    let count = 0;
    verifyEd25519(key.publicKey, bytes, message, nodeDigest, () => count++);
    return count;
  };
  assert.is(calls(signature), 8);
  assert.is(calls(signature.subarray(1)), 0);
});

test.run();
