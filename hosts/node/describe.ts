/** Reading envelopes on the desk, where nobody asks yet whether they are authentic. */

import { equalBytes } from "../../src/bytes.js";
import type { EnvelopeInfo } from "../../src/server/catalog.js";
import { manifestDigestOf, readEnvelope } from "../../src/suit/envelope.js";
import { readManifest } from "../../src/suit/manifest.js";
import { nodeDigest } from "./digest.js";

/** What the update server needs of an envelope; null when it is not one of the profile. */
export function describeForServer(envelope: Uint8Array): EnvelopeInfo | null {
  const parts = readEnvelope(envelope, envelope.length);
  if (parts === null) return null;
  const digest = manifestDigestOf(envelope, parts, nodeDigest);
  // Every device would refuse it, so offering it would only cost them.
  if (!equalBytes(digest, parts.manifestDigest)) return null;
  const release = readManifest(envelope, parts.start, parts.end, parts.manifestDigest);
  return typeof release === "string" ? null : { ...release, uris: [release.uri] };
}
