/** What simulated firmwares do: an agent around one of the known behaviours. */
import { Agent } from "../../src/agent/agent.js";
import type { SelfTest } from "../../src/agent/options.js";
import { createHal } from "../esp32/hal.js";
import type { BenchFirmware } from "./rest.js";
import type { Behaviour } from "./simulation.js";

/** A firmware with the agent that crashes, hangs or fails as `behaviour` says, in its second 2. */
export function firmwareFor(behaviour: Behaviour | "brown-out"): BenchFirmware {
  return (device, options) => {
    const { timer } = device.platform;
    if (behaviour === "crash") timer.set(() => device.crash(), 1500);
    if (behaviour === "hang") timer.set(() => device.hang(), 1500);
    if (behaviour === "brown-out") timer.set(() => device.brownOut(), 1500);
    if (behaviour === "no-network") device.setLink(false);
    const selfTest: SelfTest = (done) => {
      timer.set(() => done(behaviour !== "fail-test"), 200);
    };
    new Agent(createHal(device.platform), { ...options, selfTests: [selfTest] }).start();
  };
}
