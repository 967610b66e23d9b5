import { execFileSync } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CliError } from "../../hosts/node/errors.js";
import { generateKeys, loadPublicKey, loadSigner } from "../../hosts/node/keys.js";

const test = suite<{ dir: string }>("node/keys");

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), "daruma-keys-"));
});
test.after.each((context) => rmSync(context.dir, { recursive: true, force: true }));

const message = Buffer.from("a release");

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: "ignore" });
}

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

test("keys made by openssl work the same, and openssl verifies ours", ({ dir }) => {
  const secret = join(dir, "o.key");
  const open = join(dir, "o.pub");
  openssl("genpkey", "-algorithm", "ed25519", "-out", secret);
  openssl("pkey", "-in", secret, "-pubout", "-out", open);
  const signer = loadSigner(secret);
  assert.equal(signer.publicKey, loadPublicKey(open));
  writeFileSync(join(dir, "m"), message);
  writeFileSync(join(dir, "s"), signer.sign(message));
  const check = ["-pubin", "-inkey", open, "-rawin", "-in", join(dir, "m")];
  openssl("pkeyutl", "-verify", ...check, "-sigfile", join(dir, "s"));
  assert.throws(() => {
    writeFileSync(join(dir, "m"), "another release");
    openssl("pkeyutl", "-verify", ...check, "-sigfile", join(dir, "s"));
  });
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
  openssl("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", path);
  assert.is(
    codeOf(() => loadSigner(path)),
    "key-encrypted",
  );
  openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path);
  assert.is(
    codeOf(() => loadSigner(path)),
    "key-wrong-type",
  );
  openssl("genpkey", "-algorithm", "x25519", "-out", path);
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
