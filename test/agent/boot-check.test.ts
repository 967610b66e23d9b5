import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createHal } from "../../hosts/esp32/hal.js";
import { layoutFor } from "../../hosts/simulator/layout.js";
import type { Application } from "../../hosts/simulator/simulation.js";
import type { Cut } from "../../hosts/simulator/tear.js";
import { Agent } from "../../src/agent/agent.js";
import { BootCheck, type BootFindings } from "../../src/agent/boot-check.js";
import { capabilities } from "../../src/agent/capabilities.js";
import { decodeRecord, phases } from "../../src/journal/records.js";
import { release, simulated, update } from "../helpers/simulated.js";

const test = suite("agent/boot-check");

/** An application with a boot check of its own, which hands its findings to `found`. */
function checked(
  found: (findings: BootFindings | null, boot: BootCheck) => void,
  startsAgent: (slotLabel: string) => boolean = () => true,
): Application {
  return (device, options) => {
    const hal = createHal(device.platform);
    const boot = new BootCheck(hal, { trialTimeoutMs: 20_000, trialDwellMs: 1000 });
    found(boot.run(), boot);
    if (startsAgent(device.slotLabel)) new Agent(hal, { ...options, selfTests: [] }, boot).start();
  };
}

test("the agent continues from a boot check that was made before, through a whole update", () => {
  const seen: BootFindings[] = [];
  const simulation = simulated({
    application: checked((findings) => {
      if (findings !== null) seen.push(findings);
    }),
  });
  const { report } = update(simulation);
  assert.is(report?.result, "updated");
  assert.equal(
    seen.map((one) => [one.slot, one.running, one.trial, one.resetReason]),
    [
      [0, "unknown", false, "power-on"],
      [1, "candidate", true, "software"],
    ],
  );
  assert.equal(simulation.violations(), []);
});

test("a self-test that is registered with the boot check decides the trial", () => {
  const simulation = simulated({
    application: checked((findings, boot) => {
      boot.addSelfTest((done) => done(findings?.trial === false));
    }),
  });
  const { report } = update(simulation);
  assert.is(report?.result, "failed");
  assert.is(report?.reason, "self-test-failed");
  assert.ok(simulation.runs(release(1).image));
});

test("an application that never starts its agent is taken back at the deadline", () => {
  const simulation = simulated({
    application: checked(
      () => {},
      (slotLabel) => slotLabel === "ota_0",
    ),
  });
  const { report } = update(simulation);
  assert.is(report?.reason, "trial-timeout");
  assert.ok(simulation.runs(release(1).image));
  assert.equal(simulation.violations(), []);
});

test("it is taken back by the boot check itself where the bootloader cannot", () => {
  const simulation = simulated({
    build: { appRollback: false, bootloaderRollback: false },
    agent: { allowWithoutRollback: true },
    application: checked(
      () => {},
      (slotLabel) => slotLabel === "ota_0",
    ),
  });
  const { report } = update(simulation);
  assert.is(report?.reason, "trial-timeout");
  assert.ok(simulation.runs(release(1).image));
});

test("its intent to go back is in the journal before the boot record changes", () => {
  const phasesAtRestart: (number | undefined)[] = [];
  const simulation = simulated({
    application: (device, options, behaviour) => {
      const record = simulation.keyValue.entries("daruma").get("attempt");
      phasesAtRestart.push(record && decodeRecord("attempt", record, record.length)?.phase);
      checked(
        () => {},
        (label) => label === "ota_0",
      )(device, options, behaviour);
    },
  });
  update(simulation);
  assert.equal(phasesAtRestart, [undefined, phases.staging, phases.rejecting]);
});

test("a new image that hangs before its agent starts is bitten by the watchdog", () => {
  const simulation = simulated({
    application: (device, options, behaviour) => {
      const isNew = device.slotLabel === "ota_1";
      checked(
        () => {},
        () => !isNew,
      )(device, options, behaviour);
      if (isNew) device.hang();
    },
  });
  const { report } = update(simulation);
  assert.is(report?.reason, "watchdog-reset");
  assert.ok(simulation.runs(release(1).image));
});

test("the reason of an abort is told by the next boot, once", () => {
  const aborts: string[] = [];
  const simulation = simulated({
    application: (device, options, behaviour) => {
      checked((findings) => aborts.push(findings?.abort ?? "?"))(device, options, behaviour);
      if (device.slotLabel !== "ota_1") return;
      device.platform.timer.set(() => {
        throw new TypeError(`lamp: cannot read brightness\n${"x".repeat(200)}`);
      }, 300);
    },
  });
  const { report } = update(simulation);
  assert.is(report?.reason, "crashed");
  assert.is(report?.abort, aborts[2], "the server is told the same");
  assert.is(aborts[0], "");
  assert.is(aborts[1], "");
  assert.match(aborts[2], /^unhandled exception: lamp: cannot read brightness\?x+$/);
  assert.is(aborts[2].length, 96);
  simulation.run(() => false, 60_000);
  assert.not(simulation.keyValue.entries("daruma").has("abort"));
  assert.ok(simulation.timeline.some((line) => line.text.includes("lamp: cannot read")));
});

/** An application whose trial of release 2 aborts; each boot's findings go to `told`. */
function aborting(told: string[]): Application {
  return (device, options, behaviour) => {
    checked((findings) => told.push(findings?.abort ?? "?"))(device, options, behaviour);
    if (device.slotLabel !== "ota_1") return;
    device.platform.timer.set(() => {
      throw new Error("no lamp");
    }, 300);
  };
}

test("the reason of an abort waits for the server across boots, and is told once", () => {
  const told: string[] = [];
  const simulation = simulated({ application: aborting(told) });
  simulation.publish(release(2));
  const isBack = (): boolean => simulation.boots.length === 3;
  assert.is(simulation.run(isBack, 7_200_000), "until");
  simulation.network.up = false;
  for (let boot = 0; boot < 3; boot++) {
    simulation.run(() => false, 60_000);
    simulation.board.cutPower();
  }
  assert.equal(told, ["", "", "unhandled exception: no lamp", "", ""]);
  assert.ok(simulation.keyValue.entries("daruma").has("abort"));
  simulation.network.up = true;
  const isTold = (): boolean => simulation.reports().some((one) => one.result === "failed");
  assert.is(simulation.run(isTold, 7_200_000), "until");
  assert.is(simulation.reports().at(-1)?.abort, "unhandled exception: no lamp");
  simulation.run(() => false, 60_000);
  assert.not(simulation.keyValue.entries("daruma").has("abort"));
  // Nothing of it is left for the next attempt, nor for the report of a refusal.
  simulation.publish(release(1));
  simulation.publish(release(3));
  const isNext = (): boolean => simulation.reports().at(-1)?.sequenceNumber === 3;
  simulation.run(isNext, 7_200_000);
  assert.is(simulation.reports().at(-1)?.abort, "unhandled exception: no lamp");
  assert.equal(simulation.violations(), []);
});

test("a cut at any moment of telling an abort loses neither word, to nobody", () => {
  const run = (cuts: readonly Cut[]) => {
    const told: string[] = [];
    const simulation = simulated({ application: aborting(told) });
    simulation.publish(release(2));
    simulation.run(() => simulation.boots.length === 2, 7_200_000);
    // Operation 0 is the record of the abort itself.
    simulation.power.plan(cuts);
    const isTold = (): boolean => simulation.reports().some((one) => one.result === "failed");
    simulation.run(isTold, 7_200_000);
    simulation.run(() => false, 60_000);
    const reported = simulation.reports().map((one) => one.abort ?? "");
    return { told, operations: simulation.power.operations, reported };
  };
  const { operations } = run([]);
  assert.ok(operations > 4, `${operations}`);
  for (let operation = 0; operation < operations; operation++) {
    for (const kind of ["before", "after"] as const) {
      if (operation === 0 && kind === "before") continue;
      const { told, reported } = run([{ operation, tear: { kind } }]);
      const at = `${kind} operation ${operation}`;
      assert.ok(told.includes("unhandled exception: no lamp"), `${at}: the application`);
      assert.equal([...new Set(reported)], ["unhandled exception: no lamp"], at);
    }
  }
});

test("a boot check that cannot read its storage says so and does not throw", () => {
  let findings: BootFindings | null | undefined;
  const simulation = simulated({
    application: (device) => {
      const hal = createHal(device.platform);
      Object.assign(hal.keyValue, {
        read: (): number => {
          throw new Error("nvs is gone");
        },
      });
      findings = new BootCheck(hal).run();
    },
  });
  simulation.run(() => false, 1000);
  assert.is(findings, null);
  assert.ok(simulation.timeline.some((line) => line.text.includes("nvs is gone")));
});

test("engine and free heap are in the log of every boot and in the report", () => {
  const simulation = simulated();
  const { report } = update(simulation);
  assert.is(report?.engineVersion, "17.7");
  assert.is(report?.leastFreeHeapBytes, 150_000);
  assert.is(report?.abort, null);
  const lines = simulation.timeline.filter((line) => line.text.startsWith("boot: XS 17.7, 150000"));
  assert.is(lines.length, simulation.boots.length);
});

test("a build without the native functions for them is updated all the same", () => {
  const simulation = simulated({
    application: (device, options) => {
      const natives = { ...device.platform.natives };
      for (const name of [
        "daruma_xs_version",
        "esp_get_free_heap_size",
        "esp_get_minimum_free_heap_size",
      ] as const) {
        Reflect.deleteProperty(natives, name);
      }
      new Agent(createHal({ ...device.platform, natives }), options).start();
    },
  });
  const { report } = update(simulation);
  assert.is(report?.result, "updated");
  assert.is(report?.engineVersion, null);
  assert.is(report?.leastFreeHeapBytes, 0);
});

test("the report of an update carries what the device can do", () => {
  const { report } = update(simulated());
  const { rollbackArmed, rollbackBuilt, imageValidation, watchdog, twoSlots, keyValue } =
    capabilities;
  const all = rollbackArmed | rollbackBuilt | imageValidation | watchdog | twoSlots | keyValue;
  assert.is(report?.capabilities, all);
});

test("without a task watchdog the report says so", () => {
  const { report } = update(simulated({ build: { taskWatchdog: false } }));
  assert.is(report?.result, "updated");
  assert.is((report?.capabilities ?? 0) & capabilities.watchdog, 0);
});

test("an app built for a bootloader that does not validate says so", () => {
  const { report } = update(simulated({ build: { appSkipValidate: true } }));
  assert.is((report?.capabilities ?? 0) & capabilities.imageValidation, 0);
});

test("a flash with one slot is told as that, and its agent says why it does nothing", () => {
  const layout = layoutFor(65536);
  const partitions = layout.partitions.filter((one) => one.label !== "ota_1");
  let bits = -1;
  const simulation = simulated({
    layout: { ...layout, partitions },
    application: checked((findings) => {
      bits = findings?.capabilities ?? -1;
    }),
  });
  simulation.publish(release(2));
  simulation.run(() => false, 600_000);
  assert.is(bits & capabilities.twoSlots, 0);
  assert.is(bits & capabilities.rollbackBuilt, capabilities.rollbackBuilt);
  assert.ok(simulation.timeline.some((line) => line.text.includes("needs two OTA slots")));
  assert.is(simulation.payloadBytes(), 0);
  assert.is(simulation.boots.length, 1);
});

test("storage that cannot be written is told as that, and nothing is installed", () => {
  const bits: number[] = [];
  const simulation = simulated({
    application: checked((findings) => bits.push(findings?.capabilities ?? -1)),
  });
  const { write } = simulation.keyValue;
  simulation.keyValue.write = () => {
    throw new Error("nvs is full");
  };
  simulation.publish(release(2));
  simulation.run(() => false, 7_200_000);
  assert.ok(simulation.timeline.some((line) => line.text.includes("nvs is full")));
  assert.is(simulation.payloadBytes(), 0);
  assert.is(simulation.boots.length, 1);
  // Cleared by a person.
  simulation.keyValue.write = write;
  simulation.run(() => simulation.runs(release(2).image), 7_200_000);
  assert.equal(
    bits.map((one) => (one & capabilities.keyValue) !== 0),
    [false, true],
  );
  assert.equal(simulation.violations(), []);
});

test("where the app was built without rollback nothing is fetched or written", () => {
  const simulation = simulated({ build: { appRollback: false, bootloaderRollback: false } });
  simulation.run(() => simulation.wire().length > 0, 60_000);
  const before = simulation.flash.bytes.slice();
  const { report } = update(simulation);
  assert.is(report?.result, "refused");
  assert.is(report?.reason, "rollback-unavailable");
  assert.is(simulation.payloadBytes(), 0);
  assert.equal(simulation.flash.bytes, before);
});

test("an application may allow updates that only its new agent can take back", () => {
  const build = { appRollback: false, bootloaderRollback: false };
  const agent = { allowWithoutRollback: true };
  const { report } = update(simulated({ build, agent }));
  assert.is(report?.result, "updated");
  assert.is((report?.capabilities ?? 0) & capabilities.rollbackArmed, 0);
  const failing = simulated({ build, agent });
  assert.is(update(failing, "fail-test").report?.reason, "self-test-failed");
  assert.ok(failing.runs(release(1).image), "the agent itself went back");
});

test("an old bootloader without rollback is found out by the first trial, and remembered", () => {
  const simulation = simulated({ build: { bootloaderRollback: false } });
  const { report } = update(simulation);
  assert.is(report?.result, "updated");
  const bits = report?.capabilities ?? 0;
  assert.is(bits & capabilities.rollbackArmed, 0);
  assert.is(bits & capabilities.rollbackMissing, capabilities.rollbackMissing);
  simulation.publish(release(3));
  const last = (): string => simulation.reports().at(-1)?.reason ?? "";
  assert.is(
    simulation.run(() => last() === "rollback-unavailable", 7_200_000),
    "until",
  );
  simulation.board.cutPower();
  simulation.publish(release(4));
  const told = (): boolean => simulation.reports().at(-1)?.sequenceNumber === 4;
  assert.is(simulation.run(told, 7_200_000), "until");
  assert.is(last(), "rollback-unavailable", "also after a power cycle");
});

test.run();
