import { generateKeyPairSync } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { trustAnchorOf } from "../../src/crypto/public-key.js";

const test = suite("crypto/public-key");

const pemOf = (type: "ed25519" | "x25519"): { pem: string; raw: Buffer } => {
  const { publicKey } =
    type === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("x25519");
  const raw = Buffer.from(String(publicKey.export({ format: "jwk" }).x), "base64url");
  return { pem: String(publicKey.export({ format: "pem", type: "spki" })), raw };
};

test("PEM and its one line give the raw key that node:crypto sees", () => {
  for (let i = 0; i < 20; i++) {
    const { pem, raw } = pemOf("ed25519");
    const expected = new Uint8Array(raw);
    assert.equal(trustAnchorOf(pem), expected);
    assert.equal(trustAnchorOf(pem.replaceAll("\n", "\r\n")), expected);
    assert.equal(trustAnchorOf(pem.split("\n")[1]), expected);
  }
});

test("everything else is refused: another algorithm, cut, longer, placeholders, nothing", () => {
  const { pem } = pemOf("ed25519");
  const line = pem.split("\n")[1];
  const bad = [
    pemOf("x25519").pem,
    line.slice(0, -4),
    `${line.slice(0, -1)}AAAA`,
    `A${line.slice(1)}`,
    "replace with the middle line of release.pub.pem",
    "",
  ];
  for (const text of bad) assert.throws(() => trustAnchorOf(text), /Ed25519 public key/, text);
});

test("a trust anchor that was left out is refused by name, without a TypeError", () => {
  for (const text of [undefined, null, 7] as unknown as string[]) {
    const isNamed = (error: unknown): boolean =>
      error instanceof RangeError && error.message.startsWith("trustAnchor");
    assert.throws(() => trustAnchorOf(text), isNamed, String(text));
  }
});

test.run();
