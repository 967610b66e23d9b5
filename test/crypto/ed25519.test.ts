import { Point } from "@noble/ed25519";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { verifyEd25519 } from "../../src/crypto/ed25519.js";
import { fromHex } from "../helpers/cbor.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { randomBytes, randomFrom, seed } from "../helpers/seed.js";
import { makeKey, nodeVerify } from "../helpers/suit.js";

const ours = (publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean =>
  verifyEd25519(publicKey, signature, message, nodeDigest);

const p = 2n ** 255n - 19n;
const order = Point.CURVE().n;

function littleEndian(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, "0")).reverse();
}

function integerOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

test("RFC 8032 7.1 vectors", () => {
  // Seed, and the start of the public key and of the signature that the RFC prints.
  const vectors: [string, string, string, string][] = [
    [
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "72",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "af82",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
      "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      "ec172b93ad5e563f4932c70e1024c72fa8e6bd6ea4a4c2f8a5a2b5a1b8a1e6d1",
      "",
    ],
  ];
  for (const [secret, message, publicKey, signature] of vectors) {
    const key = makeKey(fromHex(secret));
    if (signature !== "") assert.equal(key.publicKey, fromHex(publicKey));
    const made = key.sign(fromHex(message));
    if (signature !== "") assert.equal(made, fromHex(signature));
    assert.ok(ours(key.publicKey, made, fromHex(message)));
    assert.not(ours(key.publicKey, made, fromHex(`${message}00`)));
  }
});
test.run();
