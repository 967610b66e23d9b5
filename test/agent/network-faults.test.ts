import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type NetworkFault,
  networkFault,
  networkFaultKinds,
  parseNetworkFault,
  printNetworkFault,
} from "../../hosts/simulator/network-faults.js";
import { Bench, benchImage, benchRelease } from "../helpers/bench.js";

/** Long enough for an update over two 64 KB boundaries. */
const sizeBytes = 140_000;
const small = benchRelease({ sequenceNumber: 2 });
const large = benchRelease({ sequenceNumber: 2, image: benchImage(2, sizeBytes) });

/** Publishes release 2 under the faults; the device must reach it once they are over (P6). */
function reachesUnder(faults: readonly NetworkFault[], release = small, seed = 1): Bench {
  const plan = faults.map(printNetworkFault).join(" ");
  const installed = benchRelease({ sequenceNumber: 1, image: benchImage(1, release.image.length) });
  const bench = new Bench({ seed, installed }).settleFirst();
  bench.faults.plan(faults);
  bench.simulation.publish(release);
  bench.until(
    () => bench.resultsOf(release).some((one) => one.result === "updated"),
    `seed ${seed}, ${plan}`,
    48,
  );
  bench.pass(15);
  assert.ok(bench.simulation.runs(release.image), `seed ${seed}, ${plan}: release 2 runs`);
  assert.is(bench.told(release).at(-1), "updated: confirmed", plan);
  assert.is(bench.attempt, null, plan);
  bench.assertPromises(`seed ${seed}, ${plan}`);
  return bench;
}

for (const kind of networkFaultKinds) {
  test(`${kind} once, and a few times in a row, only delays the update`, () => {
    const once = reachesUnder([networkFault(kind)]);
    // An outage meets every request while it lasts.
    assert.ok(kind === "down" ? once.faults.hits > 5 : once.faults.hits === 1, "it was met");
    reachesUnder([networkFault(kind, { count: 3 })]);
    for (const target of ["offer", "payload", "report"] as const) {
      reachesUnder([networkFault(kind, { target, count: 2 })]);
    }
  });
}

/** Where a connection can break: around everything that is a boundary for the agent. */
const breakClasses: readonly [string, number][] = [
  ["right after the headers", 0],
  ["in the first 16 bytes", 7],
  ["after the held head", 16],
  ["in the first block", 2000],
  ["one byte before a block boundary", 4095],
  ["at a block boundary", 4096],
  ["one byte after a block boundary", 4097],
  ["one byte before a progress boundary", 65_535],
  ["at a progress boundary", 65_536],
  ["one byte after a progress boundary", 65_537],
  ["one byte before the end", sizeBytes - 1],
];

for (const [where, value] of breakClasses) {
  test(`a connection that breaks or falls silent ${where} costs less than a block again`, () => {
    for (const kind of ["break", "stall"] as const) {
      const bench = reachesUnder([networkFault(kind, { value })], large);
      const again = bench.simulation.payloadBytes() - sizeBytes;
      assert.ok(again >= 0 && again < 4096, `${again} bytes were fetched again`);
    }
  });
}

test("a download that broke goes on at the last whole block, by Range", () => {
  const bench = reachesUnder([networkFault("break", { value: 100_000 })], large);
  const ranges = bench.simulation
    .wire()
    .filter(({ path }) => path.endsWith(large.uri))
    .map(({ headers }) => headers.get("range") ?? "whole");
  assert.equal(ranges, ["whole", "bytes=98304-"]);
});

test("duplicate and reordered pieces are found, and the image is fetched again", () => {
  for (const kind of ["duplicate", "reorder"] as const) {
    for (const value of [64, 4096 - 512, 65_536 - 512, 138_000]) {
      const bench = reachesUnder([networkFault(kind, { value })], large);
      assert.is(bench.simulation.payloadBytes(), 2 * sizeBytes, `${kind} at ${value}`);
    }
  }
});

test("content that changes between two attempts never ends in a mixed image", () => {
  const faults = [
    networkFault("break", { value: 100_000 }),
    networkFault("other-content", { from: 1 }),
  ];
  reachesUnder(faults, large);
});

test("a resume that is answered with the whole skips what is there", () => {
  const bench = reachesUnder(
    [networkFault("break", { value: 70_000 }), networkFault("200-for-range", { from: 1 })],
    large,
  );
  assert.is(bench.simulation.payloadBytes(), 70_000 + sizeBytes, "all of it came again");
});

test("every token parses to the fault that printed it, and nothing else parses", () => {
  for (const kind of networkFaultKinds) {
    for (const fault of [
      networkFault(kind),
      networkFault(kind, { value: 77, target: "report", from: 3, count: 5 }),
    ]) {
      assert.equal(parseNetworkFault(printNetworkFault(fault)), fault);
    }
  }
  const wrong = ["", "net:", "net:break=", "net:none", "break=1", "net:break@server", "net:mutex0"];
  for (const text of [...wrong, "net:break=5000", "net:break x2", "net:break#0", "net:breakx1"]) {
    assert.throws(() => parseNetworkFault(text), RangeError, text);
  }
  assert.is(printNetworkFault(networkFault("200-for-range")), "net:200-for-range");
});

test.run();
