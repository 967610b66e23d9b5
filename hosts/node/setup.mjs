// Makes a bare clone ready: installs the locked packages when they are missing or older than the
// lock file, compiles, and copies what a device build needs of other packages. Plain JavaScript,
// because nothing is compiled or installed before it.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (result.status !== 0) {
    console.error(`setup: "${command} ${args.join(" ")}" failed; its output above says why.`);
    process.exit(1);
  }
}

function installed() {
  const marker = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(marker)) return false;
  return statSync(marker).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
}

/** Removes what was compiled of sources that are gone: a package would carry it to the device. */
function removeStale(folder) {
  for (const { name, isDirectory } of entriesOf(join(root, "dist", folder))) {
    const path = join(folder, name);
    if (isDirectory) removeStale(path);
    const source = path.replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts");
    if (!isDirectory && source !== path && !existsSync(join(root, source))) {
      rmSync(join(root, "dist", path));
    }
  }
}

function entriesOf(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.map((one) => ({ name: one.name, isDirectory: one.isDirectory() }));
}

// No install scripts: the XS sources come with a build of their own that is not needed here.
if (!installed()) run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
for (const folder of ["src", "hosts", "test"]) removeStale(folder);
run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"]);
run(process.execPath, [join(root, "hosts", "node", "vendor.mjs")]);
