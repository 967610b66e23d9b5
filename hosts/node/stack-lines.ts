/** Stacks of errors, shortened to what says something to whoever wrote the firmware. */
import { dirname, join, relative } from "node:path";
import { cwd } from "node:process";
import { fileURLToPath } from "node:url";

/** The compiled package: its own lines are no news. */
const packageDir = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const linesMax = 8;

/** Lines of the stack of `error`, the caller's own before those of this package and of Node. */
export function stackLines(error: unknown): readonly string[] {
  if (!(error instanceof Error) || typeof error.stack !== "string") return [];
  const lines = error.stack
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "));
  const own = lines.filter(isOwn);
  const others = own.length === 0 ? lines.filter((line) => !line.includes("node:")) : [];
  return [...own, ...others].slice(0, linesMax).map(shortened);
}

function isOwn(line: string): boolean {
  const path = pathIn(line);
  if (path === "" || line.includes("node:") || line.includes("<anonymous>")) return false;
  const within = relative(packageDir, path);
  // In this repository tests are compiled beside the package.
  return within.startsWith("..") || within.startsWith("test/");
}

/** The file of a line "at name (file:///path:1:2)" or "at /path:1:2"; "" for none. */
function pathIn(line: string): string {
  const place = /\(?((?:file:\/\/)?\/[^()]*?):\d+:\d+\)?$/.exec(line)?.[1] ?? "";
  try {
    return place.startsWith("file:") ? fileURLToPath(place) : place;
  } catch {
    return "";
  }
}

/** With the path as from the folder that the test was started in. */
function shortened(line: string): string {
  const path = pathIn(line);
  if (path === "") return line;
  const near = relative(cwd(), path);
  const shown = near.startsWith("..") ? path : near;
  return line.replace(/(?:file:\/\/)?\/[^()]*?(?=:\d+:\d+\)?$)/, shown);
}

/** What was thrown, in one line: "TypeError: x is undefined". Never throws. */
export function thrownText(error: unknown): string {
  try {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return text.split("\n")[0].replace(/\p{C}/gu, "?");
  } catch {
    return "something that has no text";
  }
}
