/**
 * The closed set of reason codes: why an update was refused, failed or ended. Stable: they appear
 * in reports, in the journal, in `--json` output and in exit messages. `explain` gives the
 * sentence.
 */
export type Reason = keyof typeof explanations;

const explanations = Object.freeze({
  // The envelope, before its signature is believed.
  "envelope-too-big": "the envelope is larger than 4096 bytes",
  "envelope-malformed": "the envelope is not a SUIT envelope in deterministic CBOR",
  "digest-mismatch": "the manifest does not have the digest that was signed",
  "signature-missing": "no signature block of a supported algorithm is present",
  "signature-untrusted": "no signature is by a trust anchor of this device",
  "signature-invalid": "a signature by a trust anchor does not verify",
  // The manifest, once authentic.
  "manifest-malformed": "the signed manifest is not in this agent's profile",
  "manifest-unsupported":
    "the manifest uses a command, parameter, component or profile that is not supported",
  // Checks before the first byte is fetched or erased.
  "vendor-mismatch": "the release is for another vendor",
  "class-mismatch": "the release is for another device class",
  "chip-mismatch": "the image is for another chip",
  "image-too-big": "the image does not fit the slot",
  "image-too-small": "the image is smaller than an ESP32 image header",
  "sequence-too-low": "the sequence number is below the newest confirmed release",
  "sequence-reused": "another release already has this sequence number",
  "known-bad": "this release already failed on this device",
  "uri-unsupported": "the payload URI is of a kind that this device cannot fetch",
  vetoed: "the application declined the update for now",
  "trial-running": "another release is still on trial",
  "wear-held": "no update may begin now: too many have begun in too short a time for the flash",
  "retry-held": "the release failed here for a cause that may pass; its next try is not due yet",
  "older-held": "a newer release was begun before; an older one must be on offer for a day first",
  "rollback-unavailable":
    "the bootloader cannot go back to the old image by itself, so nothing is installed",
  // Download and write.
  "image-header-mismatch": "the payload does not begin with an ESP32 image header that fits",
  "payload-size-mismatch": "the server's payload is not as long as the signed size",
  "download-failed": "the payload could not be fetched within the allowed tries",
  "image-digest-mismatch": "the bytes read back from flash do not have the signed digest",
  "flash-failed": "the flash reported an error",
  withdrawn: "the server no longer offers the release",
  superseded: "the server offers another release",
  // Stage, trial, confirm, revert.
  "stage-failed": "the boot record could not be changed to the new slot",
  "stage-lost": "the boot record lost the new slot more often than is allowed",
  "image-unbootable": "the bootloader refused the new image",
  crashed: "the new image crashed before it was confirmed",
  "watchdog-reset": "the new image hung and the watchdog restarted the chip",
  "power-unstable": "the supply was lost in every trial that was allowed",
  "brown-out": "the supply broke down while the new image was on trial",
  "self-test-failed": "a self-test of the new image failed",
  "trial-timeout": "the new image did not finish its self-tests in time",
  "server-unreachable": "the new image did not reach the update server in time",
  "confirm-failed": "the boot record could not be changed to keep the new image",
  "revert-impossible": "there is no other image to go back to",
  confirmed: "the new image runs and is kept",
  "already-installed": "the offered image was running already and is now kept as this release",
  repaired: "the boot record had lost the confirmed image; it runs again without a download",
  // The device itself.
  "journal-failed": "the journal could not be written",
} as const);

/** What happened, in one sentence without its full stop. */
export function explain(reason: Reason): string {
  return explanations[reason];
}

/** All codes, in the order of an update. */
export function reasonCodes(): Reason[] {
  return Object.keys(explanations) as Reason[];
}

/** True for a text that is one of the codes; used when a record or a report is read. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(explanations, text);
}
