import type { Command } from "commander";
import { describeEnvelope, type EnvelopeDescription } from "../../../src/author/describe.js";
import { nodeDigest } from "../digest.js";
import { CliError } from "../errors.js";
import { readBounded } from "../files.js";
import { printResult, renderInspect } from "../render.js";

export type InspectResult = EnvelopeDescription;

/** An envelope file may be too big for devices and still be looked at. */
const inspectBytesMax = 1024 * 1024;

/** Describes an envelope file. Throws CliError when it is no envelope at all. */
export function inspectFile(path: string): InspectResult {
  const bytes = readBounded(path, inspectBytesMax, "an update envelope");
  const description = describeEnvelope(bytes, nodeDigest);
  if (description.manifest === null) {
    throw new CliError(
      description.problem ?? "envelope-malformed",
      `${path} is not an update envelope; name a file that "daruma pack" wrote`,
    );
  }
  return description;
}

export function registerInspect(program: Command): void {
  program
    .command("inspect <envelope>")
    .description("show what an envelope says, without checking who signed it")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ daruma inspect releases/app.suit
  $ daruma inspect releases/app.suit --json
`,
    )
    .action((path: string, options: { json?: boolean }) => {
      printResult(inspectFile(path), options.json === true, renderInspect);
    });
}
