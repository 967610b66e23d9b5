import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkOptions } from "../../src/agent/check-options.js";
import { type AgentOptions, checkBootOptions, pollIntervalMsMax } from "../../src/agent/options.js";

const good: AgentOptions = {
  vendor: "example.com",
  deviceClass: "lamp-v2",
  trustAnchors: [new Uint8Array(32)],
  serverUrl: "http://updates.example.com/base",
};

test("good options say where offers come from", () => {
  const first = {
    scheme: "http",
    hostname: "updates.example.com",
    port: 80,
    path: "/base/example.com/lamp-v2/",
  };
  assert.equal(checkOptions(good, "http"), [first]);
  const serverUrl = ["http://updates.example.com/base", "http://b.example:8080/"];
  const second = { ...first, hostname: "b.example", port: 8080, path: "/example.com/lamp-v2/" };
  assert.equal(checkOptions({ ...good, serverUrl }, "http"), [first, second]);
});

test("each option out of range is refused by name", () => {
  const wrong: [string, Partial<AgentOptions>][] = [
    ["vendor", { vendor: "" }],
    ["vendor", { vendor: "a/b" }],
    ["vendor", { vendor: "x".repeat(65) }],
    ["deviceClass", { deviceClass: "../../y" }],
    ["deviceClass", { deviceClass: ".." }],
    ["deviceClass", { deviceClass: "a?b" }],
    ["trustAnchors", { trustAnchors: [] }],
    ["trustAnchors", { trustAnchors: [new Uint8Array(31)] }],
    ["trustAnchors", { trustAnchors: new Array(9).fill(new Uint8Array(32)) }],
    ["serverUrl", { serverUrl: "https://updates.example.com" }],
    ["serverUrl", { serverUrl: "http://updates.example.com/?a=b" }],
    ["serverUrl", { serverUrl: "http://updates.example.com/#a" }],
    ["serverUrl", { serverUrl: "updates.example.com" }],
    ["serverUrl", { serverUrl: [] }],
    ["serverUrl", { serverUrl: new Array(5).fill("http://a.example") }],
    ["serverUrl", { serverUrl: ["http://a.example", "https://b.example"] }],
    ["serverUrl", { serverUrl: ["http://a.example", undefined as unknown as string] }],
    ["pollIntervalMs", { pollIntervalMs: 0 }],
    ["pollIntervalMs", { pollIntervalMs: 2 ** 31 }],
    // Its jitter would make it longer than a timer takes.
    ["pollIntervalMs", { pollIntervalMs: 2 ** 31 - 1 }],
    ["pollIntervalMs", { pollIntervalMs: pollIntervalMsMax + 1 }],
    ["stallTimeoutMs", { stallTimeoutMs: Number.NaN }],
    ["trialTimeoutMs", { trialTimeoutMs: Number.NaN }],
    ["trialTimeoutMs", { trialTimeoutMs: Number.POSITIVE_INFINITY }],
    ["watchdogTimeoutMs", { watchdogTimeoutMs: 0 }],
    ["watchdogTimeoutMs", { watchdogTimeoutMs: 2999 }],
    ["watchdogTimeoutMs", { watchdogTimeoutMs: Number.NaN }],
    ["watchdogTimeoutMs", { watchdogTimeoutMs: 2 ** 31 }],
    ["trialDwellMs", { trialDwellMs: -1 }],
    ["trialDwellMs", { trialDwellMs: 300_000 }],
    ["trialDwellMs", { trialDwellMs: 10_000, trialTimeoutMs: 10_000 }],
  ];
  for (const [name, change] of wrong) {
    const isNamed = (error: unknown): boolean =>
      error instanceof RangeError && error.message.startsWith(name);
    assert.throws(
      () => checkOptions({ ...good, ...change }, "http"),
      isNamed,
      JSON.stringify(change),
    );
  }
});

test("each option left out, as JavaScript can, is refused by name", () => {
  for (const name of ["vendor", "deviceClass", "trustAnchors", "serverUrl"] as const) {
    for (const absent of [undefined, null]) {
      const isNamed = (error: unknown): boolean =>
        error instanceof RangeError && error.message.startsWith(name);
      const options = { ...good, [name]: absent } as unknown as AgentOptions;
      assert.throws(() => checkOptions(options, "http"), isNamed, `${name} ${absent}`);
    }
  }
  const options = { ...good, trustAnchors: [undefined] } as unknown as AgentOptions;
  assert.throws(() => checkOptions(options, "http"), /trustAnchors must/);
});

test("the boot-time check alone takes its own options only", () => {
  checkBootOptions({});
  checkBootOptions({ trialDwellMs: 0, trialTimeoutMs: 1000 });
  assert.throws(() => checkBootOptions({ trialTimeoutMs: 999 }), /trialTimeoutMs/);
});

test("a watchdog that a signature check would wake is refused with the least, and why", () => {
  checkBootOptions({ watchdogTimeoutMs: 3000 });
  assert.throws(
    () => checkBootOptions({ watchdogTimeoutMs: 2999 }),
    /watchdogTimeoutMs must be 3000 .*signature check/,
  );
});

test.run();
