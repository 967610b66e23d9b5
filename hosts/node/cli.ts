#!/usr/bin/env node
/** The command line `daruma`. Exit codes: 0 ok, 1 refused or failed, 2 wrong usage. */

import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { registerInspect } from "./commands/inspect.js";
import { registerKeygen } from "./commands/keygen.js";
import { registerPack } from "./commands/pack.js";
import { registerBoot } from "./commands/register-boot.js";
import { registerServe } from "./commands/serve.js";
import { registerSimulate } from "./commands/simulate.js";
import { registerVerify } from "./commands/verify.js";
import { CliError } from "./errors.js";
import { printError } from "./render.js";

/** The program with all its commands; it throws where commander would exit. */
export function buildProgram(): Command {
  const program = new Command("daruma")
    .description("signed over-the-air updates for Moddable XS on ESP32")
    .version(packageVersion(), "-V, --version", "print the version of this program")
    // After a command, --version is the command's own: that of a release.
    .enablePositionalOptions()
    .exitOverride()
    // Errors are printed in one place, so that --json holds for them too.
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      "after",
      `
Examples:
  $ daruma keygen --out keys
  $ daruma pack --image app.bin --key keys/release.key.pem --sequence 1 --version 1.0.0 \\
      --vendor example.com --class lamp-v2 --uri app.bin --out releases/app.suit
  $ daruma verify releases/app.suit --trust keys/release.pub.pem --image app.bin
  $ daruma serve --dir releases
`,
    );
  registerKeygen(program);
  registerPack(program);
  registerInspect(program);
  registerVerify(program);
  registerSimulate(program);
  registerServe(program);
  registerBoot(program);
  return program;
}

function packageVersion(): string {
  const url = new URL("../../../package.json", import.meta.url);
  const data: { version?: string } = JSON.parse(readFileSync(url, "utf8"));
  return data.version ?? "0.0.0";
}

/** Where to read on after a wrong usage. */
function helpOf(program: Command, first: string | undefined): string {
  const command = program.commands.find((one) => one.name() === first);
  return command === undefined ? "daruma --help" : `daruma ${command.name()} --help`;
}

/** Turns whatever was thrown into an exit code, printing it if need be. */
function finish(error: unknown, json: boolean, help: string): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // Commander has shown the help already when no command was named.
    if (error.code === "commander.help") return 2;
    const text = error.message.replace(/^error: /, "");
    return finish(new CliError("usage", text, 2), json, help);
  }
  if (error instanceof CliError) {
    const text = error.exitCode === 2 ? `${error.message}; see ${help}` : error.message;
    printError(new CliError(error.code, text, error.exitCode), json);
    return error.exitCode;
  }
  printError(new CliError("internal", `this is a fault of daruma itself: ${error}`), json);
  return 1;
}

const program = buildProgram();
try {
  await program.parseAsync();
} catch (error) {
  const help = helpOf(program, process.argv[2]);
  process.exitCode = finish(error, process.argv.includes("--json"), help);
}
