/** The releases of a store that devices can really have, and warnings about the others. */
import { hex } from "../../src/bytes.js";
import {
  inOrderOfOffer,
  type OpenPayload,
  type ReleaseStore,
  type StoredRelease,
} from "../../src/server/catalog.js";
import type { StoredReport } from "../../src/server/report.js";
import { payloadProblem } from "./check-payloads.js";

/**
 * A store without the releases whose payload is not there yet: an envelope copied before its image
 * would make every device fetch in vain. `warn` gets one line for each thing amiss when it appears,
 * and again only when it was mended in between.
 */
export class ReadyStore implements ReleaseStore {
  readonly #store: ReleaseStore;
  readonly #warn: (message: string) => void;
  #told: ReadonlySet<string> = new Set();

  constructor(store: ReleaseStore, warn: (message: string) => void) {
    this.#store = store;
    this.#warn = warn;
  }

  releases(): readonly StoredRelease[] {
    const all = this.#store.releases();
    const amiss = new Set<string>();
    const ready = all.filter((release) => {
      const problem = payloadProblem(this.#store, release);
      if (problem !== null) amiss.add(`${release.name} is not offered: ${problem.message}`);
      return problem === null;
    });
    for (const message of reusedSequences(ready)) amiss.add(message);
    for (const message of lostPins(this.#store.pins(), all)) amiss.add(message);
    for (const message of amiss) if (!this.#told.has(message)) this.#warn(message);
    this.#told = amiss;
    return ready;
  }

  pins(): ReadonlyMap<string, string> {
    return this.#store.pins();
  }

  openPayload(release: StoredRelease, uriPath: string): OpenPayload | null {
    return this.#store.openPayload(release, uriPath);
  }

  appendReport(report: StoredReport): void {
    this.#store.appendReport(report);
  }

  reports(): readonly StoredReport[] {
    return this.#store.reports();
  }
}

/** Two releases of one class with one sequence number: who took one refuses the other. */
function reusedSequences(releases: readonly StoredRelease[]): string[] {
  const messages: string[] = [];
  const firsts = new Map<string, StoredRelease>();
  for (const release of [...releases].sort(inOrderOfOffer)) {
    const { vendorId, classId, sequenceNumber, manifestDigest } = release.info;
    const key = `${hex(vendorId)}${hex(classId)}${sequenceNumber}`;
    const first = firsts.get(key);
    if (first === undefined) {
      firsts.set(key, release);
    } else if (hex(first.info.manifestDigest) !== hex(manifestDigest)) {
      messages.push(
        `${first.name} and ${release.name} are two releases of one class with sequence number ` +
          `${sequenceNumber}: ${first.name} comes first, and devices that took one refuse the ` +
          "other (sequence-reused); pack one again with a higher number",
      );
    }
  }
  return messages;
}

/** One line for each envelope that devices are pinned to and that is not there. */
function lostPins(
  pins: ReadonlyMap<string, string>,
  releases: readonly StoredRelease[],
): Iterable<string> {
  const names = new Set(releases.map((release) => release.name));
  const messages = new Map<string, string>();
  for (const [deviceId, name] of pins) {
    if (names.has(name) || messages.has(name)) continue;
    messages.set(
      name,
      `devices.json pins ${deviceId} to ${name}, but there is no such envelope: who is pinned to ` +
        "it is offered nothing; name an envelope by its path below the folder",
    );
  }
  return messages.values();
}
