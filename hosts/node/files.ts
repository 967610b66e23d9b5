/** Reading files that a person named, within a bound, with errors that say what to do. */

import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { CliError, systemCode } from "./errors.js";

/**
 * Reads at most `bytesMax` bytes. Throws CliError "file-unreadable" or "file-too-big"; the size is
 * known before memory is taken.
 */
export function readBounded(path: string, bytesMax: number, what: string): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    throw unreadable(path, what, error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile())
      throw new CliError("file-unreadable", `${path} is not a file; name ${what}`);
    if (stat.size > bytesMax) {
      throw new CliError(
        "file-too-big",
        `${path} has ${stat.size} bytes, but ${what} has at most ${bytesMax}; check the path`,
      );
    }
    const bytes = new Uint8Array(stat.size);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(descriptor, bytes, length, bytes.length - length, length);
      if (count === 0) break;
      length += count;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    throw error instanceof CliError ? error : unreadable(path, what, error);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes a file, replacing an earlier one, and makes its folder. Throws "file-unwritable". */
export function writeWhole(path: string, bytes: Uint8Array): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  } catch (error) {
    throw new CliError(
      "file-unwritable",
      `could not write ${path} (${systemCode(error)}); check that the folder exists and is yours`,
    );
  }
}

function unreadable(path: string, what: string, error: unknown): CliError {
  return new CliError(
    "file-unreadable",
    `could not read ${path} (${systemCode(error)}); name ${what} that exists and that you may read`,
  );
}
