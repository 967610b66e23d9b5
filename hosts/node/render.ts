/** Everything the command line prints: results as text or as one line of JSON, and errors. */

import type { ReleaseDescription } from "../../src/author/describe.js";
import { type BootReport, renderBoot } from "./commands/boot.js";
import type { InspectResult } from "./commands/inspect.js";
import type { PackResult } from "./commands/pack.js";
import type { ServeResult } from "./commands/serve.js";
import type { SimulateResult } from "./commands/simulate.js";
import type { VerifyResult } from "./commands/verify.js";
import type { CliError } from "./errors.js";
import type { KeyFiles } from "./keys.js";

/**
 * `text` without what a terminal would obey: names in an image or a flash are not the operator's
 * own. JSON needs no such care, as it escapes control characters itself.
 */
function printable(text: string): string {
  return text.replace(/[^\P{C}\n]/gu, "?");
}

/** Prints a result: `{"ok":true,...}` on one line with --json, else the text of `render`. */
export function printResult<T extends object>(
  result: T,
  json: boolean,
  render: (result: T) => string,
): void {
  const text = json ? JSON.stringify({ ok: true, ...result }) : printable(render(result));
  process.stdout.write(`${text}\n`);
}

/** Prints a refusal to stderr, or as JSON to stdout with --json. */
export function printError(error: CliError, json: boolean): void {
  if (json) {
    const line = JSON.stringify({ ok: false, code: error.code, message: error.message });
    process.stdout.write(`${line}\n`);
  } else {
    process.stderr.write(`daruma: ${printable(error.message)}\n`);
  }
}

/** A warning never changes the result; it goes to stderr so that stdout stays parseable. */
export function printWarning(message: string): void {
  process.stderr.write(`daruma: warning: ${printable(message)}\n`);
}

/** One file's boot; JSON is the report alone, one line a file, for line-wise tools. */
export function printBoot(report: BootReport, json: boolean): void {
  process.stdout.write(`${json ? JSON.stringify(report) : printable(renderBoot(report))}\n`);
}

export function renderKeygen(files: Pick<KeyFiles, "privateKeyPath" | "publicKeyPath">): string {
  return [
    `private key: ${files.privateKeyPath}  (signs releases; keep it offline and backed up)`,
    `public key:  ${files.publicKeyPath}  (the trust anchor; build it into devices)`,
  ].join("\n");
}

export function renderPack(result: PackResult): string {
  return [
    `packed ${result.out} (${result.envelopeSizeBytes} bytes)`,
    `  release   ${result.manifestDigest}`,
    `  sequence  ${result.sequenceNumber}, version ${result.versionText}`,
    `  image     ${result.imageSizeBytes} bytes for ${result.chip}, SHA-256 ${result.imageDigest}`,
    `  serve it  ${whereToServe(result)}`,
  ].join("\n");
}

function whereToServe({ uri, vendor, className }: PackResult): string {
  const folder = `/${vendor}/${className}/`;
  if (/^https?:\/\//.test(uri)) return `put the image at ${uri}, the envelope at ${folder}`;
  return `put ${uri} beside the envelope, at ${folder}`;
}

export function renderInspect(result: InspectResult): string {
  const lines = [
    `envelope    ${result.sizeBytes} bytes`,
    `problem     ${result.problem ?? "none seen; signatures are not checked here, see verify"}`,
  ];
  const manifest = result.manifest;
  if (manifest !== null) {
    lines.push(
      `release     ${manifest.digest}${manifest.digestMatches ? "" : " (does not match)"}`,
    );
  }
  const release = manifest?.release ?? null;
  if (release !== null) {
    lines.push(
      `profile     ${release.profile}`,
      `sequence    ${release.sequenceNumber}`,
      `version     ${release.versionText}`,
      `vendor id   ${release.vendorId}`,
      `class id    ${release.classId}`,
      `image       ${release.imageSizeBytes} bytes, SHA-256 ${release.imageDigest}`,
      `chip        ${chipText(release)}`,
      `uri         ${release.uri}`,
    );
  }
  for (const block of result.signatures) {
    const support = block.supported ? "" : " (not supported)";
    lines.push(
      `signature   algorithm ${block.algorithm}${support}, key ${block.keyId ?? "unnamed"}`,
    );
  }
  return lines.join("\n");
}

function chipText({ chip, chipId }: ReleaseDescription): string {
  if (chipId === null) return "not said";
  return chip ?? `unknown, id ${chipId}`;
}

export function renderVerify(result: VerifyResult): string {
  const image = result.imageChecked ? "; the image is the signed one" : "";
  return (
    `authentic: release ${result.manifestDigest}, sequence ${result.sequenceNumber}, ` +
    `version ${result.versionText}${image}`
  );
}

export function renderServe({ dir, url, offers }: ServeResult): string {
  const lines = offers.map(({ file, classId, profile, sequenceNumber, versionText }) => {
    const version = versionText ?? "unnamed";
    const whom = profile === 1 ? "" : `, to agents of profile ${profile} and above`;
    const what = `class id ${classId}, sequence ${sequenceNumber}, version ${version}`;
    return `  offers ${file}: ${what}${whom}`;
  });
  if (lines.length === 0) lines.push("  offers nothing yet: there is no release with its payload");
  return [`serving ${dir} at ${url} (status: ${url}/status); Ctrl-C ends it`, ...lines].join("\n");
}

export function renderSimulation(result: SimulateResult): string {
  const lines = result.timeline.map(
    ({ atMs, text }) => `${(atMs / 1000).toFixed(3).padStart(10)} s  ${text}`,
  );
  lines.push("");
  for (const { promise, held, text } of result.promises) {
    lines.push(`${promise}  ${held ? "held    " : "VIOLATED"}  ${text}`);
  }
  lines.push(
    "",
    `simulated: ${result.flashBytes / 1024} KB of flash, two slots of ${result.slotBytes} bytes`,
    ...misfit(result),
    `firmware ${result.firmware}, seed ${result.seed}: ${result.result} (${result.reason}), the ` +
      `${result.newImageRuns ? "new" : "old"} image runs`,
    `${result.boots} boots, ${result.payloadBytes} bytes of payload, ${result.keyValueWrites} ` +
      `journal writes, ${(result.durationMs / 1000).toFixed(0)} s of virtual time`,
    result.passed ? "passed" : "FAILED",
  );
  return lines.join("\n");
}

/** One line when the larger image is too big for the published table of 4 MB. */
function misfit({ imageBytes, fitsTables }: SimulateResult): string[] {
  if (fitsTables.includes("4mb.csv")) return [];
  const larger = fitsTables.length > 0 ? "it fits 8mb.csv" : "nor 8mb.csv";
  return [`an image of ${imageBytes} bytes does not fit manifests/partitions/4mb.csv; ${larger}`];
}
