/** Timers of hosts take 31 bits of milliseconds: no option and no server makes one longer. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createHal } from "../../hosts/esp32/hal.js";
import {
  type NetworkFaultKind,
  NetworkFaults,
  networkFault,
} from "../../hosts/simulator/network-faults.js";
import type { Application } from "../../hosts/simulator/simulation.js";
import { Agent } from "../../src/agent/agent.js";
import { Exchange } from "../../src/agent/exchange.js";
import { type AgentOptions, pollIntervalMsMax } from "../../src/agent/options.js";
import type { Hal } from "../../src/hal.js";
import { release, simulated } from "../helpers/simulated.js";

const test = suite("agent/timers");

const timerMsMax = 2 ** 31 - 1;

/** Runs agents whose timers are noted, and whose jitter is the longest or the shortest. */
function noting(delays: Set<number>, random: number): Application {
  return (device, options) => {
    const hal = createHal(device.platform);
    const timers: Hal["timers"] = {
      nowMs: () => hal.timers.nowMs(),
      clear: (handle) => hal.timers.clear(handle),
      set: (callback, delayMs) => {
        delays.add(delayMs);
        return hal.timers.set(callback, delayMs);
      },
    };
    const entropy: Hal["entropy"] = (into) => void into.fill(random);
    const noted: Hal = Object.assign(Object.create(hal), { timers, entropy });
    new Agent(noted, options).start();
  };
}

function assertFit(delays: Iterable<number>, what: string): void {
  for (const delayMs of delays) {
    const fits = Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= timerMsMax;
    assert.ok(fits, `${what}: a timer of ${delayMs} ms`);
  }
}

/** Each as long as it may be. */
const longest: Partial<AgentOptions> = {
  pollIntervalMs: pollIntervalMsMax,
  stallTimeoutMs: timerMsMax,
  trialTimeoutMs: timerMsMax,
  trialDwellMs: timerMsMax - 1,
  watchdogTimeoutMs: timerMsMax,
};
const shortest: Partial<AgentOptions> = {
  pollIntervalMs: 1000,
  stallTimeoutMs: 1,
  trialTimeoutMs: 1000,
  trialDwellMs: 0,
  watchdogTimeoutMs: 1000,
};

for (const random of [0x00, 0xff]) {
  for (const [name, agent] of [
    ["longest", longest],
    ["shortest", shortest],
  ] as const) {
    test(`the ${name} options with ${random === 0 ? "least" : "most"} jitter fit a timer`, () => {
      const delays = new Set<number>();
      const limitMs = name === "longest" ? 3 * timerMsMax : 600_000;
      const simulation = simulated({ agent, application: noting(delays, random) });
      simulation.publish(release(1));
      simulation.run(() => simulation.reports().length > 0, limitMs);
      simulation.publish(release(2));
      simulation.run(() => simulation.runs(release(2).image), limitMs, 8);
      simulation.run(() => false, limitMs, 8);
      assertFit(delays, name);
      if (name === "longest") assert.ok(Math.max(...delays) > 0.8 * timerMsMax, "it was long");
    });
  }
}

for (const [kind, target] of [
  ["busy", "offer"],
  ["busy", "payload"],
  ["flooded", "report"],
] as const satisfies readonly (readonly [NetworkFaultKind, string])[]) {
  test(`the longest Retry-After to ${target} fits a timer`, () => {
    const delays = new Set<number>();
    const faults = new NetworkFaults();
    const { intercept } = faults;
    const simulation = simulated({ intercept, application: noting(delays, 0xff) });
    faults.plan([networkFault(kind, { target, value: 999_999_999_999_999, count: 5 })]);
    simulation.publish(release(2));
    const isTold = (): boolean => simulation.reports().length > 0;
    assert.is(simulation.run(isTold, 60 * 86_400_000), "until");
    assertFit(delays, kind);
  });
}

test("the deadline of the largest download fits a timer", () => {
  const delays: number[] = [];
  const due: (() => void)[] = [];
  const hal = {
    http: { scheme: "http", request: () => ({ read: () => 0, close: () => {} }) },
    timers: {
      nowMs: () => 0,
      set: (callback: () => void, delayMs: number) => {
        delays.push(delayMs);
        return due.push(callback);
      },
      clear: () => {},
    },
  } as unknown as Hal;
  const exchange = new Exchange(
    hal,
    {
      target: { scheme: "http", hostname: "h", port: 80, path: "/" },
      method: "GET",
      headers: new Map(),
      stallTimeoutMs: timerMsMax,
      totalTimeoutMs: 120_000 + 0xffffffff,
    },
    { headersReceived: () => {}, dataReadable: () => {}, ended: () => {} },
  );
  exchange.start();
  due.shift()?.();
  assert.equal(delays, [0, timerMsMax]);
});

test.run();
