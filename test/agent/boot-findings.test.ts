/** What the boot-time check may rely on: the active entry, the bootloader seen, an abort's line. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createHal } from "../../hosts/esp32/hal.js";
import { recordAbort } from "../../src/agent/abort.js";
import { Agent } from "../../src/agent/agent.js";
import { BootCheck, type BootFindings } from "../../src/agent/boot-check.js";
import { CapabilityProbe, capabilities } from "../../src/agent/capabilities.js";
import { measureImage } from "../../src/boot/image-head.js";
import type { Hal, KeyValue, SlotFlash } from "../../src/hal.js";
import { imageOf } from "../helpers/images.js";
import { simulated, update } from "../helpers/simulated.js";

const test = suite("agent/boot-findings");

/** Boots once with a recorded abort and a HAL that `spoil` changes; the checks of that boot. */
function checkedTwice(spoil: (hal: Hal) => void) {
  let findings: (BootFindings | null)[] = [];
  const simulation = simulated({
    application: (device) => {
      const hal = createHal(device.platform);
      recordAbort(hal.keyValue, "why it died");
      spoil(hal);
      const boot = new BootCheck(hal);
      findings = [boot.run(), boot.run()];
    },
  });
  simulation.run(() => false, 1000);
  return { findings, keyValue: simulation.keyValue.entries("daruma") };
}

test("the line of an abort outlives a check that has to be repeated", () => {
  let calls = 0;
  const { findings, keyValue } = checkedTwice((hal) => {
    const freeHeapBytes = hal.freeHeapBytes.bind(hal);
    Object.assign(hal, {
      freeHeapBytes: () => {
        if (calls++ === 0) throw new Error("no heap");
        return freeHeapBytes();
      },
    });
  });
  assert.is(findings[0], null);
  assert.is(findings[1]?.abort, "why it died");
  assert.not(keyValue.has("abort"));
});

test("the line of an abort is told although nothing can be logged", () => {
  const { findings } = checkedTwice((hal) => {
    Object.assign(hal, {
      log: () => {
        throw new Error("no log");
      },
    });
  });
  assert.equal(
    findings.map((one) => one?.abort),
    ["why it died", "why it died"],
  );
});

test("the line of an abort that cannot be read stays for the next boot", () => {
  const { findings, keyValue } = checkedTwice((hal) => {
    const { keyValue } = hal;
    const read = keyValue.read.bind(keyValue);
    Object.assign(keyValue, {
      read: (key: string, into: Uint8Array) => {
        if (key === "abort") throw new Error("no storage");
        return read(key, into);
      },
    });
  });
  assert.is(findings[0]?.abort, "");
  assert.ok(keyValue.has("abort"));
});

/**
 * A device whose boot record names the old slot while the new image is on trial, as after a
 * fallback; no agent starts there. What is told of it, and how often an entry was rejected.
 */
function inFallback() {
  const told: number[] = [];
  let rejects = 0;
  const simulation = simulated({
    application: (device, options) => {
      const hal = createHal(device.platform);
      const isNew = device.slotLabel === "ota_1";
      const reject = hal.boot.reject.bind(hal.boot);
      hal.boot.reject = () => {
        rejects++;
        reject();
      };
      if (isNew) {
        hal.boot.activeSlot = () => 0;
        hal.boot.slotState = () => "new";
      }
      const boot = new BootCheck(hal, { trialTimeoutMs: 20_000, trialDwellMs: 1000 });
      const bits = boot.run()?.capabilities ?? 0;
      if (isNew) told.push(bits);
      else new Agent(hal, options, boot).start();
    },
  });
  const { report } = update(simulation);
  return { told, rejects, report };
}

test("an entry that is not this image's is neither rejected nor taken for the bootloader's", () => {
  const { told, rejects, report } = inFallback();
  assert.is(report?.result, "failed");
  assert.is(rejects, 0);
  assert.ok(told.length > 0);
  for (const bits of told) {
    assert.is(bits & (capabilities.rollbackMissing | capabilities.rollbackArmed), 0);
  }
});

/** A probe that remembers a bootloader without rollback, and the keys it is remembered by. */
function remembering(): { probe: CapabilityProbe; keys: Set<string> } {
  const keys = new Set(["no-rollback"]);
  const keyValue: KeyValue = {
    read: (key) => (keys.has(key) ? 1 : -1),
    write: (key) => void keys.add(key),
    delete: (key) => void keys.delete(key),
  };
  const boot = { features: () => ({ rollback: true, validation: true }), slotCount: () => 2 };
  const probe = new CapabilityProbe({ boot, keyValue } as unknown as Hal);
  probe.run(true);
  assert.not(probe.canRevert);
  return { probe, keys };
}

test("a bootloader without rollback is forgotten when another one was flashed, or is seen", () => {
  const flashed = remembering();
  flashed.probe.flashedByCable();
  assert.ok(flashed.probe.canRevert);
  assert.is(flashed.keys.size, 0);
  const seen = remembering();
  seen.probe.trialSeen("pending-verify");
  assert.ok(seen.probe.canRevert);
  assert.is(seen.keys.size, 0);
});

test("a header without segments is no image, whatever follows", () => {
  const image = imageOf("ok").slice();
  const slot: SlotFlash = {
    status: () => ({ size: 65_536, blockLength: 4096 }),
    read: (into, offset) => into.set(image.subarray(offset, offset + into.length)),
    write: () => assert.unreachable(),
    eraseBlock: () => assert.unreachable(),
  };
  assert.is(measureImage(slot), image.length);
  image[1] = 0;
  assert.is(measureImage(slot), 0);
});

test.run();
