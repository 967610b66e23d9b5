/** The verifier's own sums of points beside the library's, for scalars that a digest never gives. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DigestFactory } from "../../src/crypto/digest.js";
import { verifyEd25519 } from "../../src/crypto/ed25519.js";
import { fromHex } from "../helpers/cbor.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { randomFrom, seed } from "../helpers/seed.js";
import { makeKey } from "../helpers/suit.js";
import { sums } from "./points.js";

test("s*B - k*A is the library's for scalars of every shape, with A of mixed order too", () => {
  let accepted = 0;
  let asked = 0;
  for (const { publicKey, signature, hash, isGood, what } of sums(randomFrom(seed))) {
    // The challenge is whatever the digest says: so any pair of scalars can be asked for.
    const digest: DigestFactory = () => ({ write: () => undefined, close: () => hash });
    const answer = verifyEd25519(publicKey, signature, new Uint8Array(0), digest);
    assert.is(answer, isGood, `seed ${seed}: ${what}`);
    asked++;
    if (isGood) accepted++;
  }
  assert.ok(accepted > 400 && asked > 4 * 400);
  console.log(`seed ${seed}: ${asked} sums, ${accepted} right`);
});

test("the caller is told several times that the work goes on, and only where there is work", () => {
  const key = makeKey(7);
  const message = fromHex("0102");
  const signature = key.sign(message);
  const calls = (bytes: Uint8Array): number => {
    let count = 0;
    verifyEd25519(key.publicKey, bytes, message, nodeDigest, () => count++);
    return count;
  };
  assert.is(calls(signature), 9);
  assert.is(calls(signature.subarray(1)), 0);
});

test.run();
