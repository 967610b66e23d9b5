/**
 * One server on a directory at a time. Two would each keep their own view of reports.jsonl: a
 * report that both receive is stored twice, and one may cut off a line that the other is writing.
 */
import { readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CliError, systemCode } from "./errors.js";

export const lockName = "serve.lock";

/** Locks that this process holds: its own number in a file may also be left by an earlier one. */
const held = new Set<string>();

/**
 * Takes the lock of a directory and returns the function that gives it back. Throws CliError
 * "dir-locked" while another server runs there; the lock of one that is gone is taken over.
 * A directory that cannot be written needs none.
 */
export function lockDirectory(dir: string): () => void {
  const path = join(realpathSync(dir), lockName);
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
      break;
    } catch (error) {
      const code = systemCode(error);
      if (["EACCES", "EPERM", "EROFS"].includes(code)) return () => {};
      if (code !== "EEXIST") throw error;
      if (attempt > 0 || isHeld(path)) throw busy(dir, path);
      rmSync(path, { force: true });
    }
  }
  held.add(path);
  return () => {
    if (held.delete(path)) rmSync(path, { force: true });
  };
}

function isHeld(path: string): boolean {
  const pid = Number(readFileSync(path, "utf8"));
  // Not written by a server, or not yet: a person must look.
  if (!Number.isInteger(pid) || pid <= 0) return true;
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
