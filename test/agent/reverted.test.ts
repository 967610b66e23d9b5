/** What the boot after a trial makes of it, whatever ends that boot before its agent starts. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createHal } from "../../hosts/esp32/hal.js";
import type { Application } from "../../hosts/simulator/simulation.js";
import { Agent } from "../../src/agent/agent.js";
import { BootCheck } from "../../src/agent/boot-check.js";
import { benchImage } from "../helpers/bench.js";
import { release, simulated, update } from "../helpers/simulated.js";

const none = { appRollback: false, bootloaderRollback: false };

/** Checks each boot, then calls `between`, which may end it; then its agent starts. */
function crashing(
  between: (slotLabel: string, boot: number) => "crash" | "brown-out" | "",
): Application {
  let boots = 0;
  return (device, options) => {
    const hal = createHal(device.platform);
    const check = new BootCheck(hal);
    check.run();
    const end = between(device.slotLabel, ++boots);
    if (end === "crash") device.crash();
    if (end === "brown-out") device.brownOut();
    new Agent(hal, { ...options, selfTests: [] }, check).start();
  };
}

test("the reset that ended a trial is told, whatever resets the chip before the agent", () => {
  for (const later of ["crash", "brown-out"] as const) {
    const simulation = simulated({
      application: crashing((label, boot) => {
        if (label === "ota_1") return "crash";
        // The first boots of the old image after the trial end as early.
        return boot > 2 && boot <= 5 ? later : "";
      }),
    });
    const { report } = update(simulation);
    assert.equal([report?.result, report?.reason], ["failed", "crashed"], later);
    const trials = simulation.boots.filter(({ slot }) => slot === 1);
    assert.is(trials.length, 1, "a crash of its own is no loss of supply, and is not tried again");
    assert.ok(simulation.runs(release(1).image));
    assert.equal(simulation.violations(), []);
  }
});

test("an image that crashes before its agent is taken back where the bootloader cannot", () => {
  const simulation = simulated({
    build: none,
    agent: { allowWithoutRollback: true },
    application: crashing((label) => (label === "ota_1" ? "crash" : "")),
  });
  const { report } = update(simulation);
  assert.equal([report?.result, report?.reason], ["failed", "crashed"]);
  assert.ok(simulation.runs(release(1).image));
  // One boot to begin the trial, one to find out that it crashed.
  assert.is(simulation.boots.filter(({ slot }) => slot === 1).length, 2);
  assert.equal(simulation.violations(), []);
});

test("one whose supply fails in its first boots is tried again there, and then kept", () => {
  let cuts = 0;
  const simulation = simulated({
    build: none,
    agent: { allowWithoutRollback: true },
    application: crashing(() => ""),
  });
  simulation.publish(release(2));
  const runsNew = (): boolean => simulation.boots.at(-1)?.slot === 1;
  while (cuts < 3) {
    simulation.run(runsNew, 7_200_000);
    simulation.board.cutPower();
    simulation.run(() => false, 100, 1);
    cuts++;
  }
  const isTold = (): boolean => simulation.reports().some((one) => one.result === "updated");
  assert.is(simulation.run(isTold, 7_200_000), "until");
  assert.ok(simulation.runs(release(2).image));
  assert.equal(simulation.violations(), []);
});

for (const pauseMs of [-1, 10, 100]) {
  const when = pauseMs < 0 ? "before its agent starts" : `${pauseMs} ms after its agent started`;
  test(`a trial that the supply ended condemns nothing: the old image crashes ${when}`, () => {
    let crashes = 0;
    // It takes some time to be read back.
    const [old, wanted] = [1, 2].map((number) =>
      release(number, "healthy", benchImage(number, 140_000)),
    );
    const simulation = simulated({
      installed: old,
      application: (device, options) => {
        const hal = createHal(device.platform);
        const check = new BootCheck(hal);
        check.run();
        const isNext = simulation.boots.length > 2 && crashes < 2 && device.slotLabel === "ota_0";
        if (isNext) crashes++;
        if (isNext && pauseMs < 0) device.crash();
        new Agent(hal, options, check).start();
        if (isNext) device.platform.timer.set(() => device.crash(), pauseMs);
      },
    });
    simulation.publish(wanted);
    simulation.run(() => simulation.boots.at(-1)?.slot === 1, 7_200_000);
    simulation.board.cutPower();
    const isTold = (): boolean => simulation.reports().length > 0;
    assert.is(simulation.run(isTold, 7_200_000), "until");
    assert.is(crashes, 2);
    assert.equal(
      simulation.reports().map(({ result, reason }) => `${result}: ${reason}`),
      ["updated: confirmed"],
    );
    assert.not(simulation.keyValue.entries("daruma").has("bad"));
    assert.ok(simulation.runs(wanted.image));
    assert.equal(simulation.violations(), []);
  });
}

test.run();
