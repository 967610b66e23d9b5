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

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const sources = join(root, "node_modules", "@agoric", "xsnap", "moddable", "xs");
const native = join(here, "native");

// xsMemory.c is included by native/memory.c; the others are for a debugger, or for other platforms.
const leftOut = new Set(["xsMemory.c", "xsSnapshot.c", "xsProfile.c"]);

function compiles(bits) {
  const folder = mkdtempSync(join(tmpdir(), "daruma-xs-"));
  const file = join(folder, "probe.c");
  writeFileSync(file, "#include <stdlib.h>\nint main(void) { return 0; }\n");
  const result = spawnSync("gcc", [`-m${bits}`, file, "-lm", "-o", join(folder, "probe")]);
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
  const bits = compiles(32) ? 32 : 64;
  if (bits === 64) {
    console.error(
      "xs: gcc cannot build for 32 bits (Debian: apt-get install gcc-multilib). THE HOST IS BUILT\n" +
        "xs: FOR 64 BITS: slots have 32 bytes, chunks are larger, and no figure is an ESP32's.",
    );
  }
  const cache = join(root, "node_modules", ".cache", "daruma-xs", `m${bits}`);
  mkdirSync(cache, { recursive: true });
  const hasValgrind = existsSync("/usr/include/valgrind/callgrind.h");
  const options = [
    `-m${bits}`,
    ...(bits === 32 ? ["-msse2", "-mfpmath=sse"] : []),
    "-Os",
    "-std=gnu11",
    "-fno-common",
    "-w",
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
    ...["sources", "includes", "platforms"].map((folder) => `-I${join(sources, folder)}`),
    `-I${native}`,
  ];
  const files = [
    ...readdirSync(join(sources, "sources"))
      .filter((name) => name.endsWith(".c") && !leftOut.has(name))
      .map((name) => join(sources, "sources", name)),
    ...readdirSync(native)
      .filter((name) => name.endsWith(".c"))
      .map((name) => join(native, name)),
  ];
  const headersMs = Math.max(
    statSync(fileURLToPath(import.meta.url)).mtimeMs,
    statSync(join(native, "host.h")).mtimeMs,
    statSync(join(native, "platform.h")).mtimeMs,
  );
  const stamp = join(cache, "options");
  const isSame = existsSync(stamp) && readFileSync(stamp, "utf8") === options.join("\n");
  const jobs = [];
  const objects = files.map((file) => {
    const object = join(cache, `${file.slice(file.lastIndexOf("/") + 1, -2)}.o`);
    const neededMs = Math.max(statSync(file).mtimeMs, headersMs);
    const isBuilt = isSame && existsSync(object) && statSync(object).mtimeMs >= neededMs;
    if (!isBuilt) jobs.push({ file, object });
    return object;
  });
  const program = join(cache, "daruma-xs");
  if (jobs.length === 0 && existsSync(program)) return;
  const worker = async () => {
    for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
      await compile(job.file, job.object, options);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const link = spawnSync("gcc", [`-m${bits}`, ...objects, "-lm", "-lpthread", "-o", program], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (link.status !== 0) throw new Error("gcc could not link the XS host");
  writeFileSync(stamp, options.join("\n"));
}

main().catch((error) => {
  console.error(`xs: ${error.message}`);
  process.exit(1);
});
