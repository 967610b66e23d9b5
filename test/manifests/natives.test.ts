/** FFI functions: manifest, C, types and use say the same. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { resolveBuild } from "../helpers/moddable-manifest.js";

const test = suite<{ dir: string }>("manifests/natives");

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const stubs = join(root, "test/esp32/stubs");
const source = join(root, "hosts/esp32/native/daruma.c");
const { ffi, ffiSources } = resolveBuild(join(root, "manifests/esp32.json"));

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), "daruma-c-"));
});
test.after.each((context) => rmSync(context.dir, { recursive: true, force: true }));

/** Signatures in TypeScript of the functions in the part of a file that `after` begins. */
function declared(path: string, after: string): Map<string, string> {
  const text = read(path);
  const body = text.slice(text.indexOf(after)).replace(/\/\*[\s\S]*?\*\//g, "");
  const found = body.slice(0, body.search(/^\s{0,2}\}/m)).matchAll(/(\w+)\(([^)]*)\): (\w+);/g);
  return new Map([...found].map((one) => [one[1], `(${one[2]}): ${one[3]}`]));
}

const tsType = (type: string): string =>
  type === "void" ? "void" : type === "const char*" ? "string" : "number";

test("the manifest declares what the platform type asks for, and nothing else", () => {
  const natives = declared("hosts/esp32/platform.ts", "export interface Natives");
  assert.ok(natives.size >= 14);
  assert.equal([...ffi.keys()].sort(), [...natives.keys()].sort());
  for (const [name, { returns, arguments: types = [] }] of ffi) {
    const signature = natives.get(name) ?? "";
    assert.match(signature, new RegExp(`: ${tsType(returns)}$`), name);
    assert.is(signature.split(":").length - 2, types.length, `arguments of ${name}`);
  }
});

test("the ambient declaration of mc/ffi says the same as the platform type", () => {
  assert.equal(
    declared("hosts/esp32/moddable.d.ts", 'declare module "mc/ffi"'),
    declared("hosts/esp32/platform.ts", "export interface Natives"),
  );
});

test("every function is used, and every wrapper is defined with the declared types", () => {
  const users = read("hosts/esp32/hal.ts") + read("hosts/esp32/boot-control.ts");
  const c = read("hosts/esp32/native/daruma.c");
  for (const [name, { returns, arguments: types = [] }] of ffi) {
    // Those for people are called by name, for a build may lack them.
    assert.match(users, new RegExp(`natives\\.${name}\\(|told\\("${name}"\\)`), name);
    if (!name.startsWith("daruma_")) continue;
    const result = returns.replace("*", "\\s*\\*");
    const parameters = types.length === 0 ? "void" : types.map((type) => `${type} \\w+`).join(", ");
    assert.match(c, new RegExp(`^${result}\\s*${name}\\(${parameters}\\)$`, "m"), name);
  }
  const defined = [...c.matchAll(/^(?:int32_t|const char \*)\s*(daruma_\w+)\(/gm)];
  assert.ok(defined.length >= 10);
  for (const [, name] of defined) assert.ok(ffi.has(name), `${name} is not declared`);
  assert.equal(ffiSources, [source]);
});

/** Compiles the wrappers with a fake ESP-IDF for one configuration and runs all of them. */
function run(dir: string, ...config: string[]): Map<string, string> {
  const program = join(dir, "natives");
  const flags = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined"];
  const defines = config.map((one) => `-DCONFIG_${one}`);
  const files = [source, join(stubs, "main.c"), "-o", program];
  const compiled = spawnSync("gcc", [...flags, ...defines, `-I${stubs}`, ...files], {
    encoding: "utf8",
  });
  assert.is(compiled.status, 0, compiled.stderr);
  const { stdout, status } = spawnSync(program, { encoding: "utf8" });
  assert.is(status, 0);
  const lines = stdout.trim().split("\n");
  return new Map(lines.map((line) => [line.split(" ")[0], line.slice(line.indexOf(" ") + 1)]));
}

test("the wrappers compile without a warning and pass ESP-IDF's answers on", ({ dir }) => {
  const out = run(dir);
  const expected = [
    ["running", "1"],
    ["state", "1"],
    ["factory", "-1"],
    ["factory-state", "-1"],
    ["count", "2"],
    ["set_boot", "0x10"],
    ["stage0", "0x1503"],
    ["stage2", "0x102"],
    ["stage-1", "0x102"],
    ["invalid", "0x1505"],
    ["xs", "0x1107"],
    ["id", "a0a1a2a3a4a5"],
  ];
  for (const [name, value] of expected) assert.is(out.get(name), value, name);
});

test("without a task watchdog in the build, arming says that there is none", ({ dir }) => {
  const out = run(dir);
  assert.is(out.get("arm"), "0x106");
  assert.is(out.get("feed"), "0x106");
});

test("the watchdog is a user of its own, resets the chip, and is left as it was", ({ dir }) => {
  const base = ["ESP_TASK_WDT_EN=1", "ESP_TASK_WDT_INIT=1", "ESP_TASK_WDT_TIMEOUT_S=15"];
  const idle = "ESP_TASK_WDT_CHECK_IDLE_TASK_CPU0=1";
  const out = run(dir, ...base, idle);
  assert.is(out.get("wdt_init"), "30000 mask 1 panic 1");
  assert.is(out.get("wdt_add"), "daruma");
  assert.is(out.get("arm"), "0x0");
  assert.is(out.get("wdt_reset"), "1");
  assert.is(out.get("wdt_reset_task"), "1", "the timer waits for the event loop's task, too");
  assert.is(out.get("wdt_delete"), "1");
  assert.is(out.get("wdt_reconfigure"), "15000 mask 1 panic 0");
  const panics = run(dir, ...base, "ESP_TASK_WDT_PANIC=1");
  assert.is(panics.get("wdt_reconfigure"), "15000 mask 0 panic 1");
  const uninitialised = run(dir, "ESP_TASK_WDT_EN=1");
  assert.is(uninitialised.get("disarm"), "0x0");
});

test("what the app was built for is told as the configuration has it", ({ dir }) => {
  const features = (...config: string[]): string => {
    const out = run(dir, ...config);
    return `${out.get("rollback")} ${out.get("validation")}`;
  };
  assert.is(features(), "0 1");
  assert.is(features("BOOTLOADER_APP_ROLLBACK_ENABLE=1"), "1 1");
  assert.is(features("BOOTLOADER_APP_ROLLBACK_CONFIRM_BY_APP=1"), "1 1");
  const automatic = "BOOTLOADER_APP_ROLLBACK_CONFIRM_ON_STARTUP=1";
  assert.is(features(automatic, "BOOTLOADER_APP_ROLLBACK_ENABLE=1"), "0 1");
  assert.is(features("BOOTLOADER_SKIP_VALIDATE_ALWAYS=1"), "0 0");
  assert.is(features("BOOTLOADER_SKIP_VALIDATE_ON_POWER_ON=1"), "0 0");
});

test.run();
