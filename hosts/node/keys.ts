/**
 * Release keys as PEM files: PKCS#8 (private) and SPKI (public) Ed25519, as RFC 8410 has them and
 * openssl writes them.
 */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { existsSync, mkdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CliError, systemCode } from "./errors.js";
import { readBounded } from "./files.js";

/** Paths of a new key pair. */
export interface KeyFiles {
  readonly privateKeyPath: string;
  readonly publicKeyPath: string;
  /** 32 bytes, raw. */
  readonly publicKey: Uint8Array;
}

export interface Signer {
  /** 32 bytes, raw. */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature of `message`, 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

const pemBytesMax = 16384;

/**
 * Writes release.key.pem (mode 600) and release.pub.pem into `dir`, which is made if need be.
 * Throws CliError "key-exists" when either is there: a lost key cannot be replaced on devices.
 */
export function generateKeys(dir: string): KeyFiles {
  const privateKeyPath = join(dir, "release.key.pem");
  const publicKeyPath = join(dir, "release.pub.pem");
  for (const path of [privateKeyPath, publicKeyPath]) {
    if (existsSync(path)) throw keyExists(path);
  }
  const pair = generateKeyPairSync("ed25519");
  try {
    mkdirSync(dir, { recursive: true });
    // "wx" never replaces a file, also when somebody else made it since the check above.
    const secret = pair.privateKey.export({ type: "pkcs8", format: "pem" });
    writeFileSync(privateKeyPath, secret, { mode: 0o600, flag: "wx" });
    try {
      const open = pair.publicKey.export({ type: "spki", format: "pem" });
      writeFileSync(publicKeyPath, open, { flag: "wx" });
    } catch (error) {
      unlinkSync(privateKeyPath);
      throw error;
    }
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw keyExists(privateKeyPath);
    throw new CliError(
      "file-unwritable",
      `could not write keys into ${dir} (${systemCode(error)}); choose a folder that is yours`,
    );
  }
  return { privateKeyPath, publicKeyPath, publicKey: rawPublicKey(pair.publicKey) };
}

/**
 * Opens a private key. `warn` gets a sentence when others on this machine can read the file.
 * Throws CliError "key-invalid", "key-encrypted", "key-wrong-type", "key-public" and file errors.
 */
export function loadSigner(path: string, warn?: (message: string) => void): Signer {
  const pem = readPem(path, "a private key in PEM form");
  if (pem.includes("BEGIN ENCRYPTED PRIVATE KEY") || pem.includes("Proc-Type: 4,ENCRYPTED")) {
    throw new CliError(
      "key-encrypted",
      `${path} is protected by a passphrase, which daruma does not ask for; decrypt it with ` +
        `"openssl pkey -in ${path} -out release.key.pem" into a safe place and name that file`,
    );
  }
  if (!pem.includes("PRIVATE KEY")) {
    if (pem.includes("BEGIN PUBLIC KEY")) {
      throw new CliError(
        "key-public",
        `${path} holds a public key, which cannot sign; name the private key (release.key.pem)`,
      );
    }
    throw notAKey(path, "private");
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The parser's own words are left out: they could quote the key.
    throw notAKey(path, "private");
  }
  requireEd25519(path, key);
  if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
    warn?.(`${path} can be read by others on this machine; run: chmod 600 ${path}`);
  }
  return {
    publicKey: rawPublicKey(createPublicKey(key)),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

/**
 * Opens a public key; 32 bytes, raw. A private key file is refused, so that it is not carried to
 * places where only the public key belongs. Throws CliError as `loadSigner`, and "key-private".
 */
export function loadPublicKey(path: string): Uint8Array {
  const pem = readPem(path, "a public key in PEM form");
  if (pem.includes("PRIVATE KEY")) {
    throw new CliError(
      "key-private",
      `${path} holds a private key; name the public key (release.pub.pem), or make it with ` +
        `"openssl pkey -in ${path} -pubout -out release.pub.pem"`,
    );
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw notAKey(path, "public");
  }
  requireEd25519(path, key);
  return rawPublicKey(key);
}

function readPem(path: string, what: string): string {
  return Buffer.from(readBounded(path, pemBytesMax, what)).toString("latin1");
}

function requireEd25519(path: string, key: KeyObject): void {
  const type = key.asymmetricKeyType ?? "unknown";
  if (type === "ed25519") return;
  throw new CliError(
    "key-wrong-type",
    `${path} is a key of type ${type}, but releases are signed with Ed25519; make one with ` +
      `"daruma keygen" or "openssl genpkey -algorithm ed25519"`,
  );
}

function rawPublicKey(key: KeyObject): Uint8Array {
  // RFC 8410 4: the SPKI form of an Ed25519 key ends in the 32 raw bytes.
  return new Uint8Array(key.export({ type: "spki", format: "der" })).slice(-32);
}

function notAKey(path: string, kind: "private" | "public"): CliError {
  const form = kind === "private" ? "PKCS#8" : "SPKI";
  return new CliError(
    "key-invalid",
    `${path} is not a ${kind} key in ${form} PEM form; make one with "daruma keygen --out DIR"`,
  );
}

function keyExists(path: string): CliError {
  return new CliError(
    "key-exists",
    `${path} exists and is not replaced, as devices trust only the key they were made with; ` +
      "choose another folder",
  );
}
