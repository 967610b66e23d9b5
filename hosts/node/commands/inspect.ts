import type { Command } from "commander";
import { describeEnvelope, type EnvelopeDescription } from "../../../src/author/describe.js";
import { nodeDigest } from "../digest.js";
import { CliError } from "../errors.js";
import { readBounded } from "../files.js";
import { checkNames, type ReleaseNames } from "../release-names.js";
import { printResult, renderInspect } from "../render.js";

export type InspectResult = EnvelopeDescription;

/** An envelope file may be too big for devices and still be looked at. */
const inspectBytesMax = 1024 * 1024;

/**
 * Describes an envelope file. Throws CliError when it is no envelope at all, or not for the names
 * that are given.
 */
export function inspectFile(path: string, names: ReleaseNames = {}): InspectResult {
  const bytes = readBounded(path, inspectBytesMax, "an update envelope");
  const description = describeEnvelope(bytes, nodeDigest);
  if (description.manifest === null) {
    throw new CliError(
      description.problem ?? "envelope-malformed",
      `${path} is not an update envelope; name a file that "daruma pack" wrote`,
    );
  }
  const { release } = description.manifest;
  if (release !== null) {
    checkNames(path, names, release);
  } else if (names.vendor !== undefined || names.class !== undefined) {
    throw new CliError(
      description.problem ?? "manifest-malformed",
      `${path} has no manifest in which a vendor and a class could be looked for; pack it again`,
    );
  }
  return description;
}

export function registerInspect(program: Command): void {
  program
    .command("inspect <envelope>")
    .description("show what an envelope says, without checking who signed it")
    .option("--vendor <domain>", "fail unless it is for this vendor")
    .option("--class <name>", "fail unless it is for this device class")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ daruma inspect releases/app.suit
  $ daruma inspect releases/app.suit --vendor example.com --class lamp-v2 --json
`,
    )
    .action((path: string, options: ReleaseNames & { json?: boolean }) => {
      printResult(inspectFile(path, options), options.json === true, renderInspect);
    });
}
