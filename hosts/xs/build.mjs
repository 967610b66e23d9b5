// Builds the XS host from the XS sources in @agoric/xsnap, into node_modules/.cache. Plain
// JavaScript, as it runs before anything else. Nothing is built twice: the sources' times and the
// options decide.
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseBits } from "./choose-bits.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const sources = join(root, "node_modules", "@agoric", "xsnap", "moddable", "xs");
const native = join(here, "native");

// xsMemory.c is included by native/memory.c; the others are for a debugger, or for other platforms.
const leftOut = new Set(["xsMemory.c", "xsSnapshot.c", "xsProfile.c"]);

function canBuild32() {
  const folder = mkdtempSync(join(tmpdir(), "daruma-xs-"));
  const file = join(folder, "probe.c");
  writeFileSync(file, "#include <stdlib.h>\nint main(void) { return 0; }\n");
  const result = spawnSync("gcc", ["-m32", file, "-lm", "-o", join(folder, "probe")]);
  rmSync(folder, { recursive: true });
  return result.status === 0;
}

function compile(file, object, options) {
  return new Promise((resolve, reject) => {
    const child = spawn("gcc", [...options, "-c", file, "-o", object], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`gcc ${file}`))));
  });
}

async function main() {
  if (!existsSync(sources)) throw new Error("@agoric/xsnap is not installed: run npm ci");
  const bits = chooseBits(process.env.XS_BITS, canBuild32);
  const machine = bits === 32 ? "" : "; slots and chunks are larger, no figure is an ESP32's";
  console.log(`xs: the host is built for ${bits} bits${machine}`);
  const cache = join(root, "node_modules", ".cache", "daruma-xs", `m${bits}`);
  mkdirSync(cache, { recursive: true });
  const hasValgrind = existsSync("/usr/include/valgrind/callgrind.h");
  // Not every gcc knows -m64: without it gcc builds for the machine that it runs on.
  const size = bits === 32 ? ["-m32"] : [];
  const options = [
    ...size,
    ...(bits === 32 ? ["-msse2", "-mfpmath=sse"] : []),
    "-Os",
    "-std=gnu11",
    "-fno-common",
    "-DINCLUDE_XSPLATFORM",
    '-DXSPLATFORM="platform.h"',
    "-DmxRun=1",
    "-DmxParse=1",
    "-DmxSloppy=1",
    "-DmxMetering=1",
    "-DmxMinusZero=1",
    "-DmxBoundsCheck=1",
    "-DmxNoConsole=1",
    ...(hasValgrind ? ["-DWITH_VALGRIND"] : []),
  ];
  const folders = ["sources", "includes", "platforms"].map((folder) => join(sources, folder));
  // XS's own sources are not ours to mend, so their warnings are hidden: also those of its headers.
  const ofXs = [...options, "-w", ...folders.map((folder) => `-I${folder}`), `-I${native}`];
  const ours = [
    ...[...options, "-Wall", "-Wextra", ...(process.env.CI === undefined ? [] : ["-Werror"])],
    ...folders.flatMap((folder) => ["-isystem", folder]),
    `-I${native}`,
  ];
  const filesOf = (folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".c") && !leftOut.has(name))
      .map((name) => join(folder, name));
  const files = [
    ...filesOf(join(sources, "sources")).map((file) => ({ file, flags: ofXs })),
    ...filesOf(native).map((file) => ({ file, flags: ours })),
  ];
  const headersMs = Math.max(
    statSync(fileURLToPath(import.meta.url)).mtimeMs,
    statSync(join(native, "host.h")).mtimeMs,
    statSync(join(native, "platform.h")).mtimeMs,
  );
  const stamp = join(cache, "options");
  const stampText = [...ofXs, ...ours].join("\n");
  const isSame = existsSync(stamp) && readFileSync(stamp, "utf8") === stampText;
  const jobs = [];
  const objects = files.map(({ file, flags }) => {
    const object = join(cache, `${file.slice(file.lastIndexOf("/") + 1, -2)}.o`);
    const neededMs = Math.max(statSync(file).mtimeMs, headersMs);
    const isBuilt = isSame && existsSync(object) && statSync(object).mtimeMs >= neededMs;
    if (!isBuilt) jobs.push({ file, object, flags });
    return object;
  });
  const program = join(cache, "daruma-xs");
  // A program of the other size may lie there too: this is the one that runs from now on.
  const choose = () => writeFileSync(join(cache, "..", "bits"), `${bits}`);
  if (jobs.length === 0 && existsSync(program)) return choose();
  const worker = async () => {
    for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
      await compile(job.file, job.object, job.flags);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const link = spawnSync("gcc", [...size, ...objects, "-lm", "-lpthread", "-o", program], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (link.status !== 0) throw new Error("gcc could not link the XS host");
  writeFileSync(stamp, stampText);
  choose();
}

main().catch((error) => {
  console.error(`xs: ${error.message}`);
  process.exit(1);
});
