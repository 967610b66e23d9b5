/** What is published, and that it can be used from an empty project. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildImage } from "../../src/author/esp-image.js";
import { digest } from "../helpers/digest.js";
import { reach, resolveBuild } from "../helpers/moddable-manifest.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const tsc = join(root, "node_modules/typescript/bin/tsc");

interface Context {
  /** An empty project with the package in its node_modules. */
  dir: string;
  /** Paths in the package. */
  files: string[];
}

const test = suite<Context>("manifests/package");

test.before((context) => {
  context.dir = mkdtempSync(join(tmpdir(), "daruma-pack-"));
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", context.dir];
  const packed = spawnSync("npm", args, { cwd: root, encoding: "utf8" });
  assert.is(packed.status, 0, packed.stderr);
  const [{ filename, files }] = JSON.parse(packed.stdout);
  context.files = files.map((one: { path: string }) => one.path);
  const modules = join(context.dir, "node_modules");
  mkdirSync(modules);
  const extracted = spawnSync("tar", ["xzf", join(context.dir, filename), "-C", modules]);
  assert.is(extracted.status, 0);
  const renamed = spawnSync("mv", [join(modules, "package"), join(modules, "daruma-ota")]);
  assert.is(renamed.status, 0);
  const names = ["@types", "@noble", "cbor-x", "crc-32", "commander", "cli-progress", "uvu"];
  for (const name of names) {
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  writeFileSync(join(context.dir, "package.json"), '{ "type": "module" }');
});
test.after((context) => rmSync(context.dir, { recursive: true, force: true }));

test("the package has code, declarations, manifests and C, and nothing else", (context) => {
  const allowed = [
    /^dist\/(src|hosts)\/.*\.(js|d\.ts)$/,
    /^dist\/vendor\/[\w.-]+\.(js|LICENSE)$/,
    /^manifests\/.*\.(json|js|ts|csv|defaults)$/,
    /^hosts\/esp32\/native\/daruma\.c$/,
    /^(package\.json|LICENSE|README\.md)$/,
  ];
  for (const path of context.files) {
    assert.ok(
      allowed.some((one) => one.test(path)),
      path,
    );
    assert.not.match(path, /test|\.tsbuildinfo$|\.map$/, path);
  }
  const wanted = [
    "dist/src/index.d.ts",
    "dist/hosts/esp32/main.js",
    "dist/vendor/crc-32.js",
    "dist/vendor/crc-32.LICENSE",
    "dist/vendor/noble-ed25519.LICENSE",
    "manifests/esp32.json",
    "manifests/sdkconfig/sdkconfig.defaults",
    "manifests/examples/minimal/main.ts",
    "hosts/esp32/native/daruma.c",
    "LICENSE",
  ];
  for (const path of wanted) assert.ok(context.files.includes(path), path);
});

test("no published declaration needs a TypeScript with generic typed arrays (5.7)", (context) => {
  const declarations = context.files.filter((path) => path.endsWith(".d.ts"));
  assert.ok(declarations.length > 100);
  for (const path of declarations) {
    assert.not.match(readFileSync(join(root, path), "utf8"), /\bUint8Array</, path);
  }
});

test("no tool of this repository is in it: an entry reaches every compiled file", (context) => {
  const pack = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const pending = Object.values<string>(pack.bin);
  for (const entry of Object.values<Record<string, string>>(pack.exports)) {
    pending.push(...Object.values(entry));
  }
  const reached = new Set<string>();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const path = normalize(next);
    if (reached.has(path)) continue;
    reached.add(path);
    // Types have a file of code too, an empty one; code has declarations.
    pending.push(path.replace(/\.(d\.ts|js)$/, (end) => (end === ".js" ? ".d.ts" : ".js")));
    const code = readFileSync(join(root, path), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    for (const [, specifier] of code.matchAll(/(?:from |import |import\()"(\.[^"]+)"/g)) {
      const target = join(dirname(path), specifier);
      pending.push(path.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target);
    }
  }
  const compiled = context.files.filter((path) => /^dist\/(src|hosts)\//.test(path));
  assert.equal(
    compiled.filter((path) => !reached.has(path)),
    [],
    "a tool belongs into the exceptions of files in package.json",
  );
  assert.equal([...reached].filter((path) => !compiled.includes(path)).sort(), []);
});

test("every file that package.json names is in the package", (context) => {
  const pack = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const named = [...Object.values<string>(pack.bin)];
  for (const entry of Object.values<Record<string, string>>(pack.exports)) {
    named.push(...Object.values(entry));
  }
  assert.ok(named.length > 10);
  for (const path of named) assert.ok(context.files.includes(path.replace("./", "")), path);
});

test("its command line runs where it is installed", (context) => {
  const cli = join(context.dir, "node_modules/daruma-ota/dist/hosts/node/cli.js");
  const daruma = (...args: string[]) =>
    spawnSync(process.execPath, [cli, ...args], { cwd: context.dir, encoding: "utf8" });
  assert.is(daruma("keygen", "--out", "keys").status, 0);
  for (const version of ["1", "2"]) {
    const image = buildImage({ chipId: 0, version, projectName: "x", sizeBytes: 9008 }, digest);
    writeFileSync(join(context.dir, `${version}.bin`), image);
  }
  const release = ["--vendor", "example.com", "--class", "lamp-v2", "--uri", "2.bin"];
  const packed = daruma(
    ...["pack", "--image", "2.bin", "--key", "keys/release.key.pem", "--sequence", "2"],
    ...[...release, "--out", "app.suit"],
  );
  assert.is(packed.status, 0, packed.stderr);
  const run = daruma("simulate", "--old", "1.bin", "--new", "2.bin");
  assert.is(run.status, 0, run.stdout + run.stderr);
});

test("a Moddable application resolves all modules from its node_modules", (context) => {
  writeFileSync(
    join(context.dir, "manifest.json"),
    JSON.stringify({
      include: "./node_modules/daruma-ota/manifests/esp32.json",
      modules: { "*": "./main" },
    }),
  );
  writeFileSync(
    join(context.dir, "main.js"),
    'import { Agent } from "daruma-ota";\nimport { createHal } from "daruma-ota/esp32";\n',
  );
  const build = resolveBuild(join(context.dir, "manifest.json"));
  const host = ["crypt", "net", "time", "timer", "mc/ffi"];
  for (const name of ["io/socket/tcp", "network/http/client", "network/interface/wifi"]) {
    host.push(`embedded:${name}`);
  }
  host.push("embedded:storage/flash", "embedded:storage/key-value");
  assert.ok(reach(build, ["main"], new Set(host)).size > 40);
  assert.ok(existsSync(build.ffiSources[0]));
});

/** Runs plain tsc in a folder; returns what it prints. */
function typeCheck(dir: string, files: string[], options: Record<string, unknown>): string {
  const config = {
    compilerOptions: {
      target: "ES2022",
      lib: ["ES2022"],
      module: "NodeNext",
      moduleResolution: "NodeNext",
      strict: true,
      noEmit: true,
      ...options,
    },
    files,
  };
  writeFileSync(join(dir, "tsconfig.json"), JSON.stringify(config));
  const run = spawnSync(process.execPath, [tsc, "-p", ".", "--pretty", "false"], {
    cwd: dir,
    encoding: "utf8",
  });
  assert.is(run.status, run.stdout === "" ? 0 : 1, run.stdout + run.stderr);
  return run.stdout;
}

for (const skipLibCheck of [true, false]) {
  test(`an empty project type-checks against it, skipLibCheck ${skipLibCheck}`, ({ dir }) => {
    writeFileSync(
      join(dir, "device.ts"),
      `import { Agent, BootCheck, explain, type Hal, trustAnchorOf } from "daruma-ota";
import { capabilities } from "daruma-ota/boot";
import { connectWifi, createHal } from "daruma-ota/esp32";
const hal: Hal = createHal();
export const wifi = connectWifi({ SSID: "home" });
const boot = new BootCheck(hal);
const findings = boot.run();
if (findings !== null && (findings.capabilities & capabilities.rollbackBuilt) === 0) {
  hal.log(explain("rollback-unavailable"));
}
new Agent(
  hal,
  {
    vendor: "example.com",
    deviceClass: "lamp-v2",
    serverUrl: "http://updates.example.com",
    trustAnchors: [trustAnchorOf("MCow")],
  },
  boot,
).start();
`,
    );
    writeFileSync(
      join(dir, "desk.ts"),
      `import * as author from "daruma-ota/author";
import * as server from "daruma-ota/server";
import * as simulator from "daruma-ota/simulator";
export const all = [author, server, simulator];
`,
    );
    assert.is(typeCheck(dir, ["device.ts"], { skipLibCheck, types: [] }), "");
    assert.is(typeCheck(dir, ["desk.ts"], { skipLibCheck, types: ["node"] }), "");
    const wrong = 'import { Agent } from "daruma-ota";\nnew Agent(1, 2);\n';
    writeFileSync(join(dir, "wrong.ts"), wrong);
    assert.match(typeCheck(dir, ["wrong.ts"], { skipLibCheck, types: [] }), /error TS/);
  });
}

test("the README's tests of a firmware compile and run from the package alone", ({ dir }) => {
  const entries: readonly (readonly [string, string])[] = [
    ["../../hosts/node/simulator.js", "daruma-ota/simulator"],
    ["../../hosts/node/digest.js", "daruma-ota/author"],
    ["../../src/author/esp-image.js", "daruma-ota/author"],
    ["../../src/agent/agent.js", "daruma-ota"],
  ];
  let text = readFileSync(join(root, "test/examples/power-cut.test.ts"), "utf8");
  for (const [from, to] of entries) {
    assert.ok(text.includes(`"${from}"`), from);
    text = text.replaceAll(`"${from}"`, `"${to}"`);
  }
  assert.not.match(text, '"../');
  for (const skipLibCheck of [true, false]) {
    writeFileSync(join(dir, "lamp.test.ts"), text);
    const options = { skipLibCheck, types: ["node"], noEmit: false };
    assert.is(typeCheck(dir, ["lamp.test.ts"], options), "");
  }
  const run = spawnSync(process.execPath, ["lamp.test.js"], { cwd: dir, encoding: "utf8" });
  assert.is(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /Passed: +5\b/);
});

for (const example of ["minimal", "node-like"]) {
  test(`the example ${example} type-checks as it is published`, ({ dir }) => {
    const manifests = join(dir, "node_modules/daruma-ota/manifests/examples");
    const ambient = [join(root, "hosts/esp32/moddable.d.ts"), join(manifests, "moddable.d.ts")];
    const main = join(manifests, example, "main.ts");
    const options = {
      types: [],
      module: "preserve",
      moduleResolution: "bundler",
      // As mcconfig does: one path for each module of the manifest.
      paths: { flow: [join(manifests, "node-like/flow.ts")] },
    };
    assert.is(typeCheck(dir, [...ambient, main], options), "");
  });
}

test("the lines of the README for HTTPS type-check", ({ dir }) => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const start = readme.indexOf("```ts\n", readme.indexOf("### HTTPS")) + 6;
  const lines = readme.slice(start, readme.indexOf("```", start));
  assert.match(lines, "createHal({ tls:");
  const ambient = 'declare module "Resource" {\n  export default class Resource {\n';
  writeFileSync(join(dir, "sdk.d.ts"), `${ambient}    constructor(path: string);\n  }\n}\n`);
  const head = 'import { createHal } from "daruma-ota/esp32";\n';
  writeFileSync(join(dir, "https.ts"), `${head}${lines}hal.log("made");\n`);
  const options = { types: [], module: "preserve", moduleResolution: "bundler" };
  assert.is(typeCheck(dir, ["sdk.d.ts", "https.ts"], options), "");
});

test.run();
