/** What a server must have beside its envelopes before devices ask for it. */
import { posix } from "node:path";
import type { ReleaseStore, StoredRelease } from "../../src/server/catalog.js";
import { etagOf } from "../../src/server/selection.js";
import { CliError } from "./errors.js";

/**
 * Throws CliError unless every relative URI of every envelope names a file that this server would
 * send ("payload-missing"), with the bytes that were signed ("payload-mismatch").
 */
export function checkPayloads(store: ReleaseStore): void {
  for (const release of store.releases()) {
    for (const uri of release.info.uris) {
      // An absolute one is fetched from elsewhere.
      if (!/^https?:\/\//i.test(uri)) checkPayload(store, release, uri);
    }
  }
}

function checkPayload(store: ReleaseStore, release: StoredRelease, uri: string): void {
  const path = posix.join(posix.dirname(release.name), uri);
  const opened = store.openPayload(release, uri);
  if (opened === null) {
    throw new CliError(
      "payload-missing",
      `${release.name} names ${uri}, but there is no file ${path} to send; copy the image there, ` +
        "or take the envelope away",
    );
  }
  opened.body.close();
  const { imageDigest } = release.info;
  if (imageDigest === null || opened.etag === etagOf(imageDigest)) return;
  throw new CliError(
    "payload-mismatch",
    `${path} is not the image that ${release.name} was signed for, and every device would refuse ` +
      "it; copy that image there, or pack this one",
  );
}
