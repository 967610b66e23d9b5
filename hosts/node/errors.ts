/** Errors that a person at the command line sees. */

export type ExitCode = 1 | 2;

/**
 * A refusal: `code` is stable and for machines, `message` says what happened, why, and what to do.
 * `exitCode` is 1 for refused or failed, 2 for wrong usage.
 */
export class CliError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, exitCode: ExitCode = 1) {
    super(message);
    this.name = "CliError";
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** For commander's exitOverride: ends the program with 0 after help, with 2 after wrong usage. */
export function endUsage(error: { readonly exitCode: number }): never {
  if (error.exitCode !== 0) console.error("--help shows the options and examples");
  process.exit(error.exitCode === 0 ? 0 : 2);
}

/** The operating system's code of a failed call ("ENOENT"), or "" when there is none. */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
