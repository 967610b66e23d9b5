/** Whole updates in an ESP32's heap on XS: the same timeline as on Node, line by line. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type StandardRun, standardRun } from "../../hosts/node/simulator.js";
import { XsCpu, type XsCpuOptions } from "../../hosts/node/xs-device.js";
import { liveLimitsOf } from "../../hosts/node/xs-parts.js";
import { xsProgram } from "../../hosts/node/xs-process.js";
import type {
  Behaviour,
  SimulationOptions,
  TimelineLine,
} from "../../hosts/simulator/simulation.js";
import type { Cut, Tear } from "../../hosts/simulator/tear.js";
import { buildImage } from "../../src/author/esp-image.js";
import { bytesBody } from "../../src/server/body.js";
import { nodeDigest } from "../helpers/node-digest.js";

function image(version: string, fillSeed: number): Uint8Array {
  const header = { chipId: 0, version, projectName: "lamp" };
  return buildImage({ ...header, sizeBytes: 40_000, fillSeed }, nodeDigest);
}

const oldImage = image("1", 1);
const newImage = image("2", 2);

type Intercept = NonNullable<SimulationOptions["intercept"]>;

interface Compared {
  readonly result: string;
  readonly reason: string;
  readonly passed: boolean;
  readonly boots: number;
  readonly cpu: XsCpu;
}

/** The board of the XS host looks no names up: where a connection failed, it cannot say. */
function plain(line: TimelineLine): TimelineLine {
  return { ...line, text: line.text.replace(/^connection: .*, /, "connection: ") };
}

/** Runs a plan on Node and on XS, and compares all that an observer sees. */
function compare(
  behaviour: Behaviour,
  cuts: readonly Cut[] = [],
  more: XsCpuOptions = {},
  network: NonNullable<StandardRun["more"]> = {},
): Compared {
  const run: StandardRun = { oldImage, newImage, behaviour, seed: 7 };
  const onNode = standardRun({ ...run, more: { ...network, cuts } });
  const cpu = new XsCpu(more);
  try {
    const onXs = standardRun({ ...run, more: { ...network, cuts, firmware: cpu.firmware } });
    assert.equal(cpu.aborts, []);
    onNode.simulation.timeline.forEach((line, index) => {
      assert.equal(plain(onXs.simulation.timeline[index]), plain(line), `line ${index}`);
    });
    assert.is(onXs.simulation.timeline.length, onNode.simulation.timeline.length);
    assert.equal(onXs.simulation.flash.bytes, onNode.simulation.flash.bytes);
    assert.equal(onXs.simulation.keyValue.snapshot(), onNode.simulation.keyValue.snapshot());
    // Every field of every exchange: when, where to, the headers and the body of the request.
    const wire = onXs.simulation.wire();
    onNode.simulation.wire().forEach((record, index) => {
      assert.equal(wire[index], record, `request ${index}`);
    });
    assert.is(wire.length, onNode.simulation.wire().length);
    assert.ok(
      wire.some(({ sent }) => sent.length > 0) && wire.every(({ headers }) => headers.size),
    );
    assert.is(onXs.passed, onNode.passed);
    // A cut in the bootloader is a boot that never reaches the firmware.
    assert.ok(cpu.boots > 1 && cpu.boots <= onXs.boots);
    return {
      result: onXs.result,
      reason: onXs.reason,
      passed: onXs.passed,
      boots: onXs.boots,
      cpu,
    };
  } finally {
    cpu.close();
  }
}

test("a good update, from poll to confirm, with a forged offer refused before it", () => {
  const { result, reason, passed } = compare("healthy");
  assert.equal([result, reason, passed], ["updated", "confirmed", true]);
});

test("an image that crashes is reverted and reported", () => {
  const { result, reason, passed } = compare("crash");
  assert.equal([result, reason, passed], ["failed", "crashed", true]);
});

test("an image that hangs is reverted by the watchdog and reported", () => {
  const { result, reason, passed } = compare("hang");
  assert.equal([result, reason, passed], ["failed", "watchdog-reset", true]);
});

test("an image that fails its self-test rejects itself", () => {
  const { result, reason } = compare("fail-test");
  assert.equal([result, reason], ["failed", "self-test-failed"]);
});

test("an image that loses the network rejects itself", () => {
  const { result, reason } = compare("no-network");
  assert.equal([result, reason], ["failed", "server-unreachable"]);
});

test("the second server is enough where the first is dead or answers nonsense", () => {
  const serverUrl = ["http://a.example.com", "http://b.example.com/"];
  const dead: Intercept = (_request, delivery, hostname) => {
    if (hostname === "a.example.com") delivery.connects = false;
  };
  const nonsense: Intercept = (_request, delivery, hostname) => {
    const { response } = delivery;
    const body = bytesBody(new Uint8Array(3000).fill(0x81));
    if (hostname === "a.example.com") delivery.response = { ...response, status: 200, body };
  };
  for (const intercept of [dead, nonsense]) {
    const { result, reason } = compare("healthy", [], {}, { serverUrl, intercept });
    assert.equal([result, reason], ["updated", "confirmed"]);
  }
});

test("a power cut kills the process, and the update goes on as it does on Node", () => {
  // Through the whole update: journal, erase, program, otadata, confirm.
  for (const [index, operation] of [0, 11, 24, 29, 33].entries()) {
    const tear: Tear = index % 2 === 0 ? { kind: "before" } : { kind: "bits", seed: 5, share: 128 };
    const { result, boots } = compare("healthy", [{ operation, tear }]);
    assert.is(result, "updated", `cut at ${operation}, ${tear.kind}`);
    assert.ok(boots > 2, `the cut at ${operation} fell into the run`);
  }
});

test("it also runs on the bare platform's chunk and heap, which are smaller", () => {
  const creation = { chunkBytes: 32_768, heapSlots: 2048, stackSlots: 384 };
  assert.is(compare("healthy", [], { creation }).result, "updated");
});

test("live memory stays within its limits, and no property name is made", () => {
  const limits = liveLimitsOf(xsProgram().bits);
  const { cpu } = compare("healthy", [], { collectOften: true });
  for (const { boot, phase, chunkBytes, slots, names } of cpu.marks) {
    const where = `boot ${boot}, ${phase}`;
    assert.ok(chunkBytes <= limits.chunkBytes, `${where}: ${chunkBytes} bytes of chunk`);
    assert.ok(slots <= limits.slots, `${where}: ${slots} slots`);
    assert.is(names, 0, where);
  }
  assert.ok(cpu.marks.length > 10);
});

test("a machine that is too small ends in an abort that the board sees", () => {
  for (const [creation, abort] of [
    // Full before the first signature: XS 13.3 dies of a full chunk heap within BigInt arithmetic.
    [{ chunkBytes: 4500, heapSlots: 4928, stackSlots: 384 }, "memory full"],
    [{ chunkBytes: 78_848, heapSlots: 500, stackSlots: 384 }, "memory full"],
    [{ chunkBytes: 78_848, heapSlots: 4928, stackSlots: 250 }, "JavaScript stack overflow"],
  ] as const) {
    const cpu = new XsCpu({ creation, quiet: true, stopAtAbort: true });
    const run: StandardRun = { oldImage, newImage, behaviour: "healthy", seed: 7 };
    const { passed } = standardRun({ ...run, more: { firmware: cpu.firmware } });
    cpu.close();
    assert.not(passed);
    assert.ok(cpu.aborts.includes(abort), `${cpu.aborts}`);
  }
});

test.run();
