import { hashes, verify as nobleVerify, Point } from "@noble/ed25519";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { digestOf } from "../../src/crypto/digest.js";
import { verifyEd25519 } from "../../src/crypto/ed25519.js";
import { concat, fromHex } from "../helpers/cbor.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { randomBytes, randomFrom, seed } from "../helpers/seed.js";
import { makeKey, nodeVerify, type TestKey } from "../helpers/suit.js";
import { littleEndian, order, randomScalar, times, torsionPoint } from "./points.js";
import { rfc8032Vectors } from "./rfc8032.js";

const ours = (publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean =>
  verifyEd25519(publicKey, signature, message, nodeDigest);

const prime = 2n ** 255n - 19n;

function integerOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(Uint8Array.from(bytes).reverse()).toString("hex")}`);
}

/** Counts the point additions that `act` makes. */
function additions(act: () => void): number {
  const original = Point.prototype.add;
  let count = 0;
  Point.prototype.add = function (this: Point, other: Point): Point {
    count++;
    return original.call(this, other);
  };
  try {
    act();
  } finally {
    Point.prototype.add = original;
  }
  return count;
}

// First in this file: the library's table, once built, stays for the life of the process.
test("never builds the library's table of base point multiples", () => {
  const key = makeKey(5);
  const message = fromHex("00ff");
  const signature = key.sign(message);
  const base = Point.BASE.toBytes();
  const zeros = new Uint8Array(32);
  const count = additions(() => {
    assert.ok(ours(key.publicKey, signature, message));
    assert.not(ours(key.publicKey, concat(base, signature.subarray(32)), message));
    assert.not(ours(base, signature, message));
    assert.not(ours(base, concat(base, zeros), message));
  });
  assert.is(count, 0, "sums are made without the library");
  // The trap that the code avoids: the library builds the table for this harmless question.
  const tableCount = additions(() => Point.BASE.isSmallOrder());
  assert.ok(tableCount > 4000, "the table did not exist until now");
  console.log(`isSmallOrder(B): ${tableCount} additions of the library`);
});

test("RFC 8032 7.1 vectors", () => {
  for (const [secret, publicKey, message, signature] of rfc8032Vectors) {
    const bytes = fromHex(message);
    assert.equal(makeKey(fromHex(secret)).publicKey, fromHex(publicKey));
    assert.equal(makeKey(fromHex(secret)).sign(bytes), fromHex(signature));
    assert.ok(ours(fromHex(publicKey), fromHex(signature), bytes));
    assert.not(ours(fromHex(publicKey), fromHex(signature), concat(bytes, fromHex("00"))));
  }
  assert.is(rfc8032Vectors.length, 5);
});

test("wrong lengths are false", () => {
  const key = makeKey(6);
  const message = new Uint8Array(3);
  const signature = key.sign(message);
  for (let length = 0; length < 70; length++) {
    const longer = concat(signature, new Uint8Array(8));
    if (length !== 64) assert.not(ours(key.publicKey, longer.subarray(0, length), message));
    const longerKey = concat(key.publicKey, new Uint8Array(40));
    if (length !== 32) assert.not(ours(longerKey.subarray(0, length), signature, message));
  }
});

/** Every 32-byte encoding, canonical or not, that ZIP-215 decodes to a point of small order. */
function smallOrderEncodings(): Uint8Array[] {
  const torsion = torsionPoint();
  const encodings = new Map<string, Uint8Array>();
  const points = new Set<string>();
  for (let i = 0n; i < 8n; i++) {
    const { y } = times(i, torsion).toAffine();
    for (const value of [y, y + prime]) {
      if (value >= 2n ** 255n) continue;
      for (const sign of [0n, 2n ** 255n]) {
        const encoded = littleEndian(value + sign);
        const point = Point.fromBytes(encoded, true);
        assert.ok(times(8n, point).is0());
        points.add(Buffer.from(point.toBytes()).toString("hex"));
        encodings.set(Buffer.from(encoded).toString("hex"), encoded);
      }
    }
  }
  assert.is(points.size, 8);
  return [...encodings.values()];
}

test("refuses all 196 pairs of small-order A and R that ZIP-215 accepts", () => {
  hashes.sha512 = (message) => Uint8Array.from(digestOf(nodeDigest, "SHA512", message));
  const encodings = smallOrderEncodings();
  assert.is(encodings.length, 14);
  const message = new TextEncoder().encode("Zcash");
  let byOpenSsl = 0;
  for (const a of encodings) {
    for (const r of encodings) {
      const signature = concat(r, new Uint8Array(32));
      assert.ok(nobleVerify(signature, message, a, { zip215: true }));
      assert.not(ours(a, signature, message));
      if (nodeVerify(a, signature, message, nodeDigest)) byOpenSsl++;
    }
  }
  console.log(`196 small-order pairs: 0 accepted here, ${byOpenSsl} by OpenSSL, 196 by ZIP-215`);
});

interface Sample {
  publicKey: Uint8Array;
  signature: Uint8Array;
  message: Uint8Array;
}
type Maker = (sample: Sample, random: () => number, key: TestKey) => Sample;

const flip =
  (field: keyof Sample, start: number, length: number): Maker =>
  (sample, random) => {
    const bytes = sample[field].slice();
    if (bytes.length === 0) return { ...sample, [field]: new Uint8Array(1) };
    const index = start + Math.floor(random() * Math.min(length, bytes.length));
    bytes[index] ^= 1 << Math.floor(random() * 8);
    return { ...sample, [field]: bytes };
  };

function challenge(r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  return integerOf(digestOf(nodeDigest, "SHA512", concat(r, publicKey, message))) % order;
}

function secretScalar(key: TestKey): bigint {
  const der = key.privateKey.export({ format: "der", type: "pkcs8" });
  const scalar = digestOf(nodeDigest, "SHA512", Uint8Array.from(der.subarray(-32))).slice(0, 32);
  scalar[0] &= 0xf8;
  scalar[31] = (scalar[31] & 0x7f) | 0x40;
  return integerOf(scalar) % order;
}

/** A key with a part of order 8; `aligned` picks signatures that hold without the cofactor. */
const mixedKey =
  (torsion: Point, aligned: boolean): Maker =>
  (sample, random, key) => {
    const secret = secretScalar(key);
    const publicKey = Point.BASE.multiply(secret).add(torsion).toBytes();
    for (;;) {
      const nonce = randomScalar(random);
      const r = Point.BASE.multiply(nonce).toBytes();
      const k = challenge(r, publicKey, sample.message);
      if ((k % 8n === 0n) !== aligned) continue;
      const s = littleEndian((nonce + k * secret) % order);
      return { publicKey, signature: concat(r, s), message: sample.message };
    }
  };

/** s*B - k*A = R for a key of small order: anyone can make it. */
const smallOrderKey =
  (encodings: Uint8Array[]): Maker =>
  (sample, random) => {
    const publicKey = encodings[Math.floor(random() * encodings.length)];
    const a = Point.fromBytes(publicKey, true);
    for (;;) {
      const s = randomScalar(random);
      const guess = BigInt(Math.floor(random() * 8));
      const r = Point.BASE.multiply(s).subtract(times(guess, a)).toBytes();
      const k = challenge(r, publicKey, sample.message);
      if (!times(k, a).equals(times(guess, a))) continue;
      return { publicKey, signature: concat(r, littleEndian(s)), message: sample.message };
    }
  };

/** A signature with nonce 0: R is the identity. */
const identityR: Maker = (sample, _random, key) => {
  const r = Point.ZERO.toBytes();
  const s = (challenge(r, key.publicKey, sample.message) * secretScalar(key)) % order;
  return { ...sample, signature: concat(r, littleEndian(s)) };
};

const plusOrder: Maker = (sample) => {
  const s = integerOf(sample.signature.subarray(32)) + order;
  return { ...sample, signature: concat(sample.signature.subarray(0, 32), littleEndian(s)) };
};

test("agrees with OpenSSL on 10000 signatures, but for the refusals in addition", () => {
  const random = randomFrom(seed);
  const keys = Array.from({ length: 20 }, () => makeKey(randomBytes(random, 32)));
  const canonical = (encoded: Uint8Array) =>
    Buffer.compare(Point.fromBytes(encoded, true).toBytes(), encoded) === 0;
  const encodings = smallOrderEncodings();
  // name, share of the 10000, whether we may refuse what OpenSSL accepts
  const classes: [string, Maker, number, boolean][] = [
    ["good", (sample) => sample, 2500, false],
    ["bit of the key", flip("publicKey", 0, 32), 1800, false],
    ["bit of R", flip("signature", 0, 32), 1500, false],
    ["bit of s", flip("signature", 32, 32), 1500, false],
    ["bit of the message", flip("message", 0, 64), 1000, false],
    ["s + L", plusOrder, 600, false],
    ["random", (s, r) => ({ ...s, signature: randomBytes(r, 64) }), 300, false],
    ["mixed-order key, holds", mixedKey(torsionPoint(), true), 150, false],
    ["mixed-order key, holds times 8 only", mixedKey(torsionPoint(), false), 150, false],
    ["small-order key, canonical", smallOrderKey(encodings.filter(canonical)), 200, true],
    [
      "small-order key, not canonical",
      smallOrderKey(encodings.filter((e) => !canonical(e))),
      150,
      true,
    ],
    ["R is the identity", identityR, 150, true],
  ];
  let total = 0;
  let milliseconds = 0;
  for (const [name, make, share, stricter] of classes) {
    let both = 0;
    let openSslOnly = 0;
    for (let i = 0; i < share; i++, total++) {
      const key = keys[Math.floor(random() * keys.length)];
      const message = randomBytes(random, Math.floor(random() * 64));
      const good = { publicKey: key.publicKey, signature: key.sign(message), message };
      const sample = make(good, random, key);
      const started = performance.now();
      const here = ours(sample.publicKey, sample.signature, sample.message);
      if (name === "good") milliseconds += performance.now() - started;
      const there = nodeVerify(sample.publicKey, sample.signature, sample.message, nodeDigest);
      assert.ok(!here || there, `seed ${seed}, ${name} ${i}: accepted here only`);
      if (here) both++;
      else if (there) openSslOnly++;
    }
    // In the stricter classes OpenSSL accepts all: so the refusal is ours, and it is the only one.
    assert.is(openSslOnly, stricter ? share : 0, `seed ${seed}, ${name}`);
    if (name === "good" || name === "mixed-order key, holds") assert.is(both, share, name);
    else assert.is(both, 0, `seed ${seed}, ${name}`);
    console.log(`  ${name}: ${share}, both accept ${both}, only OpenSSL ${openSslOnly}`);
  }
  assert.is(total, 10_000);
  console.log(
    `seed ${seed}: ${total} compared; ${(milliseconds / 2500).toFixed(2)} ms per good one`,
  );
});

test.run();
