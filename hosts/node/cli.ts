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
    .version(packageVersion(), "-V, --daruma-version", "print the version of this program")
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

/** Turns whatever was thrown into an exit code, printing it if need be. */
function finish(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // Commander has shown the help already when no command was named.
    if (error.code !== "commander.help") {
      const text = error.message.replace(/^error: /, "");
      printError(new CliError("usage", `${text}; see daruma --help`, 2), json);
    }
    return 2;
  }
  if (error instanceof CliError) {
    printError(error, json);
    return error.exitCode;
  }
  printError(new CliError("internal", `this is a fault of daruma itself: ${error}`), json);
  return 1;
}

try {
  await buildProgram().parseAsync();
} catch (error) {
  process.exitCode = finish(error, process.argv.includes("--json"));
}
