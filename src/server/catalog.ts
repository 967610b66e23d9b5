/** The releases of a server, and which of them a device is offered. */

import { equalBytes, hex } from "../bytes.js";
import type { DigestFactory } from "../crypto/digest.js";
import { classIdOf, vendorIdOf } from "../suit/uuid5.js";
import type { Body } from "./body.js";
import type { StoredReport } from "./report.js";

/** What the server must know of an envelope. It trusts none of it: devices verify. */
export interface EnvelopeInfo {
  /** 16 bytes each: UUIDv5 of vendor and class names. */
  readonly vendorId: Uint8Array;
  readonly classId: Uint8Array;
  /** Lowest profile whose agents can read it. */
  readonly profile: number;
  readonly sequenceNumber: number;
  /** Payload URIs that the manifest names, relative to the envelope's own URL. */
  readonly uris: readonly string[];
  /** 32 bytes: the identity of the release. */
  readonly manifestDigest: Uint8Array;
  readonly versionText: string | null;
  readonly imageDigest: Uint8Array | null;
  readonly imageSizeBytes: number | null;
}

/** Reads an envelope; null when the bytes are none. */
export type DescribeEnvelope = (envelope: Uint8Array) => EnvelopeInfo | null;

/** One envelope in the store. */
export interface StoredRelease {
  /** Unique in the store: the path of the envelope below the store's root, "/" between parts. */
  readonly name: string;
  readonly envelope: Uint8Array;
  /** Strong entity tag of the envelope, quotes included. */
  readonly etag: string;
  readonly info: EnvelopeInfo;
}

/** A payload opened for one answer; `body.close` must be called. */
export interface OpenPayload {
  readonly body: Body;
  readonly etag: string;
}

/** Where releases and reports live. All calls are synchronous. */
export interface ReleaseStore {
  releases(): readonly StoredRelease[];
  /** Device id -> release name. */
  pins(): ReadonlyMap<string, string>;
  /** Opens the file at `uriPath` beside the release's envelope; null when there is none. */
  openPayload(release: StoredRelease, uriPath: string): OpenPayload | null;
  /** Returns when the report is safe from a power cut. Throws when it cannot be kept. */
  appendReport(report: StoredReport): void;
  /** All stored reports, oldest first. */
  reports(): readonly StoredReport[];
}

/** Vendor and class identifiers, 16 bytes each. */
export interface ClassIds {
  readonly vendorId: Uint8Array;
  readonly classId: Uint8Array;
}

/** The identifiers that a device derives from its two names (UUIDv5, RFC 9562 5.5). */
export function classIdsOf(digest: DigestFactory, vendor: string, deviceClass: string): ClassIds {
  const vendorId = vendorIdOf(vendor, digest);
  return { vendorId, classId: classIdOf(vendorId, deviceClass, digest) };
}

/** What a device tells of itself when it asks. */
export interface Asker {
  /** Null when it does not tell, or nothing that is one. */
  readonly deviceId: string | null;
  /** The newest manifest profile that it reads. */
  readonly profile: number;
}

/**
 * The release for one device of a class, or null: the newest that its agent can read. A pin decides
 * alone: when it names a release that is absent, of another class or of a newer profile, the device
 * is offered nothing, as somebody meant to hold it.
 */
export function offerFor(store: ReleaseStore, ids: ClassIds, asker: Asker): StoredRelease | null {
  const { deviceId, profile } = asker;
  const releases = releasesOf(store, ids).filter(({ info }) => info.profile <= profile);
  const pinned = deviceId === null ? undefined : store.pins().get(deviceId);
  if (pinned !== undefined) return releases.find((release) => release.name === pinned) ?? null;
  return releases[0] ?? null;
}

/**
 * The release whose payload a device means by `uriPath`: the one it is offered when that names
 * this URI, else the newest that does. Two releases in two folders may both say "app.bin".
 */
export function payloadOwner(
  store: ReleaseStore,
  ids: ClassIds,
  asker: Asker,
  uriPath: string,
): StoredRelease | null {
  const offered = offerFor(store, ids, asker);
  if (offered?.info.uris.includes(uriPath)) return offered;
  for (const release of releasesOf(store, ids)) {
    if (release.info.uris.includes(uriPath)) return release;
  }
  return null;
}

/**
 * What devices without a pin are offered: the newest release of every class, and older ones where
 * an agent of a lower profile cannot read those before.
 */
export function offersToAll(store: ReleaseStore): StoredRelease[] {
  const lowest = new Map<string, number>();
  return [...store.releases()].sort(inOrderOfOffer).filter(({ info }) => {
    const key = hex(info.vendorId) + hex(info.classId);
    const isOffered = info.profile < (lowest.get(key) ?? Number.POSITIVE_INFINITY);
    if (isOffered) lowest.set(key, info.profile);
    return isOffered;
  });
}

/** Compares releases: highest sequence number first; equal numbers in order of their names. */
export function inOrderOfOffer(a: StoredRelease, b: StoredRelease): number {
  return b.info.sequenceNumber - a.info.sequenceNumber || (a.name < b.name ? -1 : 1);
}

/** Releases of a class in order of offer. */
function releasesOf(store: ReleaseStore, ids: ClassIds): StoredRelease[] {
  return store
    .releases()
    .filter(
      ({ info }) =>
        equalBytes(info.vendorId, ids.vendorId) && equalBytes(info.classId, ids.classId),
    )
    .sort(inOrderOfOffer);
}
