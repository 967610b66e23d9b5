/** How many signatures an agent checks, and what the watchdog of a trial sees of it. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createHal } from "../../hosts/esp32/hal.js";
import { cachedVerifier } from "../../hosts/node/simulator.js";
import type {
  Application,
  SimulatedRelease,
  Simulation,
} from "../../hosts/simulator/simulation.js";
import { Agent } from "../../src/agent/agent.js";
import type { AgentState } from "../../src/agent/machine.js";
import { defaults } from "../../src/agent/options.js";
import { bytesBody } from "../../src/server/body.js";
import type { ServerResponse } from "../../src/server/handler.js";
import type { SignatureVerifier } from "../../src/suit/envelope.js";
import { keyIdOf } from "../../src/suit/envelope.js";
import { Bench, benchRelease, benchSigner } from "../helpers/bench.js";
import { Entries } from "../helpers/cbor.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { simulated } from "../helpers/simulated.js";
import { blockOf, digestItemOf, envelopeOf, manifestOf } from "../helpers/suit.js";

const hourMs = 3_600_000;
const strict = cachedVerifier();

/** A verifier that counts. */
class Checks {
  count = 0;
  readonly verify: SignatureVerifier = (key, signature, message) => {
    this.count++;
    return strict(key, signature, message);
  };
}

/** Four blocks that name the trust anchor, and none is by it. */
function forgery(): Uint8Array {
  const signedDigest = digestItemOf(manifestOf());
  const unprotected = new Entries([4, keyIdOf(benchSigner.publicKey, nodeDigest)]);
  const signature = new Uint8Array(64).fill(1);
  const block = blockOf(signedDigest, { unprotected, signature });
  return envelopeOf({ signedDigest, blocks: [block, block, block, block] });
}

/** A device that has settled, with its counter at 0. */
function settled(agent: ConstructorParameters<typeof Bench>[0] = {}): {
  bench: Bench;
  checks: Checks;
} {
  const checks = new Checks();
  const options = { ...agent.agent, verifySignature: checks.verify };
  const bench = new Bench({ ...agent, agent: options }).settleFirst();
  bench.pass(1);
  checks.count = 0;
  return { bench, checks };
}

test("an idle poll checks no signature", () => {
  const { bench, checks } = settled();
  bench.install(benchRelease({ sequenceNumber: 2 }));
  checks.count = 0;
  const before = bench.polls;
  bench.pass(120);
  assert.ok(bench.polls - before > 100, `${bench.polls - before} polls`);
  assert.is(checks.count, 0);
});

test("a release is checked once: not again in its trial, nor when its result is told", () => {
  const { bench, checks } = settled();
  bench.install(benchRelease({ sequenceNumber: 2 })).assertPromises();
  assert.is(checks.count, 1);
});

test("a release that failed its trial is checked no more", () => {
  const { bench, checks } = settled();
  const bad = benchRelease({ sequenceNumber: 2, behaviour: "crash" });
  bench.simulation.publish(bad);
  bench.untilTold(bad);
  bench.pass(1);
  checks.count = 0;
  bench.pass(120);
  bench.powerCycle();
  bench.pass(120);
  assert.is(checks.count, 0);
  assert.equal(bench.told(bad), ["failed: crashed"]);
});

test("a release that is declined is checked once in a boot", () => {
  let isDeclined = true;
  const { bench, checks } = settled({ agent: { veto: () => isDeclined } });
  const second = benchRelease({ sequenceNumber: 2 });
  bench.simulation.publish(second);
  bench.pass(120);
  assert.is(checks.count, 1);
  bench.powerCycle();
  bench.pass(120);
  assert.is(checks.count, 2);
  isDeclined = false;
  bench.until(() => bench.simulation.runs(second.image), "release 2");
  assert.is(checks.count, 2);
});

test("what is accepted had its signature checked in this boot: no record vouches for it", () => {
  const { bench, checks } = settled();
  const second = benchRelease({ sequenceNumber: 2 });
  bench.simulation.publish(second);
  bench.until(() => bench.attempt !== null, "the attempt");
  assert.is(checks.count, 1);
  bench.powerCycle();
  bench.untilTold(second);
  assert.is(checks.count, 2);
});

test("a confirmed release needs no good signature to be nothing new, and others do", () => {
  const { bench } = settled();
  const second = benchRelease({ sequenceNumber: 2 });
  const third = benchRelease({ sequenceNumber: 3 });
  bench.install(second);
  const spoiled = (release: SimulatedRelease): Uint8Array => {
    const bytes = release.envelope.slice();
    const at = Buffer.from(bytes).indexOf(Buffer.from([0x58, 64]));
    bytes[at + 10] ^= 1;
    return bytes;
  };
  const { length } = bench.simulation.reports();
  bench.offer = spoiled(second);
  bench.pass(10);
  assert.is(bench.simulation.reports().length, length);
  bench.offer = spoiled(third);
  bench.pass(10);
  assert.equal(
    bench.simulation
      .reports()
      .slice(length)
      .map(({ reason }) => reason),
    ["signature-invalid"],
  );
  assert.ok(bench.simulation.runs(second.image));
});

test("forged offers cost a bounded number of checks in an hour, and nothing is stuck after", () => {
  const { bench, checks } = settled();
  bench.offer = forgery();
  let worst = 0;
  for (let hour = 0; hour < 6; hour++) {
    checks.count = 0;
    bench.pass(60);
    worst = Math.max(worst, checks.count);
  }
  assert.ok(worst > 8 && worst <= 2 * defaults.checksPerHourMax, `${worst} checks in an hour`);
  bench.offer = null;
  const second = benchRelease({ sequenceNumber: 2 });
  bench.simulation.publish(second);
  bench.until(() => bench.simulation.runs(second.image), "release 2", 3);
  bench.assertPromises();
});

/** Without a length it would be chunked, and the device takes no such body. */
function answerOf(bytes: Uint8Array): ServerResponse {
  const headers = new Map([["content-length", `${bytes.length}`]]);
  return { status: 200, headers, body: bytesBody(bytes) };
}

test("a trial under a short watchdog outlives forged offers: it is fed between checks", () => {
  const checkMs = 3600;
  const watchdogTimeoutMs = 5000;
  let state: AgentState = "ready";
  let busyMs = 0;
  let longestMs = 0;
  let checks = 0;
  const fed = (): void => {
    busyMs = 0;
  };
  const application: Application = (device, options) => {
    const { platform } = device;
    const feed = platform.natives.daruma_watchdog_feed;
    const natives = { ...platform.natives };
    natives.daruma_watchdog_feed = () => {
      fed();
      return feed();
    };
    new Agent(createHal({ ...platform, natives }), options).start();
  };
  const verifySignature: SignatureVerifier = (key, signature, message) => {
    if (strict(key, signature, message)) return true;
    checks++;
    busyMs += checkMs;
    longestMs = Math.max(longestMs, busyMs);
    return false;
  };
  let forgeries = 0;
  const device = simulated({
    trustAnchor: benchSigner.publicKey,
    installed: benchRelease({ sequenceNumber: 1 }),
    application,
    agent: { verifySignature, watchdogTimeoutMs },
    onProgress: (progress) => {
      state = progress.state;
    },
    intercept: ({ path }, delivery) => {
      if (state !== "trial" || !path.endsWith("latest.suit") || forgeries === 3) return;
      forgeries++;
      busyMs = 0;
      delivery.response = answerOf(forgery());
    },
  });
  const second = benchRelease({ sequenceNumber: 2 });
  device.publish(second);
  assert.is(
    device.run(() => device.reports().some(({ result }) => result === "updated"), hourMs),
    "until",
  );
  assert.is(forgeries, 3);
  assert.is(checks, 12);
  assert.ok(longestMs < watchdogTimeoutMs, `${longestMs} ms without a feed`);
});

test("a verifier can have the watchdog fed meanwhile, in a trial and nowhere else", () => {
  const feeds: Record<string, number> = {};
  let state: AgentState = "ready";
  const application: Application = (device, options) => {
    const { platform } = device;
    let fed = 0;
    const natives = { ...platform.natives, daruma_watchdog_feed: () => fed++ };
    const verifySignature: SignatureVerifier = (key, signature, message, _digest, alive) => {
      const before = fed;
      alive?.();
      feeds[state] = (feeds[state] ?? 0) + fed - before;
      return strict(key, signature, message);
    };
    new Agent(createHal({ ...platform, natives }), { ...options, verifySignature }).start();
  };
  const device: Simulation = simulated({
    trustAnchor: benchSigner.publicKey,
    installed: benchRelease({ sequenceNumber: 1 }),
    application,
    onProgress: (progress) => {
      state = progress.state;
    },
    intercept: ({ path }, delivery) => {
      if (state !== "trial" || !path.endsWith("latest.suit") || (feeds.trial ?? 0) > 0) return;
      delivery.response = answerOf(forgery());
    },
  });
  device.publish(benchRelease({ sequenceNumber: 2 }));
  device.run(() => device.reports().some(({ result }) => result === "updated"), hourMs);
  assert.ok(feeds.trial >= 1, JSON.stringify(feeds));
  assert.is(feeds.ready, 0);
});

test.run();
