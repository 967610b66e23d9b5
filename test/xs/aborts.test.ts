/** What the ESP32 host records as the machine goes down, with the SDK's rule for its hook. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exitCodes } from "../../hosts/node/xs-process.js";
import { runAlone } from "../helpers/xs.js";

for (const [name, status, record] of [
  ["exception", exitCodes.unhandledException, "unhandled exception: on purpose"],
  ["rejection", exitCodes.unhandledRejection, "unhandled rejection"],
  ["chunks", exitCodes.memoryFull, "memory full"],
] as const) {
  test(`${name}: the record of the abort is written, once`, () => {
    const result = runAlone(`dist/test/xs/device/aborting/${name}.js`);
    assert.is(result.status, status, result.output);
    const records = result.output.split("\n").filter((line) => line === "abort");
    assert.is(records.length, 1, result.output);
    assert.ok(result.output.includes(`abort\n${record}`), result.output);
  });
}

test("slots that run out to the last end the machine, and no record is promised", () => {
  // XS needs a slot to call the hook: it aborts anew in there until its stack is full as well.
  const { status, output } = runAlone("dist/test/xs/device/aborting/slots.js");
  assert.is(status, exitCodes.memoryFull, output);
});

test("a stack overflow leaves no record: the SDK does not call its hook then", () => {
  const result = runAlone("dist/test/xs/device/aborting/recursion.js");
  assert.is(result.status, exitCodes.stackOverflow, result.output);
  assert.not.match(result.output, /^abort$/m);
});

test.run();
