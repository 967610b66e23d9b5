/** Policy checks on an authentic release, all made before the first byte is fetched or erased. */
import { equalBytes } from "../bytes.js";
import type { KnownBad } from "../journal/records.js";
import type { Reason } from "../reasons.js";
import type { Release } from "../suit/manifest.js";

/** What the device knows of itself when it judges an offer. */
export interface DeviceFacts {
  readonly vendorId: Uint8Array;
  readonly classId: Uint8Array;
  /** Chip id of the running image's header (ESP-IDF esp_chip_id_t). */
  readonly chipId: number;
  readonly slotSizeBytes: number;
  readonly sequenceFloor: number;
  /** Manifest digest of the confirmed release. */
  readonly confirmedManifest: Uint8Array;
  /** Digest of the confirmed image. */
  readonly confirmedImage: Uint8Array;
  readonly knownBad: KnownBad;
  /** True when the slot to be written holds the confirmed image: another runs in its place. */
  readonly targetIsConfirmed: boolean;
}

/** Outcome for an authentic release: take it, it runs already, not before a repair, or why not. */
export type Judgement = "accept" | "nothing-new" | "installed" | "repair-first" | Reason;

/** Smallest ESP32 image: header, one segment header, checksum, appended SHA-256. */
const imageBytesMin = 24 + 8 + 16 + 32;

/** Judges an offer; draft-ietf-suit-manifest-37, RFC 9124 REQ.SEC.SEQUENCE, .COMPATIBLE. */
export function judge(release: Release, facts: DeviceFacts): Judgement {
  if (!equalBytes(release.vendorId, facts.vendorId)) return "vendor-mismatch";
  if (!equalBytes(release.classId, facts.classId)) return "class-mismatch";
  // Absent in manifests of other tools; then the image header decides, after the first block.
  if (release.chipId >= 0 && release.chipId !== facts.chipId) return "chip-mismatch";
  if (release.imageSizeBytes > facts.slotSizeBytes) return "image-too-big";
  if (release.imageSizeBytes < imageBytesMin) return "image-too-small";
  // draft-ietf-suit-manifest-37: a lower sequence number MUST be rejected; an equal one is the same
  // release again (resume) or a second release with a used number, which is refused.
  if (release.sequenceNumber < facts.sequenceFloor) return "sequence-too-low";
  if (release.sequenceNumber === facts.sequenceFloor) {
    if (equalBytes(release.manifestDigest, facts.confirmedManifest)) return "nothing-new";
    // After a flash by cable the image that set the floor is unknown: its release may come again.
    if (!isZero(facts.confirmedManifest)) return "sequence-reused";
  }
  if (isKnownBad(release, facts.knownBad)) return "known-bad";
  // P2: an update would be written over the last confirmed image.
  if (facts.targetIsConfirmed) return "repair-first";
  if (equalBytes(release.imageDigest, facts.confirmedImage)) return "installed";
  return "accept";
}

/** True when the release failed its trial on this device, or is older than all it remembers. */
export function isKnownBad(release: Release, bad: KnownBad): boolean {
  return release.sequenceNumber < bad.sequenceBelow || isBadDigest(release.manifestDigest, bad);
}

/** True when the manifest digest is that of a release that failed its trial on this device. */
export function isBadDigest(manifestDigest: Uint8Array, bad: KnownBad): boolean {
  for (let i = 0; i < bad.digests.length; i++) {
    const prefix = bad.digests[i];
    if (equalBytes(prefix, manifestDigest.subarray(0, prefix.length))) return true;
  }
  return false;
}

function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
