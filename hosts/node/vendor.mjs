// Copies the packages that run on the device into dist/vendor, as ES modules that a Moddable build
// can list: there a module is a file with a name, and where a package manager put a dependency of a
// dependency is not known. Their licences come along.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const vendor = join(root, "dist", "vendor");
const packages = join(root, "node_modules");

mkdirSync(vendor, { recursive: true });
copyFileSync(join(packages, "@noble/ed25519/index.js"), join(vendor, "noble-ed25519.js"));
copyFileSync(join(packages, "@noble/ed25519/LICENSE"), join(vendor, "noble-ed25519.LICENSE"));
copyFileSync(join(packages, "crc-32/LICENSE"), join(vendor, "crc-32.LICENSE"));

// crc-32 is CommonJS and fills an object "exports" when it finds one.
const crc = readFileSync(join(packages, "crc-32/crc32.js"), "utf8");
writeFileSync(
  join(vendor, "crc-32.js"),
  `const exports = {};\n${crc}\nexport default Object.freeze(exports);\n`,
);
