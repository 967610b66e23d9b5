/**
 * One server on a directory at a time. Two would each keep their own view of reports.jsonl: a
 * report that both receive is stored twice, and one may cut off a line that the other is writing.
 */
import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { CliError, systemCode } from "./errors.js";

export const lockName = "serve.lock";

/** Locks that this process holds: its own number in a file may also be left by an earlier one. */
const held = new Set<string>();

/** Takeovers of stale locks that others may win before this server gives way. */
const takeoversMax = 3;

/**
 * Takes the lock of a directory and returns the function that gives it back. Throws CliError
 * "dir-locked" while another server runs there; the lock of one that is gone is taken over.
 * A directory that cannot be written needs none.
 */
export function lockDirectory(dir: string): () => void {
  const path = join(realpathSync(dir), lockName);
  const own = `${process.pid} ${hostname()} ${randomBytes(8).toString("hex")}\n`;
  for (let takeovers = 0; ; takeovers++) {
    try {
      writeFileSync(path, own, { flag: "wx", mode: 0o600 });
      break;
    } catch (error) {
      const code = systemCode(error);
      if (["EACCES", "EPERM", "EROFS"].includes(code)) return () => {};
      if (code !== "EEXIST") throw error;
      const found = contentOf(path);
      if (found === null) continue;
      if (takeovers >= takeoversMax || isHeld(path, found)) throw busy(dir, path);
      removeStale(path, found);
    }
  }
  held.add(path);
  return () => {
    // Only its own: after a person removed the file, it may be another server's by now.
    if (held.delete(path) && contentOf(path) === own) rmSync(path, { force: true });
  };
}

/** Null when there is no such file any more. */
function contentOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

/**
 * Removes the lock `stale`, and no other: of two servers that found it at the same time, the
 * second would otherwise remove the lock that the first has made in its place.
 */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.${randomBytes(8).toString("hex")}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  try {
    if (contentOf(aside) !== stale) linkSync(aside, path);
  } catch (error) {
    // Only with a third server that starts within these microseconds: then two of them run.
    if (systemCode(error) !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** `found` is what the file says: process number, host, a number of its own. */
function isHeld(path: string, found: string): boolean {
  const [number, host] = found.trim().split(" ");
  // Not written by a server, or not yet, or by one on another machine: a person must look.
  if (!/^[1-9][0-9]{0,9}$/.test(number) || (host ?? hostname()) !== hostname()) return true;
  const pid = Number(number);
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

function busy(dir: string, path: string): CliError {
  return new CliError(
    "dir-locked",
    `another server runs on ${dir}; end it, serve another folder, or remove ${path} if it is gone`,
  );
}
