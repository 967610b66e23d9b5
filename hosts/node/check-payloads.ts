/** What a server must have beside its envelopes before devices ask for it. */
import { posix } from "node:path";
import type { ReleaseStore, StoredRelease } from "../../src/server/catalog.js";
import { etagOf } from "../../src/server/selection.js";
import { CliError } from "./errors.js";

/** Throws the first `payloadProblem` of the releases of a store. */
export function checkPayloads(store: ReleaseStore): void {
  for (const release of store.releases()) {
    const problem = payloadProblem(store, release);
    if (problem !== null) throw problem;
  }
}

/**
 * Null when every relative URI of the envelope names a file that this server would send, with the
 * bytes that were signed; else what is wrong: "payload-missing" or "payload-mismatch".
 */
export function payloadProblem(store: ReleaseStore, release: StoredRelease): CliError | null {
  for (const uri of release.info.uris) {
    // An absolute one is fetched from elsewhere.
    const problem = /^https?:\/\//i.test(uri) ? null : fileProblem(store, release, uri);
    if (problem !== null) return problem;
  }
  return null;
}

function fileProblem(store: ReleaseStore, release: StoredRelease, uri: string): CliError | null {
  const path = posix.join(posix.dirname(release.name), uri);
  const etag = etagAt(store, release, uri);
  if (etag === null) {
    return new CliError(
      "payload-missing",
      `${release.name} names ${uri}, but there is no file ${path} to send; copy the image there, ` +
        "or take the envelope away",
    );
  }
  const { imageDigest } = release.info;
  if (imageDigest === null || etag === etagOf(imageDigest)) return null;
  return new CliError(
    "payload-mismatch",
    `${path} is not the image that ${release.name} was signed for, and every device would refuse ` +
      "it; copy that image there, or pack this one",
  );
}

/** Tag of the payload; null when there is none that can be read. */
function etagAt(store: ReleaseStore, release: StoredRelease, uri: string): string | null {
  try {
    const opened = store.openPayload(release, uri);
    opened?.body.close();
    return opened?.etag ?? null;
  } catch {
    return null;
  }
}
