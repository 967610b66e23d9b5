/** The house rules that a machine can check: layers, sizes, banned words, tests that really run. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

function filesBelow(dir: string, ending: string): string[] {
  return readdirSync(join(root, dir), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(dir, name))
    .filter((name) => statSync(join(root, name)).isFile());
}

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const sources = [...filesBelow("src", ".ts"), ...filesBelow("hosts", ".ts")];
const tests = filesBelow("test", ".ts");

/** Specifiers of all static imports and re-exports of a file. */
function importsOf(text: string): string[] {
  return [
    ...text.matchAll(/^(?:import|export)[^"';]*?from\s+"([^"]+)"|^import\s+"([^"]+)"/gms),
  ].map((match) => match[1] ?? match[2] ?? "");
}

/** The layer of a file: arrows may point to the same or a lower number only. */
function layerOf(path: string): number {
  if (path.startsWith("hosts/node")) return 8;
  if (path.startsWith("hosts/xs")) return 7;
  if (path.startsWith("hosts/simulator")) return 6;
  if (path.startsWith("hosts/esp32")) return 5;
  if (path.startsWith("src/agent") || path === "src/index.ts") return 4;
  if (path === "src/boot-check.ts") return 4;
  if (path.startsWith("src/author") || path.startsWith("src/server")) return 3;
  if (path.startsWith("src/suit")) return 2;
  return 1;
}

function targetOf(path: string, specifier: string): string {
  return normalize(join(dirname(path), specifier)).replace(/\.js$/, ".ts");
}

test("imports point down the layers only, and relative ones end in .js", () => {
  let edges = 0;
  for (const path of sources) {
    for (const specifier of importsOf(read(path))) {
      if (!specifier.startsWith(".")) continue;
      edges++;
      assert.ok(specifier.endsWith(".js"), `${path} imports ${specifier}`);
      const target = targetOf(path, specifier);
      const isDown = layerOf(target) <= layerOf(path);
      // The agent judges what the server sends, but shares no code with it or with authoring.
      const isApart = layerOf(path) === 4 && layerOf(target) === 3;
      assert.ok(isDown && !isApart, `${path} must not import ${target}`);
    }
  }
  assert.ok(edges > 100, "the search found the imports");
});

test("src and the simulator import no platform, and src only the named packages", () => {
  const allowed = new Map([
    ["src/crc.ts", ["crc-32"]],
    ["src/crypto/ed25519.ts", ["@noble/ed25519"]],
    ["src/author/envelope.ts", ["cbor-x"]],
  ]);
  for (const path of sources) {
    if (path.startsWith("hosts/node")) continue;
    for (const specifier of importsOf(read(path))) {
      if (specifier.startsWith(".")) continue;
      if (
        path === "hosts/esp32/main.ts" &&
        /^(embedded:|mc\/|timer$|time$|crypt$|net$)/.test(specifier)
      ) {
        continue;
      }
      assert.ok(allowed.get(path)?.includes(specifier), `${path} must not import ${specifier}`);
    }
  }
});

test("code that may reach a device reads no clock, no chance and no host global", () => {
  const names =
    "Date Math.random console process Buffer setTimeout TextDecoder TextEncoder URL eval";
  const banned = new RegExp(`\\b(${names.replaceAll(".", "\\.").split(" ").join("|")})\\b`);
  for (const path of sources) {
    if (path.startsWith("hosts/node") || path.startsWith("src/author")) continue;
    const code = read(path)
      .replace(/\/\*[\s\S]*?\*\//g, "")
      .replace(/\/\/.*$/gm, "")
      .replace(/"[^"\n]*"/g, '""');
    const match = banned.exec(code);
    assert.is(match, null, `${path} uses ${match?.[0]}`);
  }
});

test("module bodies of src keep no state: no let, var, typed array or collection", () => {
  for (const path of sources.filter((one) => one.startsWith("src/"))) {
    for (const line of read(path).split("\n")) {
      assert.not.match(line, /^(?:export )?(?:let|var) /, path);
      const isState = /^(?:export )?const \w+.* = new (?!Error)\w+/.test(line);
      assert.not(isState, `${path}: ${line}`);
    }
  }
});

test("lines have at most 100 columns; code: files 340 lines, functions 80; tests: 500", () => {
  for (const path of [...sources, ...tests]) {
    const lines = read(path).split("\n");
    // Test data and long tables of cases may be longer than code.
    assert.ok(
      lines.length <= (path.startsWith("test") ? 500 : 340),
      `${path}: ${lines.length} lines`,
    );
    lines.forEach((line, index) => {
      assert.ok([...line].length <= 100, `${path}:${index + 1} has ${line.length} columns`);
    });
    if (!path.startsWith("test")) checkFunctions(path, lines);
  }
});

/** A function begins at a line that ends in "{" and ends at the "}" of the same indentation. */
function checkFunctions(path: string, lines: readonly string[]): void {
  lines.forEach((line, index) => {
    const isFunction = /^( *)(?:export )?(?:async )?(?:function|static |#?\w+\().*\{$/.test(line);
    const isBlock = /^ *(?:if|for|while|switch|catch)\b/.test(line);
    if (!isFunction || isBlock) return;
    const indent = line.length - line.trimStart().length;
    const end = lines.findIndex(
      (one, at) => at > index && one.startsWith(`${" ".repeat(indent)}}`),
    );
    assert.ok(end - index <= 80, `${path}:${index + 1}: ${end - index} lines`);
  });
}

test("nothing is left open: no markers, no skipped or lone tests, no any", () => {
  const markers = new RegExp(["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|"));
  for (const path of [...sources, ...tests]) {
    const text = read(path);
    assert.not.match(text, markers, path);
    assert.not.match(text, /\btest\.(?:skip|only)\b|\bit\.(?:skip|only)\b/, path);
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$|"[^"\n]*"|`[^`]*`/gm, "");
    assert.not.match(code, /(?::|<|\bas) any\b/, path);
  }
});

test("the project speaks of itself alone: no page outside it is cited by file name", () => {
  const page = /\b(?!README\b|CHANGELOG\b)[\w-]+\.md\b/;
  for (const path of [...sources, ...tests]) {
    const text = read(path).replace(/"[^"\n]*"|`[^`]*`/g, "");
    assert.not.match(text, page, path);
  }
});

test("every test file runs its suite, and every compiled test has its source", () => {
  const suites = tests.filter((path) => path.endsWith(".test.ts"));
  assert.ok(suites.length > 20);
  for (const path of suites) {
    const text = read(path);
    assert.match(text, /^(?:test|\w+)\.run\(\);$/m, `${path} never calls .run()`);
  }
  for (const compiled of filesBelow("dist/test", ".test.js")) {
    const source = relative("dist", compiled).replace(/\.js$/, ".ts");
    assert.ok(suites.includes(source), `${compiled} is stale: remove dist and build again`);
  }
});

test("every module is reached: no dead file", () => {
  const reached = new Set<string>();
  for (const path of [...sources, ...tests]) {
    for (const specifier of importsOf(read(path))) {
      if (specifier.startsWith(".")) reached.add(targetOf(path, specifier));
    }
  }
  // Modules that XS starts from are named, not imported.
  const text =
    read("package.json") +
    read(".ci/run") +
    read("hosts/node/xs-device.ts") +
    read("hosts/node/xs-measure.ts") +
    read("hosts/node/xs-signatures.ts");
  const parts = read("hosts/node/xs-parts.ts");
  const manifests = filesBelow("manifests", ".json").map(read).join("\n");
  for (const path of sources.filter((one) => !one.endsWith(".d.ts"))) {
    const compiled = `dist/${path.replace(/\.ts$/, ".js")}`;
    const stem = path.replace(/\.ts$/, "");
    const part = stem.startsWith("hosts/xs/parts/") ? stem.slice("hosts/xs/parts/".length) : "";
    const isPart = part !== "" && parts.includes(`("${part}")`);
    const isEntry = text.includes(compiled) || manifests.includes(stem) || isPart;
    assert.ok(reached.has(path) || isEntry, `${path} is imported by nothing`);
  }
});

test.run();
