import type { Command } from "commander";
import { imageBytesLimit } from "../../../src/boot/image.js";
import { equalBytes, hex } from "../../../src/bytes.js";
import { digestOf } from "../../../src/crypto/digest.js";
import { verifyEd25519 } from "../../../src/crypto/ed25519.js";
import { limits } from "../../../src/limits.js";
import { explain, type Reason } from "../../../src/reasons.js";
import { authenticate } from "../../../src/suit/envelope.js";
import { parseManifest, type Release } from "../../../src/suit/manifest.js";
import { nodeDigest } from "../digest.js";
import { CliError } from "../errors.js";
import { readBounded } from "../files.js";
import { loadPublicKey } from "../keys.js";
import { checkNames, type ReleaseNames } from "../release-names.js";
import { printResult, renderVerify } from "../render.js";

export interface VerifyResult {
  readonly manifestDigest: string;
  readonly sequenceNumber: number;
  readonly versionText: string;
  readonly imageChecked: boolean;
}

interface VerifyOptions extends ReleaseNames {
  readonly trust: readonly string[];
  readonly image?: string;
  readonly json?: boolean;
}

/**
 * Verifies an envelope as a device with these trust anchors would, that it is for the names given,
 * and the image when one is named. Throws CliError with a code of src/reasons.ts, or of the files.
 */
export function verifyFile(
  path: string,
  trustPaths: readonly string[],
  imagePath: string | null,
  names: ReleaseNames = {},
): VerifyResult {
  const anchors = trustPaths.map(loadPublicKey);
  const bytes = readEnvelopeFile(path);
  const manifest = authenticate(bytes, bytes.length, anchors, nodeDigest, (key, signature, text) =>
    verifyEd25519(key, signature, text, nodeDigest),
  );
  if (typeof manifest === "string") throw refused(path, manifest);
  const release = parseManifest(manifest);
  if (typeof release === "string") throw refused(path, release);
  if (release.profile > limits.profileMax) throw refused(path, "manifest-unsupported");
  checkNames(path, names, { vendorId: hex(release.vendorId), classId: hex(release.classId) });
  if (imagePath !== null) verifyImageFile(imagePath, release);
  return {
    manifestDigest: hex(release.manifestDigest),
    sequenceNumber: release.sequenceNumber,
    versionText: release.versionText,
    imageChecked: imagePath !== null,
  };
}

export function registerVerify(program: Command): void {
  program
    .command("verify <envelope>")
    .description("check an envelope's signature, and its image, as a device would")
    .requiredOption("--trust <pem>", "a public key of the device; repeat it for more", appended)
    .option("--vendor <domain>", "also check that it is for this vendor")
    .option("--class <name>", "also check that it is for this device class")
    .option("--image <file>", "also check that this is the signed image")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ daruma verify releases/app.suit --trust keys/release.pub.pem
  $ daruma verify releases/app.suit --trust keys/release.pub.pem --image releases/app.bin --json

Exit code 0 when authentic, 1 with a reason code when not.
`,
    )
    .action((path: string, options: VerifyOptions) => {
      const result = verifyFile(path, options.trust, options.image ?? null, options);
      printResult(result, options.json === true, renderVerify);
    });
}

/** Not variadic: that would take the envelope for one more key. */
function appended(path: string, before: readonly string[] = []): string[] {
  return [...before, path];
}

function readEnvelopeFile(path: string): Uint8Array {
  try {
    return readBounded(path, limits.envelopeBytesMax, "an update envelope");
  } catch (error) {
    if (error instanceof CliError && error.code === "file-too-big") {
      throw refused(path, "envelope-too-big");
    }
    throw error;
  }
}

function verifyImageFile(path: string, release: Release): void {
  const image = readBounded(path, imageBytesLimit, "the image of the release");
  if (image.length !== release.imageSizeBytes) throw refused(path, "payload-size-mismatch");
  if (!equalBytes(digestOf(nodeDigest, "SHA256", image), release.imageDigest)) {
    throw new CliError(
      "image-digest-mismatch",
      `${path} is not the image that was signed: its SHA-256 differs; name the image it was ` +
        "packed from, or pack it again",
    );
  }
}

const packAgain = "pack it again";
const copyAgain = "copy it again from where it was packed";

/** What the person can do about a refusal. */
const advice: Readonly<Partial<Record<Reason, string>>> = {
  "envelope-too-big": 'name a file that "daruma pack" wrote',
  "envelope-malformed": `name a file that "daruma pack" wrote, or ${copyAgain}`,
  "digest-mismatch": `it was changed after it was signed: ${copyAgain}`,
  "signature-missing": `${packAgain} with this version of daruma`,
  "signature-untrusted": "name the public key of whoever signed it, if devices trust that one",
  "signature-invalid": `it was changed or forged: ${copyAgain}, and do not publish it`,
  "manifest-malformed": `${packAgain} with this version of daruma`,
  "manifest-unsupported": `${packAgain} with this version of daruma`,
  "payload-size-mismatch": `name the image it was packed from, or ${packAgain}`,
};

function refused(path: string, reason: Reason): CliError {
  const todo = advice[reason] ?? packAgain;
  return new CliError(reason, `${path} is refused: ${explain(reason)} (${reason}); ${todo}`);
}
