/** The checks can fail: each of these programs must end the machine, with its own exit code. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { standardRun } from "../../hosts/node/simulator.js";
import { deviceModule, XsCpu, type XsCpuOptions } from "../../hosts/node/xs-device.js";
import {
  esp32Creation,
  exitCodes,
  XsProcess,
  xsArguments,
  xsModule,
  xsProgram,
} from "../../hosts/node/xs-process.js";
import { operations } from "../../hosts/xs/operations.js";
import type { AgentOptions } from "../../src/agent/options.js";
import { buildImage } from "../../src/author/esp-image.js";
import { nodeDigest as sha } from "../helpers/node-digest.js";
import { runAlone, runHost } from "../helpers/xs.js";

const faulty = "dist/test/xs/device/faulty";

function mustEnd(name: string, status: number, text: string): void {
  const result = runAlone(`${faulty}/${name}.js`);
  assert.is(result.status, status, result.output);
  assert.ok(result.output.includes(text), result.output);
}

test("a leak of buffers ends in memory full", () => {
  mustEnd("leak", exitCodes.memoryFull, "memory full");
});

test("a leak of small objects ends in memory full", () => {
  mustEnd("slot-leak", exitCodes.memoryFull, "memory full");
});

test("property names made out of data are kept for ever, and end in memory full", () => {
  mustEnd("names", exitCodes.memoryFull, "memory full");
});

test("recursion ends in stack overflow, and says who called whom", () => {
  mustEnd("recursion", exitCodes.stackOverflow, "depth");
});

test("bytes at module level are read-only once preloaded", () => {
  mustEnd("state", exitCodes.unhandledException, "read-only buffer");
});

test("a Map at module level is read-only once preloaded", () => {
  mustEnd("map-state", exitCodes.unhandledException, "read-only");
});

test("a native function called at module level is refused when the module is preloaded", () => {
  mustEnd("native-at-load", exitCodes.unhandledException, "while a module is preloaded");
});

test("no native function works at module level", () => {
  const { status, output } = runAlone(`${faulty}/natives-at-load.js`);
  assert.is(status, exitCodes.ok, output);
  const refusals = output.split("\n").filter((line) => line.includes("native"));
  const refusal = "native function called while a module is preloaded";
  assert.equal(refusals, new Array(11).fill(refusal), output);
  assert.not.match(output, /worked|printed|mark load/);
});

test("XS cannot write what is preloaded: the process dies", () => {
  const { status, signal, output } = runAlone(`${faulty}/generator.js`);
  assert.is(status, null, output);
  assert.is(signal, "SIGSEGV");
});

test("the abort hook hears of an exception, and one that throws cannot stop the end", () => {
  const text = "hook: unhandled exception: on purpose";
  mustEnd("abort-hook", exitCodes.unhandledException, text);
});

test("an abort hook that returns false lets the machine go on, as the SDK does", () => {
  mustEnd("ignoring-hook", exitCodes.ok, "unhandled rejection, called on the global: true");
});

test("of several abort hooks the last one is called", () => {
  mustEnd("hooks", exitCodes.unhandledException, "the last hook\n");
  assert.not.match(runAlone(`${faulty}/hooks.js`).output, /the first hook/);
});

test("a rejected promise without a handler ends the machine", () => {
  mustEnd("rejection", exitCodes.unhandledRejection, "unhandled rejection");
});

test("the same leak fits a larger machine: it is the size that ends it", () => {
  const result = runAlone(`${faulty}/slot-leak.js`, { heapSlots: 40_000, chunkBytes: 400_000 });
  assert.is(result.status, exitCodes.ok, result.output);
});

for (const name of ["endless", "endless-at-load"]) {
  test(`${name}: a module that loops ends after its time`, () => {
    const { status, output } = runAlone(`${faulty}/${name}.js`, {}, ["--seconds", "1"]);
    assert.is(status, exitCodes.tooMuchComputation, output);
    assert.is(output, "too much computation: 1 s without a request\n");
  });
}

/** Why boots ended whose firmware is `module`; the first is enough. */
function abortsOf(module: string, more: XsCpuOptions = {}, agent: Partial<AgentOptions> = {}) {
  const cpu = new XsCpu({ quiet: true, stopAtAbort: true, module: () => module, ...more });
  const header = { chipId: 0, projectName: "lamp", sizeBytes: 20_000 };
  const oldImage = buildImage({ ...header, version: "1" }, sha);
  const newImage = buildImage({ ...header, version: "2" }, sha);
  const run = { oldImage, newImage, behaviour: "healthy", seed: 7 } as const;
  const { passed } = standardRun({ ...run, agent, more: { firmware: cpu.firmware } });
  cpu.close();
  assert.not(passed);
  return cpu.aborts;
}

for (const name of ["endless", "endless-event"]) {
  test(`${name}: the board hears of a loop as the end of its boot`, () => {
    const aborts = abortsOf(`${faulty}/${name}.js`, { secondsMax: 1 });
    assert.equal(aborts, ["too much computation: 1 s without a request"]);
  });
}

test("the time that the board takes for an answer is not the module's", () => {
  const module = xsModule("dist/test/xs/device/instruments/request.js");
  const parameters = xsArguments(esp32Creation, module, ["--board", "--seconds", "1"]);
  const device = new XsProcess(xsProgram().path, parameters);
  try {
    assert.is(device.next()?.operation, operations.ticks);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1300);
    device.answer(0, 0, new Uint8Array(0));
    assert.is(device.next()?.operation, operations.wait);
  } finally {
    device.kill();
  }
});

test("the board hears what the callback of an event threw", () => {
  assert.equal(abortsOf(`${faulty}/timer.js`), ["thrown in a timer"]);
});

test("the board hears of a process that dies without a word as the end of its boot", () => {
  assert.equal(abortsOf(`${faulty}/generator.js`), ["the process died"]);
});

test("a request that is too long for the pipe is not cut: the process gives up", () => {
  assert.equal(abortsOf(`${faulty}/too-long.js`), ["a request has 65537 bytes"]);
});

test("an answer of the board that is too long for the pipe ends the process too", () => {
  const serverUrl = `http://updates.example.com/${"a".repeat(70_000)}/`;
  assert.equal(abortsOf(deviceModule, {}, { serverUrl }), [
    "an answer of the board has 70028 bytes",
  ]);
});

test("an answer of the board is never written into a string", () => {
  assert.equal(abortsOf(`${faulty}/written-string.js`), ["a string cannot be written"]);
});

test("numbers that are none, and missing values, are refused with the usage", () => {
  const module = xsModule(`${faulty}/hooks.js`);
  for (const parameters of [
    [],
    ["--chunk", "abc", module],
    ["--heap", "49x", module],
    ["--stack", "-1", module],
    ["--seconds", "99999999999", module],
    ["--chunk", "", module],
    [module, "--chunk"],
    [module, "--modules"],
    [module, "--collect"],
  ]) {
    const { status, output } = runHost(parameters);
    assert.is(status, exitCodes.usage, `${parameters}: ${output}`);
    assert.match(output, /^usage: /);
  }
});

test("more modules than the host has room for end it, before anything runs", () => {
  const folder = mkdtempSync(join(tmpdir(), "daruma-modules-"));
  try {
    const module = join(folder, "main.js");
    const name = (index: number): string => join(folder, `part-${index}.js`);
    for (let i = 0; i < 256; i++) writeFileSync(name(i), "export default 1;\n");
    const imports = (count: number): string =>
      Array.from({ length: count }, (_, index) => `import "./part-${index}.js";\n`).join("");
    const main = "export default () => hostPrint('ran');\n";
    writeFileSync(module, imports(255) + main);
    assert.match(runHost([module]).output, /^ran$/m);
    writeFileSync(module, imports(256) + main);
    const { status, output } = runHost([module]);
    assert.is(status, exitCodes.broken, output);
    assert.is(output, "daruma-xs: more than 256 modules\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
