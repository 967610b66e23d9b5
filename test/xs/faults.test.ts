/** The checks can fail: each of these programs must end the machine, with its own exit code. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { standardRun } from "../../hosts/node/simulator.js";
import { XsCpu } from "../../hosts/node/xs-device.js";
import { exitCodes } from "../../hosts/node/xs-process.js";
import { buildImage } from "../../src/author/esp-image.js";
import { nodeDigest as sha } from "../helpers/node-digest.js";
import { runAlone } from "../helpers/xs.js";

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

test("the abort hook hears of an exception, and cannot stop the end", () => {
  const text = "hook: unhandled exception: on purpose";
  mustEnd("abort-hook", exitCodes.unhandledException, text);
});

test("a rejected promise without a handler ends the machine", () => {
  mustEnd("rejection", exitCodes.unhandledRejection, "unhandled rejection");
});

test("the same leak fits a larger machine: it is the size that ends it", () => {
  const result = runAlone(`${faulty}/slot-leak.js`, { heapSlots: 40_000, chunkBytes: 400_000 });
  assert.is(result.status, exitCodes.ok, result.output);
});

test("a process that dies without a word is told as the end of its boot", () => {
  const cpu = new XsCpu({ quiet: true, stopAtAbort: true });
  const image = buildImage(
    { chipId: 0, version: "1", projectName: "lamp", sizeBytes: 20_000 },
    sha,
  );
  const other = buildImage(
    { chipId: 0, version: "2", projectName: "lamp", sizeBytes: 20_000 },
    sha,
  );
  // An answer of the board that is longer than the process can take.
  const agent = { serverUrl: `http://updates.example.com/${"a".repeat(70_000)}/` };
  const run = { oldImage: image, newImage: other, behaviour: "healthy", seed: 7 } as const;
  standardRun({ ...run, agent, more: { firmware: cpu.firmware } });
  cpu.close();
  assert.equal(cpu.aborts, ["the process died"]);
});

test.run();
