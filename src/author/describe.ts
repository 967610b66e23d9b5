/** What an envelope says, for people and tools. Needs no key, and so proves nothing. */

import { chipById } from "../boot/chips.js";
import { equalBytes, hex } from "../bytes.js";
import type { DigestFactory } from "../crypto/digest.js";
import { limits } from "../limits.js";
import type { Reason } from "../reasons.js";
import { isEd25519, manifestDigestOf, readEnvelope } from "../suit/envelope.js";
import { readManifest } from "../suit/manifest.js";

/** Bytes are in lower-case hexadecimal; made for JSON. */
export interface EnvelopeDescription {
  readonly sizeBytes: number;
  /** Why a device would refuse it, whoever signed it; null if it would not. */
  readonly problem: Reason | null;
  /** Null when the envelope is not well formed. */
  readonly manifest: ManifestDescription | null;
  readonly signatures: readonly SignatureDescription[];
}

export interface ManifestDescription {
  readonly sizeBytes: number;
  /** The digest that was signed. */
  readonly digest: string;
  readonly digestMatches: boolean;
  /** Null when the manifest is not in the profile; `problem` says so. */
  readonly release: ReleaseDescription | null;
}

export interface ReleaseDescription {
  /** Lowest profile whose agents can read it. */
  readonly profile: number;
  readonly sequenceNumber: number;
  readonly versionText: string;
  readonly vendorId: string;
  readonly classId: string;
  readonly imageDigest: string;
  readonly imageSizeBytes: number;
  /** Chip id of the image header; null when the release does not say. */
  readonly chipId: number | null;
  /** Its name, "esp32c3"; null also for an id that is not known here. */
  readonly chip: string | null;
  readonly uri: string;
}

export interface SignatureDescription {
  /** COSE algorithm id. */
  readonly algorithm: number;
  /** True when a device can check it. */
  readonly supported: boolean;
  readonly keyId: string | null;
}

/** Describes any bytes; never throws. */
export function describeEnvelope(bytes: Uint8Array, digest: DigestFactory): EnvelopeDescription {
  const parts = readEnvelope(bytes, bytes.length);
  const tooBig = bytes.length > limits.envelopeBytesMax;
  if (parts === null) {
    const problem = tooBig ? "envelope-too-big" : "envelope-malformed";
    return { sizeBytes: bytes.length, problem, manifest: null, signatures: [] };
  }
  const digestMatches = equalBytes(manifestDigestOf(bytes, parts, digest), parts.manifestDigest);
  const release = readManifest(bytes, parts.start, parts.end, parts.manifestDigest);
  const signatures = parts.signatures.map((block) => ({
    algorithm: block.algorithm,
    supported: isEd25519(block.algorithm),
    keyId: block.keyId === null ? null : hex(block.keyId),
  }));
  let problem: Reason | null = typeof release === "string" ? release : null;
  if (typeof release !== "string" && release.profile > limits.profileMax) {
    problem = "manifest-unsupported";
  }
  if (!signatures.some((block) => block.supported)) problem = "signature-missing";
  if (!digestMatches) problem = "digest-mismatch";
  if (tooBig) problem = "envelope-too-big";
  return {
    sizeBytes: bytes.length,
    problem,
    manifest: {
      sizeBytes: parts.end - parts.start,
      digest: hex(parts.manifestDigest),
      digestMatches,
      release:
        typeof release === "string"
          ? null
          : {
              profile: release.profile,
              sequenceNumber: release.sequenceNumber,
              versionText: release.versionText,
              vendorId: hex(release.vendorId),
              classId: hex(release.classId),
              imageDigest: hex(release.imageDigest),
              imageSizeBytes: release.imageSizeBytes,
              chipId: release.chipId < 0 ? null : release.chipId,
              chip: chipById(release.chipId)?.name ?? null,
              uri: release.uri,
            },
    },
    signatures,
  };
}
