/**
 * Makes envelopes of the full-image profile, on the desk. cbor-x writes them; everything written is
 * read again by the device's own reader before it leaves, so the two cannot drift apart.
 */

import { Encoder, Tag } from "cbor-x";
import { equalBytes } from "../bytes.js";
import type { DigestFactory } from "../crypto/digest.js";
import { limits } from "../limits.js";
import { keyIdOf, readEnvelope, signatureBytes, signedMessage } from "../suit/envelope.js";
import { label } from "../suit/labels.js";
import { readManifest } from "../suit/manifest.js";
import { classIdOf, vendorIdOf } from "../suit/uuid5.js";

/** Which input was refused. */
export type PackErrorCode =
  | "sequence-number"
  | "version"
  | "vendor"
  | "class"
  | "digest"
  | "size"
  | "chip"
  | "uri"
  | "signers"
  | "profile"
  | "too-big"
  | "internal";

/** An input that cannot become a release; the message is a sentence for people. */
export class PackError extends Error {
  readonly code: PackErrorCode;

  constructor(code: PackErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  override get name(): string {
    return "PackError";
  }
}

/** Signs with one key; the private part may be in a file, an HSM or a service. */
export interface Signer {
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Returns the 64-byte Ed25519 signature of `message`. */
  sign(message: Uint8Array): Uint8Array;
}

export interface ManifestInput {
  /**
   * Lowest profile whose agents can read the release; left out or 1, every agent can: nothing that
   * is written here needs more.
   */
  readonly profile?: number;
  /** 1..2^53-1. */
  readonly sequenceNumber: number;
  /** "1", "1.4", "1.4.0", each with "-rc", "-beta" or "-alpha" and ".n" after it if wanted. */
  readonly versionText: string;
  /** UUID, 16 bytes. */
  readonly vendorId: Uint8Array;
  /** UUID, 16 bytes. */
  readonly classId: Uint8Array;
  /** SHA-256 of the image, 32 bytes. */
  readonly imageDigest: Uint8Array;
  /** 1..2^53-1. */
  readonly imageSizeBytes: number;
  /** Chip id of the image header, 0..65535; left out or -1, devices learn it from the payload. */
  readonly chipId?: number;
  /** 1..256 printable ASCII characters without a space. */
  readonly uri: string;
}

export interface ReleaseInput extends Omit<ManifestInput, "vendorId" | "classId"> {
  /** The vendor's domain name, lower case, e.g. "example.com". */
  readonly vendor: string;
  /** What the vendor calls this kind of device: 1..64 of A-Z a-z 0-9 . _ -. */
  readonly className: string;
}

export interface SignOptions {
  /** -19 (Ed25519, the default) or the deprecated -8 (EdDSA) for older devices. */
  readonly algorithm?: typeof label.algorithmEd25519 | typeof label.algorithmEdDsa;
}

/** Returns the envelope of one signed release. Throws `PackError`. */
export function packRelease(
  input: ReleaseInput,
  signers: readonly Signer[],
  digest: DigestFactory,
  options: SignOptions = {},
): Uint8Array {
  const domain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/;
  if (input.vendor.length > 253 || !domain.test(input.vendor)) {
    throw new PackError("vendor", `vendor "${input.vendor}" is not a domain name in lower case`);
  }
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(input.className)) {
    throw new PackError("class", "the class name must be 1 to 64 letters, digits, '.', '_' or '-'");
  }
  const vendorId = vendorIdOf(input.vendor, digest);
  const classId = classIdOf(vendorId, input.className, digest);
  return signEnvelope(buildManifest({ ...input, vendorId, classId }), signers, digest, options);
}

/** Returns the bytes of a manifest (the content of envelope key 3). Throws `PackError`. */
export function buildManifest(input: ManifestInput): Uint8Array {
  const version = versionNumbers(input.versionText);
  checkInput(input);
  const component = [asciiPart("fw")];
  const shared = new Map<number, unknown>([
    [label.parameterVendor, input.vendorId],
    [label.parameterClass, input.classId],
    [label.parameterImageDigest, encode([label.algorithmSha256, input.imageDigest])],
    [label.parameterImageSize, integer(input.imageSizeBytes)],
  ]);
  const imageMatch = [label.conditionImageMatch, label.policyCondition];
  const common = new Map<number, unknown>([
    [label.commonComponents, [component]],
    [
      label.commonSharedSequence,
      encode([
        ...[label.directiveOverrideParameters, shared],
        ...[label.conditionVendor, label.policyCondition],
        ...[label.conditionClass, label.policyCondition],
      ]),
    ],
  ]);
  const source = new Map<number, unknown>([[label.parameterUri, input.uri]]);
  const chipId = input.chipId ?? -1;
  if (chipId >= 0) source.set(label.parameterImageChip, chipId);
  const install = [
    ...[label.directiveOverrideParameters, source],
    ...[label.directiveFetch, label.policyDirective],
    ...imageMatch,
  ];
  const profile = input.profile ?? 1;
  const manifest = encode(
    new Map<number, unknown>([
      [label.manifestVersion, 1],
      [label.manifestSequenceNumber, integer(input.sequenceNumber)],
      [label.manifestCommon, encode(common)],
      [label.manifestComponentId, component],
      [label.manifestSetVersion, encode(version)],
      [label.manifestValidate, encode(imageMatch)],
      [label.manifestInvoke, encode([label.directiveInvoke, label.policyDirective])],
      [label.manifestInstall, encode(install)],
      ...(profile > 1 ? [[label.manifestProfile, integer(profile)] as const] : []),
    ]),
  );
  const release = readManifest(manifest, 0, manifest.length, input.imageDigest);
  if (typeof release === "string" || release.versionText !== input.versionText) {
    throw new PackError("internal", "the manifest written is not what the device would read");
  }
  return manifest;
}

/**
 * Returns an envelope around `manifest` (any bytes) with one signature block per signer, 1 to 4.
 * `signers` are asked for the same message, in order. Throws `PackError`.
 */
export function signEnvelope(
  manifest: Uint8Array,
  signers: readonly Signer[],
  digest: DigestFactory,
  options: SignOptions = {},
): Uint8Array {
  if (signers.length < 1 || signers.length > limits.signaturesMax) {
    throw new PackError("signers", `a release takes 1 to ${limits.signaturesMax} signatures`);
  }
  const algorithm = options.algorithm ?? label.algorithmEd25519;
  const item = encode(manifest);
  const running = digest("SHA256");
  // draft-ietf-suit-manifest-37 8.3: the digest covers the byte string with its header.
  running.write(item);
  const signedDigest = encode([label.algorithmSha256, running.close()]);
  const message = signedMessage(algorithm, signedDigest);
  const blocks = signers.map((signer, index) => {
    if (signer.publicKey.length !== 32) {
      throw new PackError("signers", "a public key must be 32 raw bytes");
    }
    if (signers.findIndex((other) => equalBytes(other.publicKey, signer.publicKey)) !== index) {
      throw new PackError("signers", "the same key may not sign twice");
    }
    const signature = signer.sign(message);
    if (signature.length !== signatureBytes) {
      throw new PackError("signers", "an Ed25519 signature must be 64 bytes");
    }
    const header = encode(new Map([[label.coseAlgorithm, algorithm]]));
    const hint = new Map([[label.coseKeyId, keyIdOf(signer.publicKey, digest)]]);
    return encode(new Tag([header, hint, null, signature], label.tagCoseSign1));
  });
  const members = new Map<number, Uint8Array>([
    [label.envelopeAuthentication, encode([signedDigest, ...blocks])],
    [label.envelopeManifest, manifest],
  ]);
  const envelope = encode(new Tag(members, label.tagEnvelope));
  if (envelope.length > limits.envelopeBytesMax) {
    throw new PackError("too-big", `the envelope would have ${envelope.length} bytes`);
  }
  if (readEnvelope(envelope, envelope.length) === null) {
    throw new PackError("internal", "the envelope written is not what the device would read");
  }
  return envelope;
}

function checkInput(input: ManifestInput): void {
  const profile = input.profile ?? 1;
  if (!Number.isSafeInteger(profile) || profile < 1) {
    throw new PackError("profile", "the profile must be from 1 to 2^53 - 1");
  }
  if (!Number.isSafeInteger(input.sequenceNumber) || input.sequenceNumber < 1) {
    throw new PackError("sequence-number", "the sequence number must be from 1 to 2^53 - 1");
  }
  if (input.vendorId.length !== 16) throw new PackError("vendor", "a vendor id has 16 bytes");
  if (input.classId.length !== 16) throw new PackError("class", "a class id has 16 bytes");
  if (input.imageDigest.length !== 32) throw new PackError("digest", "a SHA-256 has 32 bytes");
  if (!Number.isSafeInteger(input.imageSizeBytes) || input.imageSizeBytes < 1) {
    throw new PackError("size", "the image size must be from 1 to 2^53 - 1 bytes");
  }
  const chipId = input.chipId ?? -1;
  if (!Number.isInteger(chipId) || chipId < -1 || chipId > 0xffff) {
    throw new PackError("chip", "a chip id is a number from 0 to 65535");
  }
  if (
    input.uri.length < 1 ||
    input.uri.length > limits.uriBytesMax ||
    !/^[!-~]+$/.test(input.uri)
  ) {
    throw new PackError(
      "uri",
      `the URI must be 1 to ${limits.uriBytesMax} printable ASCII characters without a space`,
    );
  }
}

/** The encoding that `readVersion` turns back into the same text. */
function versionNumbers(text: string): unknown[] {
  const number = "(?:0|[1-9][0-9]*)";
  const form = new RegExp(
    `^(${number}(?:\\.${number}){0,2})(?:-(rc|beta|alpha)(?:\\.(${number}))?)?$`,
  );
  const match = form.exec(text);
  const release = match?.[1]?.split(".").map(Number);
  if (!match || !release || text.length > limits.versionTextBytesMax) {
    throw new PackError(
      "version",
      `version "${text}" is not like 1.4.0 or 1.4.0-rc.2 (also -beta, -alpha; no other suffix)`,
    );
  }
  const indicators: Record<string, number> = {
    rc: label.preReleaseCandidate,
    beta: label.preReleaseBeta,
    alpha: label.preReleaseAlpha,
  };
  const suffix = match[2] === undefined ? [] : [indicators[match[2]]];
  const suffixNumber = match[3] === undefined ? [] : [Number(match[3])];
  const numbers = [...release, ...suffix, ...suffixNumber];
  if (!numbers.every(Number.isSafeInteger)) {
    throw new PackError("version", `version "${text}" has a number above 2^53 - 1`);
  }
  return numbers.map(integer);
}

/** cbor-x writes a number above 2^32 - 1 as a float, a BigInt as an integer. */
function integer(value: number): number | bigint {
  return value < 2 ** 32 ? value : BigInt(value);
}

function asciiPart(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Deterministic as long as map keys come in order: cbor-x does not sort them. */
function encode(value: unknown): Uint8Array {
  const encoder = new Encoder({ useRecords: false, mapsAsObjects: false, tagUint8Array: false });
  const bytes: Uint8Array = encoder.encode(value);
  // cbor-x returns a view of a buffer that it shares.
  return Uint8Array.from(bytes);
}
