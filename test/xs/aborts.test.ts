/** What the ESP32 host records as the machine goes down, with the SDK's rule for its hook. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createHal } from "../../hosts/esp32/hal.js";
import type { AbortHook, Platform } from "../../hosts/esp32/platform.js";
import { standardRun } from "../../hosts/node/simulator.js";
import { deviceModule, XsCpu } from "../../hosts/node/xs-device.js";
import { exitCodes } from "../../hosts/node/xs-process.js";
import { buildImage } from "../../src/author/esp-image.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { runAlone } from "../helpers/xs.js";

for (const [name, status, record] of [
  ["exception", exitCodes.unhandledException, "unhandled exception: on purpose"],
  ["rejection", exitCodes.unhandledRejection, "unhandled rejection"],
  ["chunks", exitCodes.memoryFull, "memory full"],
  ["bytes", exitCodes.memoryFull, "memory full"],
  ["slots", exitCodes.memoryFull, "memory full"],
] as const) {
  test(`${name}: the record of the abort is written, once`, () => {
    const result = runAlone(`dist/test/xs/device/aborting/${name}.js`);
    assert.is(result.status, status, result.output);
    const records = result.output.split("\n").filter((line) => line === "abort");
    assert.is(records.length, 1, result.output);
    assert.ok(result.output.includes(`abort\n${record}`), result.output);
  });
}

test("a stack overflow leaves no record: the SDK does not call its hook then", () => {
  const result = runAlone("dist/test/xs/device/aborting/recursion.js");
  assert.is(result.status, exitCodes.stackOverflow, result.output);
  assert.not.match(result.output, /^abort$/m);
});

for (const [name, abort, what] of [
  ["leaking", "memory full", "fills the memory"],
  ["throwing", "unhandled exception: lamp is not a function", "throws"],
] as const) {
  test(`a release that ${what} in its trial is reverted, and the report says why`, () => {
    const module = `dist/test/xs/device/aborting/${name}.js`;
    const cpu = new XsCpu({ module: (boot) => (boot === 2 ? module : deviceModule), quiet: true });
    const image = (version: string): Uint8Array =>
      buildImage({ chipId: 0, version, projectName: "lamp", sizeBytes: 20_000 }, nodeDigest);
    const run = {
      oldImage: image("1"),
      newImage: image("2"),
      behaviour: "healthy",
      seed: 7,
    } as const;
    const { simulation, result, reason } = standardRun({
      ...run,
      more: { firmware: cpu.firmware },
    });
    cpu.close();
    assert.equal(cpu.aborts, [abort.replace("unhandled exception: ", "")]);
    assert.equal([result, reason], ["failed", "crashed"]);
    assert.is(simulation.reports().at(-1)?.abort, abort);
    assert.equal(simulation.violations(), []);
  });
}

test("the hook never returns false, with which the SDK would let the machine go on", () => {
  for (const reason of ["memory full", "unhandled exception", "unhandled rejection", "fatal", ""]) {
    let hook: AbortHook = () => {};
    for (const write of [() => {}, () => hook("memory full", undefined)]) {
      const keyValue = { open: () => ({ read: () => undefined, write, delete: () => {} }) };
      const onAbort = (given: AbortHook): void => {
        hook = given;
      };
      createHal({ keyValue, onAbort } as unknown as Platform);
      // Also of the abort that comes after the first.
      for (let i = 0; i < 2; i++) assert.is(hook(reason, new Error("on purpose")), undefined);
    }
  }
});

test.run();
