import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { resolveUri } from "../../../src/agent/url.js";
import { PackError, type PackErrorCode, packRelease } from "../../../src/author/envelope.js";
import { chipByName, chipNames } from "../../../src/boot/chips.js";
import { hex } from "../../../src/bytes.js";
import { digestOf } from "../../../src/crypto/digest.js";
import type { HttpScheme } from "../../../src/hal.js";
import { limits } from "../../../src/limits.js";
import { readEnvelope } from "../../../src/suit/envelope.js";
import { checkImage } from "../app-image.js";
import { nodeDigest } from "../digest.js";
import { CliError } from "../errors.js";
import { readBounded, writeWhole } from "../files.js";
import { loadSigner } from "../keys.js";
import { printResult, printWarning, renderPack } from "../render.js";

export interface PackOptions {
  readonly image: string;
  readonly key: string;
  readonly sequence: number;
  /** Default: the version in the image's app descriptor. */
  readonly version?: string;
  readonly vendor: string;
  readonly class: string;
  /** The chip that the image must be for; any when absent. */
  readonly chip?: string;
  readonly uri: string;
  readonly out: string;
}

export interface PackResult {
  readonly out: string;
  readonly envelopeSizeBytes: number;
  readonly manifestDigest: string;
  readonly sequenceNumber: number;
  readonly versionText: string;
  readonly vendor: string;
  readonly className: string;
  readonly chip: string;
  readonly imageDigest: string;
  readonly imageSizeBytes: number;
  readonly uri: string;
}

/** Options whose value packRelease alone can judge. */
const optionOf: Readonly<Partial<Record<PackErrorCode, string>>> = {
  vendor: "--vendor",
  class: "--class",
  version: "--version",
};

/** Packs and signs a release. Throws CliError. */
export function packFile(options: PackOptions, warn: (message: string) => void): PackResult {
  for (const input of [options.image, options.key]) {
    if (resolve(options.out) === resolve(input)) {
      throw new CliError("out-is-input", `--out ${options.out} would overwrite ${input}`, 2);
    }
  }
  if (existsSync(options.out) && statSync(options.out).isDirectory()) {
    const example = join(options.out, "app.suit");
    const text = `--out ${options.out} is a folder; name the envelope to write, like ${example}`;
    throw new CliError("usage", text, 2);
  }
  if (!isEnvelopeOrAbsent(options.out)) {
    throw new CliError("out-exists", `${options.out} is no envelope and is not replaced`);
  }
  if (!["http", "https"].some((scheme) => isFetchable(scheme as HttpScheme, options.uri))) {
    throw new CliError(
      "usage",
      `--uri ${options.uri} is nothing that a device would fetch: it is a path relative to the ` +
        'envelope without "." and ".." in it, or an http:// or https:// URL, of at most ' +
        `${limits.uriBytesMax} printable ASCII characters`,
      2,
    );
  }
  const image = checkImage(options.image);
  if (options.chip !== undefined && options.chip !== image.chip) {
    throw new CliError(
      "chip-mismatch",
      `${options.image} is for ${image.chip}, not for ${options.chip}; no ${options.chip} would ` +
        "take it: name the image that was built for it",
    );
  }
  const signer = loadSigner(options.key, warn);
  const versionText = options.version ?? image.version;
  if (options.version !== undefined && options.version !== image.version) {
    warn(`the image calls itself "${image.version}", the release is packed as ${versionText}`);
  }
  const imageDigest = digestOf(nodeDigest, "SHA256", image.bytes);
  const envelope = pack({
    sequenceNumber: options.sequence,
    versionText,
    vendor: options.vendor,
    className: options.class,
    imageDigest,
    imageSizeBytes: image.bytes.length,
    chipId: image.chipId,
    uri: options.uri,
  });
  const parts = readEnvelope(envelope, envelope.length);
  if (parts === null) throw new CliError("pack-internal", "the envelope written cannot be read");
  writeWhole(options.out, envelope);
  return {
    out: options.out,
    envelopeSizeBytes: envelope.length,
    manifestDigest: hex(parts.manifestDigest),
    sequenceNumber: options.sequence,
    versionText,
    vendor: options.vendor,
    className: options.class,
    chip: image.chip,
    imageDigest: hex(imageDigest),
    imageSizeBytes: image.bytes.length,
    uri: options.uri,
  };

  function pack(input: Parameters<typeof packRelease>[0]): Uint8Array {
    try {
      return packRelease(input, [signer], nodeDigest);
    } catch (error) {
      if (!(error instanceof PackError)) throw error;
      const option = optionOf[error.code];
      if (option === undefined) throw new CliError(`pack-${error.code}`, error.message);
      throw new CliError("usage", `${option}: ${error.message}`, 2);
    }
  }
}

/** True when `path` may be written: nothing is there, or an older envelope. */
function isEnvelopeOrAbsent(path: string): boolean {
  if (!existsSync(path)) return true;
  const bytes = readBounded(path, limits.envelopeBytesMax, "an envelope");
  return readEnvelope(bytes, bytes.length) !== null;
}

/** The agent's own rule, against any address of an offer. */
function isFetchable(scheme: HttpScheme, uri: string): boolean {
  return resolveUri({ scheme, hostname: "h", port: 80, path: "/v/c/latest.suit" }, uri) !== null;
}

export function registerPack(program: Command): void {
  program
    .command("pack")
    .description("make a signed update envelope for an image")
    .requiredOption("--image <file>", "ESP32 application image (app.bin)")
    .requiredOption("--key <pem>", "private Ed25519 key")
    .requiredOption("--sequence <number>", "rises with every release", sequenceOf)
    .option("--version <text>", "for people; default: the version in the image")
    .requiredOption("--vendor <domain>", "vendor's domain name")
    .requiredOption("--class <name>", "device class")
    .option("--chip <name>", "refuse an image for another chip", chipOf)
    .requiredOption(
      "--uri <path>",
      "where devices fetch the image: relative to the envelope, or a URL",
    )
    .requiredOption("--out <file>", "envelope to write")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ daruma pack --image app.bin --key keys/release.key.pem --sequence 12 --version 1.4.0 \\
      --vendor example.com --class lamp-v2 --uri app.bin --out releases/app.suit
`,
    )
    .action((options: PackOptions & { json?: boolean }) => {
      printResult(packFile(options, printWarning), options.json === true, renderPack);
    });
}

function chipOf(text: string): string {
  if (chipByName(text) !== null) return text;
  throw new CliError("usage", `--chip ${text} is none of ${chipNames().join(", ")}`, 2);
}

function sequenceOf(text: string): number {
  const value = Number(text);
  if (/^[1-9]\d*$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new CliError("usage", `--sequence ${text} is not a whole number from 1 to 2^53-1`, 2);
}
