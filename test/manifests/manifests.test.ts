import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Build,
  importsOf,
  moduleName,
  reach,
  resolveBuild,
} from "../helpers/moddable-manifest.js";

const test = suite("manifests");

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const manifests = join(root, "manifests");
const examples = ["minimal", "node-like"].map((name) =>
  join(manifests, "examples", name, "manifest.json"),
);
const publicEntries = ["daruma-ota", "daruma-ota/boot", "daruma-ota/esp32"];

/** Modules that an include of SDK 8.2 brings, of those that we import. */
const sdkModules = new Map([
  ["$(MODDABLE)/examples/manifest_base.json", ["time", "timer", "mc/config"]],
  ["$(MODDABLE)/examples/manifest_net.json", ["net", "embedded:network/interface/wifi"]],
  [
    "$(MODDABLE)/examples/io/tcp/httpclient/manifest_httpclient.json",
    // It includes modules/io/manifest.json.
    ["embedded:network/http/client", "embedded:io/socket/tcp", "embedded:io/digital"],
  ],
  ["$(MODDABLE)/modules/base/ffi/manifest.json", ["mc/ffi"]],
  ["$(MODDABLE)/modules/crypt/digest/manifest.json", ["crypt"]],
  ["$(MODDABLE)/modules/io/flash/manifest.json", ["embedded:storage/flash"]],
  ["$(MODDABLE)/modules/io/storage/manifest.json", ["embedded:storage/key-value"]],
]);

function hostModules(build: Build): Set<string> {
  const names = new Set<string>();
  for (const include of build.sdk)
    for (const name of sdkModules.get(include) ?? []) names.add(name);
  return names;
}

const check = (build: Build): Set<string> =>
  reach(build, ["main", ...publicEntries], hostModules(build));

test("every module that both examples import, by module name, is in their build", () => {
  for (const example of examples) {
    const build = resolveBuild(example);
    const reached = check(build);
    assert.ok(reached.size > 40, `${example}: ${reached.size} modules`);
    assert.ok(reached.has("daruma-ota/src/agent/agent"));
    assert.ok(reached.has("@noble/ed25519"));
    assert.ok(reached.has("crc-32"));
  }
});

test("nothing is built in that no application can reach, but files of types only", () => {
  const build = resolveBuild(examples[0]);
  const reached = check(build);
  for (const [name, file] of build.modules) {
    if (reached.has(name)) continue;
    assert.match(readFileSync(file, "utf8"), /^(?:\/\*[\s\S]*?\*\/\s*)?export \{\};\s*$/, name);
  }
});

test("an entry of the library's manifest that goes missing is found out", () => {
  const library = JSON.parse(readFileSync(join(manifests, "library.json"), "utf8"));
  const names = Object.keys(library.modules);
  assert.ok(names.length >= 11);
  for (const name of names) {
    const { [name]: _removed, ...modules } = library.modules;
    const damaged = JSON.stringify({ ...library, modules });
    const edit = (path: string, text: string): string =>
      path.endsWith("library.json") ? damaged : text;
    assert.throws(() => check(resolveBuild(examples[0], edit)), /module ".*" not found/, name);
  }
});

test("a folder or a file that does not exist is found out", () => {
  const edit = (from: string, to: string) => (_path: string, text: string) =>
    text.replace(from, to);
  assert.throws(
    () => resolveBuild(examples[0], edit("../dist/src/cbor/*", "../dist/src/cobr/*")),
    /directory not found/,
  );
  assert.throws(
    () => resolveBuild(examples[0], edit("../dist/src/boot/otadata", "../dist/src/boot/otadatum")),
    /no file matches/,
  );
  assert.throws(
    () => resolveBuild(examples[0], edit("native/daruma.c", "native/dharma.c")),
    /C file not found/,
  );
  assert.throws(
    () => resolveBuild(examples[0], edit('{ "arguments": [], "returns"', '{ "returns"')),
    /has no "arguments"/,
  );
});

test("every folder of the device's compiled code has its line", () => {
  const build = resolveBuild(examples[0]);
  const folders = new Set([...build.modules.values()].map((file) => relative(root, dirname(file))));
  const device = readdirSync(join(root, "dist/src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !["author", "server"].includes(entry.name))
    .map((entry) => `dist/src/${entry.name}`);
  for (const folder of ["dist/src", ...device, "dist/hosts/esp32", "dist/vendor"]) {
    assert.ok(folders.has(folder), folder);
  }
});

test("the guard for TLS comes with the manifest for TLS; no file of the host is left out", () => {
  const plain = resolveBuild(examples[0]).modules;
  const secure = resolveBuild(join(manifests, "esp32-tls.json"));
  assert.not(plain.has("daruma-ota/tls"));
  const reached = reach(secure, ["daruma-ota/tls", "daruma-ota/esp32"], hostModules(secure));
  assert.ok(reached.has("daruma-ota/hosts/esp32/tls"));
  assert.ok(secure.declarations.has("daruma-ota/tls"));
  for (const file of readdirSync(join(root, "dist/hosts/esp32"))) {
    if (!file.endsWith(".js")) continue;
    const name = `daruma-ota/hosts/esp32/${file.slice(0, -3)}`;
    assert.ok(secure.modules.has(name), `${file} is in no manifest`);
  }
});

test("names mirror the tree, so that relative imports mean the same to XS and to Node.js", () => {
  for (const [name, file] of resolveBuild(examples[0]).modules) {
    if (!name.startsWith("daruma-ota/src/") && !name.startsWith("daruma-ota/hosts/")) continue;
    assert.is(`dist/${name.slice("daruma-ota/".length)}.js`, relative(root, file));
  }
});

test("all of it is preloaded: module code lies in flash, not in RAM", () => {
  const build = resolveBuild(examples[0]);
  const isPreloaded = (name: string): boolean =>
    build.preload.some((one) =>
      one.endsWith("*") ? name.startsWith(one.slice(0, -1)) : one === name,
    );
  for (const name of build.modules.keys()) {
    if (name !== "main") assert.ok(isPreloaded(name), name);
  }
});

test("aliases have declarations, and exports of package.json are the same modules", () => {
  const build = resolveBuild(examples[0]);
  const pack = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const entry of publicEntries) {
    assert.ok(build.declarations.has(entry), entry);
    const alias = build.modules.get(entry) ?? "";
    const [target] = importsOf(alias);
    const file = relative(root, build.modules.get(moduleName(entry, target)) ?? "");
    const subpath = entry.replace("daruma-ota", ".");
    assert.is(`./${file}`, pack.exports[subpath].default);
  }
});

test("the library leaves configuration and partitions to the application", () => {
  for (const path of [...examples, join(manifests, "esp32-tls.json")]) {
    assert.equal([...resolveBuild(path).environment], []);
  }
  const opted = resolveBuild(join(manifests, "esp32-safe-boot.json")).environment;
  assert.is(opted.get("SDKCONFIGPATH"), join(manifests, "sdkconfig"));
  assert.is(opted.get("PARTITIONS_FILE"), join(manifests, "partitions/4mb.csv"));
});

test("Moddable's own network start-up, which waits before main, is excluded", () => {
  const build = resolveBuild(examples[0]);
  assert.ok(build.sdk.has("~$(MODDABLE)/build/devices/esp32/setup/network"));
});

test("declarations for plain tsc are in no manifest", () => {
  for (const path of [...examples, join(manifests, "esp32-tls.json")]) {
    const build = resolveBuild(path);
    for (const file of [...build.modules.values(), ...build.declarations.values()]) {
      assert.not.match(file, /moddable\.d\.ts$/);
    }
  }
});

test("the boot check brings no network, no envelope and no signature with it", () => {
  const build = resolveBuild(examples[0]);
  const reached = reach(build, ["daruma-ota/boot"], new Set());
  for (const name of reached) {
    assert.not.match(name, /agent\/(agent|exchange|offer|poller|download|report|url)|suit|ed25519/);
  }
  assert.ok(reached.has("daruma-ota/src/agent/reconcile"));
  const sizeBytes = [...reached].reduce(
    (sum, name) => sum + readFileSync(build.modules.get(name) ?? "").length,
    0,
  );
  assert.ok(sizeBytes < 60_000, `${sizeBytes} bytes of source`);
});

test.run();
