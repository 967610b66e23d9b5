/** A release store in memory, for the simulator and for tests. */

import type { DigestFactory } from "../crypto/digest.js";
import { bytesBody } from "./body.js";
import type { DescribeEnvelope, OpenPayload, ReleaseStore, StoredRelease } from "./catalog.js";
import type { StoredReport } from "./report.js";
import { etagOfBytes } from "./selection.js";

export class MemoryStore implements ReleaseStore {
  readonly #digest: DigestFactory;
  readonly #describe: DescribeEnvelope;
  readonly #releases = new Map<string, StoredRelease>();
  readonly #payloads = new Map<string, { readonly bytes: Uint8Array; readonly etag: string }>();
  readonly #pins = new Map<string, string>();
  readonly #reports: StoredReport[] = [];

  constructor(digest: DigestFactory, describe: DescribeEnvelope) {
    this.#digest = digest;
    this.#describe = describe;
  }

  /**
   * Adds or replaces a release with the payloads that lie beside it, by URI path.
   * Throws RangeError when `envelope` is no envelope.
   */
  add(name: string, envelope: Uint8Array, payloads: ReadonlyMap<string, Uint8Array>): void {
    const info = this.#describe(envelope);
    if (info === null) throw new RangeError(`${name} is not an envelope`);
    const etag = etagOfBytes(this.#digest, envelope);
    this.#releases.set(name, { name, envelope, etag, info });
    for (const [uriPath, bytes] of payloads) {
      this.#payloads.set(`${name}\n${uriPath}`, { bytes, etag: etagOfBytes(this.#digest, bytes) });
    }
  }

  /** Withdraws a release. */
  remove(name: string): void {
    this.#releases.delete(name);
  }

  /** Holds a device at one release; null lets it follow the newest again. */
  pin(deviceId: string, name: string | null): void {
    if (name === null) this.#pins.delete(deviceId);
    else this.#pins.set(deviceId, name);
  }

  releases(): readonly StoredRelease[] {
    return [...this.#releases.values()];
  }

  pins(): ReadonlyMap<string, string> {
    return this.#pins;
  }

  openPayload(release: StoredRelease, uriPath: string): OpenPayload | null {
    const payload = this.#payloads.get(`${release.name}\n${uriPath}`);
    return payload === undefined ? null : { body: bytesBody(payload.bytes), etag: payload.etag };
  }

  appendReport(report: StoredReport): void {
    this.#reports.push(report);
  }

  reports(): readonly StoredReport[] {
    return this.#reports;
  }
}
