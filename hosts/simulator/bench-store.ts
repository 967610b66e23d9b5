/** The server's store on a bench: its reports can be set back, its payloads never change. */
import type { DigestFactory } from "../../src/crypto/digest.js";
import { bytesBody } from "../../src/server/body.js";
import { classIdsOf, type OpenPayload, type StoredRelease } from "../../src/server/catalog.js";
import { MemoryStore } from "../../src/server/memory-store.js";
import type { StoredReport } from "../../src/server/report.js";
import { etagOfBytes } from "../../src/server/selection.js";
import { attemptIn } from "./journal-view.js";
import type { BenchOptions } from "./rest.js";
import type { SimulatedRelease } from "./simulation.js";

export class BenchStore extends MemoryStore {
  received: readonly StoredReport[] = [];
  /** Entity tags by payload: the bytes of a bench never change. */
  readonly #tags = new Map<string, string>();
  readonly #images: readonly SimulatedRelease[];
  readonly #digest: DigestFactory;

  constructor(options: BenchOptions) {
    const { natives, describe, vendor, deviceClass } = options;
    const ids = classIdsOf(natives.digestFactory, vendor, deviceClass);
    // It offers the device whatever is published, also what is for another vendor or class.
    super(natives.digestFactory, (envelope) => {
      const info = describe(envelope);
      return info === null ? null : { ...info, ...ids };
    });
    this.#images = options.releases;
    this.#digest = options.natives.digestFactory;
  }

  override openPayload(release: StoredRelease, uriPath: string): OpenPayload | null {
    const owner = this.#images.find((one) => one.name === release.name);
    if (owner === undefined || owner.uri !== uriPath) return null;
    let etag = this.#tags.get(uriPath);
    if (etag === undefined) {
      etag = etagOfBytes(this.#digest, owner.image);
      this.#tags.set(uriPath, etag);
    }
    return { body: bytesBody(owner.image), etag };
  }

  override appendReport(report: StoredReport): void {
    this.received = [...this.received, report];
  }

  override reports(): readonly StoredReport[] {
    return this.received;
  }
}

/** True for the record of an attempt that is under way; one that is closed stays in the journal. */
export function isOpen(record: Uint8Array | null): boolean {
  return attemptIn(record)?.closed === false;
}
