/**
 * The SUIT envelope: finds the signature blocks and the manifest, and decides whether the manifest
 * is authentic. Nothing inside the manifest is read here. Of COSE (RFC 9052) the profile uses
 * COSE_Sign1 with a detached payload, the algorithm alone in the protected header, and at most a
 * key id in the unprotected one.
 *
 *     107({ 2: << [ << [-16, digest] >>,
 *                   1 to 4 times << 18([<< {1: alg} >>, {4: key id}, null, signature]) >> ] >>,
 *           3: << manifest >> })
 */

import { equalBytes } from "../bytes.js";
import { CborReader } from "../cbor/reader.js";
import { CborWriter } from "../cbor/writer.js";
import { type DigestFactory, digestOf } from "../crypto/digest.js";
import { limits } from "../limits.js";
import type { Reason } from "../reasons.js";
import { label } from "./labels.js";

const keyIdBytes = 8;
export const signatureBytes = 64;

/** One signature block; views of the envelope. */
export interface Sign1 {
  /** COSE algorithm id; the signature of one that is not `isEd25519` is of unknown shape. */
  readonly algorithm: number;
  /** 8 bytes, or null when the block names no key. Not signed: a hint only. */
  readonly keyId: Uint8Array | null;
  /** 64 bytes when `isEd25519(algorithm)`. */
  readonly signature: Uint8Array;
}

/**
 * Verifies a 64-byte Ed25519 signature by a raw 32-byte public key; never throws. One that takes
 * longer than a second calls `alive` about as often: it feeds the watchdog of a trial.
 */
export type SignatureVerifier = (
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
  digest: DigestFactory,
  alive?: () => void,
) => boolean;

/** Where things are in an envelope that is well formed; nothing of it is believed yet. */
export interface EnvelopeParts {
  /** The encoded SUIT_Digest that the signatures cover; a view. */
  readonly signedDigest: Uint8Array;
  /** The 32 digest bytes in it; a view. */
  readonly manifestDigest: Uint8Array;
  readonly signatures: readonly Sign1[];
  /** Start of the byte string that holds the manifest, header included. */
  readonly itemStart: number;
  /** Content of that byte string: `bytes[start, end)`. */
  readonly start: number;
  readonly end: number;
}

/** A manifest signed by a trust anchor. Only `authenticate` makes one. */
class Authentic {
  /** The envelope as given; must not change while this object is in use. */
  readonly bytes: Uint8Array;
  /** The manifest is `bytes[start, end)`. */
  readonly start: number;
  readonly end: number;
  /** SHA-256 that was signed, which identifies the release; a 32-byte copy. */
  readonly digest: Uint8Array;
  /** Which of the trust anchors signed. */
  readonly trustAnchorIndex: number;
  // Exists for the compiler only: no object literal passes for this type.
  declare protected readonly authentic: true;

  constructor(bytes: Uint8Array, parts: EnvelopeParts, trustAnchorIndex: number) {
    this.bytes = bytes;
    this.start = parts.start;
    this.end = parts.end;
    this.digest = parts.manifestDigest.slice();
    this.trustAnchorIndex = trustAnchorIndex;
  }
}
export type AuthenticManifest = Authentic;

/**
 * Checks `envelope[0, lengthBytes)` and its signatures against the trust anchors (raw 32-byte
 * public keys; at most 8 are looked at). One good signature is enough. Returns the manifest, or why
 * it is not believed:
 *
 *     envelope-too-big     more than `envelopeBytesMax` bytes
 *     envelope-malformed   not an envelope of the profile in deterministic CBOR
 *     digest-mismatch      the manifest is not the one that the digest names
 *     signature-missing    no block of a supported algorithm
 *     signature-untrusted  blocks, but none that is by a trust anchor
 *     signature-invalid    a block that names a trust anchor's key does not verify
 *
 * Each block costs one verification at most, so an envelope costs `signaturesMax`. A key id says
 * which trust anchor to try; a stranger's costs nothing. It is not signed; a wrong one makes a good
 * signature count for nothing, never a bad one count. A block without a key id is tried with the
 * first trust anchor only: who has several signs with key ids, as `daruma pack` does.
 *
 * A manifest with the digest of `known`, which was authentic before, needs no verification again.
 */
export function authenticate(
  envelope: Uint8Array,
  lengthBytes: number,
  trustAnchors: readonly Uint8Array[],
  digest: DigestFactory,
  verify: SignatureVerifier,
  known: AuthenticManifest | null = null,
): AuthenticManifest | Reason {
  const parts = openEnvelope(envelope, lengthBytes, digest);
  if (typeof parts === "string") return parts;
  if (known !== null && equalBytes(known.digest, parts.manifestDigest)) {
    return new Authentic(envelope, parts, known.trustAnchorIndex);
  }

  let refusal: Reason = "signature-missing";
  for (let i = 0; i < parts.signatures.length; i++) {
    const block = parts.signatures[i];
    if (!isEd25519(block.algorithm)) continue;
    if (refusal === "signature-missing") refusal = "signature-untrusted";
    const anchor = block.keyId === null ? 0 : anchorOf(block.keyId, trustAnchors, digest);
    if (anchor < 0 || anchor >= trustAnchors.length) continue;
    const message = signedMessage(block.algorithm, parts.signedDigest);
    if (verify(trustAnchors[anchor], block.signature, message, digest)) {
      return new Authentic(envelope, parts, anchor);
    }
    if (block.keyId !== null) refusal = "signature-invalid";
  }
  return refusal;
}

/** Index of the trust anchor with that key id; -1 when there is none. */
function anchorOf(
  keyId: Uint8Array,
  trustAnchors: readonly Uint8Array[],
  digest: DigestFactory,
): number {
  const count = Math.min(trustAnchors.length, limits.trustAnchorsMax);
  for (let i = 0; i < count; i++) if (equalBytes(keyId, keyIdOf(trustAnchors[i], digest))) return i;
  return -1;
}

/**
 * SHA-256 of the manifest in `envelope[0, lengthBytes)`, a view, or why there is none. It says
 * which release that is, and nothing of who made it.
 */
export function releaseDigest(
  envelope: Uint8Array,
  lengthBytes: number,
  digest: DigestFactory,
): Uint8Array | Reason {
  const parts = openEnvelope(envelope, lengthBytes, digest);
  return typeof parts === "string" ? parts : parts.manifestDigest;
}

/** Parts of an envelope whose manifest is the one that its digest names, or why not. */
function openEnvelope(
  envelope: Uint8Array,
  lengthBytes: number,
  digest: DigestFactory,
): EnvelopeParts | Reason {
  if (lengthBytes > limits.envelopeBytesMax) return "envelope-too-big";
  const parts = readEnvelope(envelope, lengthBytes);
  if (parts === null) return "envelope-malformed";
  const isSame = equalBytes(manifestDigestOf(envelope, parts, digest), parts.manifestDigest);
  return isSame ? parts : "digest-mismatch";
}

/** SHA-256 of the manifest as it lies in the envelope. */
export function manifestDigestOf(
  envelope: Uint8Array,
  parts: EnvelopeParts,
  digest: DigestFactory,
): Uint8Array {
  // draft-ietf-suit-manifest-37 8.3: the digest covers the byte string with its header.
  return digestOf(digest, "SHA256", envelope.subarray(parts.itemStart, parts.end));
}

/** Parts of `envelope[0, lengthBytes)`; null when it is not an envelope of the profile. */
export function readEnvelope(envelope: Uint8Array, lengthBytes: number): EnvelopeParts | null {
  const reader = new CborReader(envelope, 0, lengthBytes);
  reader.expect(reader.tag() === label.tagEnvelope);
  // The profile has no severed members, integrated payloads or other keys.
  reader.expect(reader.map(limits.mapEntriesMax) === 2);
  const first = reader.key(undefined);
  reader.expect(first === label.envelopeAuthentication);
  const authenticationEnd = reader.enter();
  const itemCount = reader.array(1 + limits.signaturesMax);

  const digestEnd = reader.enter();
  const digestStart = reader.position;
  reader.expect(reader.array(2) === 2);
  reader.expect(reader.int() === label.algorithmSha256);
  const manifestDigest = reader.byteStringOf(32);
  const signedDigest = envelope.subarray(digestStart, reader.position);
  reader.leave(digestEnd);

  const signatures: Sign1[] = [];
  for (let i = 1; i < itemCount && !reader.failed; i++) {
    const blockEnd = reader.enter();
    signatures.push(readSign1(reader));
    reader.leave(blockEnd);
  }
  reader.leave(authenticationEnd);

  reader.expect(reader.key(first) === label.envelopeManifest);
  const itemStart = reader.position;
  const manifest = reader.byteString();
  const end = reader.position;
  if (!reader.atEnd) return null;
  const start = end - manifest.length;
  return { signedDigest, manifestDigest, signatures, itemStart, start, end };
}

/** True for both ids of Ed25519. The deprecated -8 also stands for Ed448, which has longer keys. */
export function isEd25519(algorithm: number): boolean {
  return algorithm === label.algorithmEd25519 || algorithm === label.algorithmEdDsa;
}

/** Key id of a raw 32-byte public key: the first 8 bytes of its SHA-256. */
export function keyIdOf(publicKey: Uint8Array, digest: DigestFactory): Uint8Array {
  return digestOf(digest, "SHA256", publicKey).slice(0, keyIdBytes);
}

/** Reads one tagged COSE_Sign1; what is not in the profile fails the reader. */
function readSign1(reader: CborReader): Sign1 {
  // RFC 9052 4.2: COSE_Sign1_Tagged = #6.18([protected, unprotected, payload, signature]).
  reader.expect(reader.tag() === label.tagCoseSign1);
  reader.expect(reader.array(4) === 4);
  const outerEnd = reader.enter();
  reader.expect(reader.map(1) === 1);
  reader.expect(reader.int() === label.coseAlgorithm);
  const algorithm = reader.int();
  reader.leave(outerEnd);
  let keyId: Uint8Array | null = null;
  if (reader.map(1) === 1) {
    reader.expect(reader.int() === label.coseKeyId);
    keyId = reader.byteStringOf(keyIdBytes);
  }
  // draft-ietf-suit-manifest-37 8.3: the payload is detached.
  reader.nil();
  const signature = reader.byteString();
  reader.expect(signature.length === signatureBytes || !isEd25519(algorithm));
  return { algorithm, keyId, signature };
}

/**
 * The bytes that a signature covers (RFC 9052 4.4): ["Signature1", protected, h'', payload]. The
 * protected header is written again from `algorithm`: deterministic encoding has one form only.
 * `payload` is the encoded SUIT_Digest, 36 bytes.
 */
export function signedMessage(algorithm: number, payload: Uint8Array): Uint8Array {
  const header = new CborWriter(new Uint8Array(16));
  header.map(1);
  header.int(label.coseAlgorithm);
  header.int(algorithm);
  const message = new CborWriter(new Uint8Array(64 + payload.length));
  message.array(4);
  message.text("Signature1");
  message.byteString(header.bytes.subarray(0, header.length));
  message.byteString(new Uint8Array(0));
  message.byteString(payload);
  return message.bytes.subarray(0, message.length);
}
