/**
 * The part of COSE (RFC 9052) that the profile uses: COSE_Sign1 with a detached payload, the
 * algorithm alone in the protected header, and at most a key id in the unprotected one.
 */

import type { CborReader } from "../cbor/reader.js";
import { CborWriter } from "../cbor/writer.js";
import { type DigestFactory, digestOf } from "../crypto/digest.js";
import { label } from "./labels.js";

export const keyIdBytes = 8;
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

/** True for both ids of Ed25519. The deprecated -8 also stands for Ed448, which has longer keys. */
export function isEd25519(algorithm: number): boolean {
  return algorithm === label.algorithmEd25519 || algorithm === label.algorithmEdDsa;
}

/** Key id of a raw 32-byte public key: the first 8 bytes of its SHA-256. */
export function keyIdOf(publicKey: Uint8Array, digest: DigestFactory): Uint8Array {
  return digestOf(digest, "SHA256", publicKey).slice(0, keyIdBytes);
}

/** Reads one tagged COSE_Sign1; what is not in the profile fails the reader. */
export function readSign1(reader: CborReader): Sign1 {
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
