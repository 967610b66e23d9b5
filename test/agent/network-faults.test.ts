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
    assert.is(once.faults.hits, 1, "the fault was met");
    reachesUnder([networkFault(kind, { count: 3 })]);
    for (const target of ["offer", "payload", "report"] as const) {
      reachesUnder([networkFault(kind, { target, count: 2 })]);
    }
  });
}
test.run();
