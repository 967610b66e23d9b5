import type { Command } from "commander";
import { CliError } from "../errors.js";
import { printBoot } from "../render.js";
import { BootCommandError, type BootReport, bootFiles } from "./boot.js";

interface Options {
  readonly chip?: string;
  readonly write?: boolean;
  readonly json?: boolean;
}

export function registerBoot(program: Command): void {
  program
    .command("boot <flash...>")
    .description("tell what the bootloader would do with flash files, and why")
    .option("--chip <name>", "chip of the flash; default: the one that its images are for")
    .option("--write", "apply to the files what the bootloader writes")
    .option("--json", "print one line of JSON per file")
    .addHelpText(
      "after",
      `
Examples:
  $ daruma boot flash.bin
  $ daruma boot flash.bin --chip esp32c3 --write --json

Exit code 0 when every file boots, 1 when one resets for ever.
`,
    )
    .action((files: string[], options: Options) => {
      for (const report of boot(files, options)) {
        printBoot(report, options.json === true);
        if (report.reset) process.exitCode = 1;
      }
    });
}

function boot(files: string[], options: Options): BootReport[] {
  try {
    const chip = options.chip === undefined ? {} : { chip: options.chip };
    return bootFiles(files, { ...chip, write: options.write === true });
  } catch (error) {
    if (!(error instanceof BootCommandError)) throw error;
    const exitCode = error.code === "unknown-chip" ? 2 : 1;
    throw new CliError(error.code, error.message, exitCode);
  }
}
