import { createPublicKey, verify } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CliError } from "../../hosts/node/errors.js";
import { generateKeys, loadPublicKey, loadSigner } from "../../hosts/node/keys.js";
import { hex } from "../../src/bytes.js";
import {
  ed25519Private,
  ed25519Public,
  encryptedPrivate,
  p256Private,
  signatureHex,
  x25519Private,
} from "./openssl-keys.js";

const test = suite<{ dir: string }>("node/keys");

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), "daruma-keys-"));
});
test.after.each((context) => rmSync(context.dir, { recursive: true, force: true }));

const message = Buffer.from("a release");

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.instance(error, CliError);
    return error instanceof CliError ? error.code : "";
  }
  return "none";
}

test("new keys: form, mode, and never replaced", ({ dir }) => {
  const files = generateKeys(join(dir, "new", "folder"));
  assert.is(statSync(files.privateKeyPath).mode & 0o777, 0o600);
  assert.match(readFileSync(files.privateKeyPath, "utf8"), /^-----BEGIN PRIVATE KEY-----\n/);
  assert.match(readFileSync(files.publicKeyPath, "utf8"), /^-----BEGIN PUBLIC KEY-----\n/);
  const warnings: string[] = [];
  const signer = loadSigner(files.privateKeyPath, (text) => warnings.push(text));
  assert.equal(warnings, []);
  assert.equal(signer.publicKey, files.publicKey);
  assert.equal(loadPublicKey(files.publicKeyPath), files.publicKey);
  assert.is(signer.publicKey.length, 32);
  const publicKey = createPublicKey(readFileSync(files.publicKeyPath));
  assert.ok(verify(null, message, publicKey, signer.sign(message)));
  assert.is(
    codeOf(() => generateKeys(join(dir, "new", "folder"))),
    "key-exists",
  );
  rmSync(files.privateKeyPath);
  assert.is(
    codeOf(() => generateKeys(join(dir, "new", "folder"))),
    "key-exists",
  );
});

test("keys made by openssl work the same: its public key, its signature byte for byte", ({
  dir,
}) => {
  const secret = join(dir, "o.key");
  const open = join(dir, "o.pub");
  writeFileSync(secret, ed25519Private);
  writeFileSync(open, ed25519Public);
  const signer = loadSigner(secret);
  assert.equal(signer.publicKey, loadPublicKey(open));
  assert.is(hex(signer.sign(message)), signatureHex);
  assert.is.not(hex(signer.sign(Buffer.from("another release"))), signatureHex);
});

test("new keys have the form of openssl's, but for the key itself", ({ dir }) => {
  const files = generateKeys(dir);
  const form = (pem: string): string => {
    const [begin, body, end, rest] = pem.split("\n");
    return [begin, hex(Buffer.from(body, "base64").subarray(0, -32)), end, rest].join("\n");
  };
  for (const [path, theirs] of [
    [files.privateKeyPath, ed25519Private],
    [files.publicKeyPath, ed25519Public],
  ]) {
    assert.is(form(readFileSync(path, "utf8")), form(theirs));
  }
});

test("a key that others can read is warned about", ({ dir }) => {
  const files = generateKeys(dir);
  chmodSync(files.privateKeyPath, 0o640);
  const warnings: string[] = [];
  loadSigner(files.privateKeyPath, (text) => warnings.push(text));
  assert.is(warnings.length, 1);
  assert.match(warnings[0], "chmod 600");
});

test("other files are refused by name of what they are", ({ dir }) => {
  const files = generateKeys(dir);
  const path = join(dir, "x.pem");
  assert.is(
    codeOf(() => loadSigner(files.publicKeyPath)),
    "key-public",
  );
  assert.is(
    codeOf(() => loadPublicKey(files.privateKeyPath)),
    "key-private",
  );
  assert.is(
    codeOf(() => loadSigner(join(dir, "absent"))),
    "file-unreadable",
  );
  assert.is(
    codeOf(() => loadSigner(dir)),
    "file-unreadable",
  );
  writeFileSync(path, "hello");
  assert.is(
    codeOf(() => loadSigner(path)),
    "key-invalid",
  );
  assert.is(
    codeOf(() => loadPublicKey(path)),
    "key-invalid",
  );
  writeFileSync(path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  assert.is(
    codeOf(() => loadSigner(path)),
    "key-invalid",
  );
  writeFileSync(path, Buffer.alloc(20000));
  assert.is(
    codeOf(() => loadSigner(path)),
    "file-too-big",
  );
  writeFileSync(path, encryptedPrivate);
  assert.is(
    codeOf(() => loadSigner(path)),
    "key-encrypted",
  );
  writeFileSync(path, p256Private);
  assert.is(
    codeOf(() => loadSigner(path)),
    "key-wrong-type",
  );
  writeFileSync(path, x25519Private);
  assert.is(
    codeOf(() => loadSigner(path)),
    "key-wrong-type",
  );
});

test("no error quotes the key", ({ dir }) => {
  const files = generateKeys(dir);
  const pem = readFileSync(files.privateKeyPath, "utf8");
  const broken = join(dir, "broken.pem");
  writeFileSync(broken, pem.replace("MC4C", "MC4D"));
  try {
    loadSigner(broken);
    assert.unreachable();
  } catch (error) {
    assert.not.match(String(error), pem.split("\n")[1].slice(8, 24));
  }
});

test.run();
