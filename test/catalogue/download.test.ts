/** Group B of the catalogue: download, resume and content, as they failed in the field. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type NetworkFault,
  networkFault,
  printNetworkFault,
} from "../../hosts/simulator/network-faults.js";
import { Prng } from "../../hosts/simulator/prng.js";
import type { AgentContext } from "../../src/agent/context.js";
import { Poller } from "../../src/agent/poller.js";
import type { Hal, HttpReceiver, HttpRequest, HttpRequestOptions } from "../../src/hal.js";
import { Bench, benchImage, benchRelease } from "../helpers/bench.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { randomBytes, randomFrom } from "../helpers/seed.js";

const sizeBytes = 140_000;
const image = benchImage(2, sizeBytes);
const next = benchRelease({ sequenceNumber: 2, image });

function started(faults: readonly NetworkFault[] = []): Bench {
  const installed = benchRelease({ sequenceNumber: 1, image: benchImage(1, sizeBytes) });
  const bench = new Bench({ installed }).settleFirst();
  bench.faults.plan(faults);
  bench.simulation.publish(next);
  return bench;
}

/** The update arrives, byte for byte, and all promises hold. */
function arrives(faults: readonly NetworkFault[]): Bench {
  const bench = started(faults);
  bench.until(
    () => bench.told(next).includes("updated: confirmed"),
    faults.map(printNetworkFault).join(" "),
    48,
  );
  bench.pass(5);
  assert.ok(bench.simulation.runs(image));
  bench.assertPromises();
  return bench;
}

const broken = networkFault("break", { value: 100_000 });

// B1 (esp-idf#17960)
test("B1 200 from byte 0, a wrong Content-Range or 416 on a resume never misplace a byte", () => {
  for (const fault of [
    networkFault("200-for-range", { from: 1 }),
    networkFault("wrong-range", { from: 1, count: 2 }),
    networkFault("wrong-total", { from: 1, count: 2 }),
    networkFault("no-range", { from: 1, count: 2 }),
    networkFault("status", { value: 416, target: "payload", from: 1, count: 2 }),
  ]) {
    arrives([broken, fault]);
  }
});

test("B2 callbacks in any order end an exchange once and never throw (esp-idf#13065)", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = new Prng(seed);
    let receiver: HttpReceiver | null = null;
    const request: HttpRequest = { read: () => random.below(3) * 100, close: () => undefined };
    let ends = 0;
    // The end is told from a timer; those that were cleared never run.
    let timers: { callback: () => void; delayMs: number }[] = [];
    const runDue = (): void => {
      for (const { callback, delayMs } of timers.splice(0)) {
        if (delayMs === 0) callback();
        else timers.push({ callback, delayMs });
      }
    };
    const hal = {
      deviceId: () => "device",
      digest: nodeDigest,
      http: {
        request: (_options: HttpRequestOptions, heard: HttpReceiver) => {
          receiver = heard;
          return request;
        },
      },
      timers: {
        nowMs: () => 0,
        set: (callback: () => void, delayMs: number) => {
          timers.push({ callback, delayMs });
          return timers.at(-1);
        },
        clear: (timer: unknown) => {
          timers = timers.filter((one) => one !== timer);
        },
      },
    } as unknown as Hal;
    const target = { scheme: "http" as const, hostname: "h", port: 80, path: "/" };
    const context = {
      hal,
      options: { stallTimeoutMs: 1000, trustAnchors: [] },
      journal: { attempt: null, confirmed: null },
      server: target,
      servers: { begin: () => {}, heard: () => {}, next: () => false },
      buffer: new Uint8Array(4096),
      state: "ready",
      enter: (run: () => void) => run(),
      post: () => ends++,
    };
    new Poller(context as unknown as AgentContext).fetchOffer();
    runDue();
    for (let i = 0; i < 12; i++) {
      const heard = receiver as HttpReceiver | null;
      const choice = random.below(4);
      const status = [200, 204, 307, 503][random.below(4)];
      if (choice === 0) heard?.headersReceived(request, status, new Map());
      else if (choice === 1) heard?.dataReadable(request, random.below(6000));
      else if (choice === 2 && i > 6) heard?.ended(request, random.below(2) === 0);
    }
    (receiver as HttpReceiver | null)?.ended(request, true);
    runDue();
    assert.is(ends, 1, `seed ${seed}`);
  }
});

// B3 (esphome#15720, esp8266/Arduino#834)
test("B3 a session that a power cut abandoned is continued, never appended to", () => {
  for (const reached of [5000, 64_000, 70_000, 139_000]) {
    const bench = started();
    bench.until(() => bench.simulation.payloadBytes() >= reached, "part of the download");
    bench.powerCycle();
    bench.untilTold(next);
    assert.ok(bench.simulation.runs(image));
    assert.ok(bench.simulation.payloadBytes() <= sizeBytes + 65_536 + 8192, `cut at ${reached}`);
    bench.assertPromises();
  }
});

// B4 (BW16-OTA-Updates#1, obeg#93)
test("B4 silence, a trickle and an answer that never begins are bounded in time", () => {
  for (const kind of ["mute", "stall", "trickle"] as const) {
    for (const target of ["offer", "payload", "report"] as const) {
      arrives([networkFault(kind, { target, value: kind === "stall" ? 0 : 16, count: 2 })]);
    }
  }
});

// B5 (tronbyt#160, ESP32-OTA-Pull#12)
test("B5 no Content-Length: the size comes from the signed manifest only", () => {
  arrives([networkFault("chunked", { count: 9 })]);
  arrives([broken, networkFault("chunked", { from: 1, count: 9 })]);
});

test("B6 the loss of any single message only delays the update (amazon-freertos#875)", () => {
  for (const kind of ["refused", "lost-answer"] as const) {
    for (let from = 0; from < 4; from++) arrives([networkFault(kind, { from })]);
  }
});

// B8 (rauc-hawkbit-updater#158)
test("B8 404 and 503 are retried with growing pauses and a bounded budget", () => {
  for (const value of [404, 503]) {
    const bench = started([networkFault("status", { value, target: "payload", count: 1_000_000 })]);
    bench.untilTold(next);
    assert.equal(bench.told(next), ["failed: download-failed"]);
    const times = bench.simulation
      .wire()
      .filter(({ path }) => path.endsWith(next.uri))
      .map(({ atMs }) => atMs);
    assert.is(times.length, 16);
    const pauses = times.slice(1).map((atMs, i) => atMs - times[i]);
    const sum = (part: number[]): number => part.reduce((total, pause) => total + pause, 0);
    assert.ok(sum(pauses.slice(8)) > 4 * sum(pauses.slice(0, 4)), "they grow");
    bench.assertPromises();
  }
});

// B9 (esp-hal-ota#5)
test("B9 another build under the same name between two attempts never gives a mixture", () => {
  const bench = arrives([broken, networkFault("other-content", { from: 1, count: 2 })]);
  assert.equal(bench.told(next), ["updated: confirmed"], "within one attempt");
});

test("B10 duplicate and reordered blocks are found (aws-ota CHANGELOG #428, #450)", () => {
  for (const kind of ["duplicate", "reorder"] as const) {
    for (const value of [512, 4096, 65_536 - 512]) arrives([networkFault(kind, { value })]);
  }
});

// B11 (crosspoint-jp#81)
test("B11 a redirect to a signed address of 900 characters and huge headers are taken", () => {
  const bench = arrives([
    networkFault("redirect-long", { target: "payload", value: 900 }),
    networkFault("huge-headers", { count: 20 }),
  ]);
  assert.is(bench.simulation.payloadBytes(), sizeBytes, "in one go");
});

// B12 (golioth CHANGELOG 0.18.1, 0.22.0)
test("B12 answers of any bytes leave flash, journal and payload alone", () => {
  const bench = new Bench().settleFirst();
  bench.pass(1);
  const before = bench.cost;
  const random = randomFrom(12);
  for (let i = 0; i < 300; i++) {
    const bytes =
      i % 3 === 0 ? randomBytes(random, Math.floor(random() * 5000)) : next.envelope.slice();
    for (let n = 0; n < 4 && bytes.length > 0; n++) {
      bytes[Math.floor(random() * bytes.length)] ^= 1 + Math.floor(random() * 255);
    }
    bench.offer = bytes;
    bench.pass(1.2);
  }
  assert.equal(bench.cost, before);
  assert.is(bench.simulation.boots.length, 1);
});

// B14 (tasmota#18346)
test("B14 endless data, more than was signed, and images beyond the slot are stopped", () => {
  const bench = arrives([networkFault("long-chunked", { value: 3_000_000 })]);
  assert.ok(bench.simulation.payloadBytes() <= sizeBytes + 8192, "cut off at the signed size");
  arrives([networkFault("long"), networkFault("short", { from: 1, count: 2 })]);
  const small = new Bench().settleFirst();
  const { payload, flash } = small.cost;
  const large = benchRelease({ sequenceNumber: 3, image: benchImage(3, 65_536 + 16) });
  small.simulation.publish(large);
  small.untilTold(large);
  assert.equal(small.told(large), ["refused: image-too-big"]);
  assert.equal([small.cost.payload, small.cost.flash], [payload, flash]);
});

test.run();
