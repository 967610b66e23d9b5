/**
 * Seeded random mixes of network faults, some with a power cut: SEED=n repeats a run from there.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type NetworkFault,
  type NetworkTarget,
  networkFault,
  networkFaultKinds,
  printNetworkFault,
} from "../../hosts/simulator/network-faults.js";
import { Prng } from "../../hosts/simulator/prng.js";
import { type Cut, printCut, type Tear } from "../../hosts/simulator/tear.js";
import { Bench, benchImage, benchRelease } from "../helpers/bench.js";
import { seed as firstSeed } from "../helpers/seed.js";

const sizeBytes = 70_000;
const installed = benchRelease({ sequenceNumber: 1, image: benchImage(1, sizeBytes) });
const next = benchRelease({ sequenceNumber: 2, image: benchImage(2, sizeBytes) });
const targets: readonly NetworkTarget[] = ["offer", "payload", "report", "any"];

function randomFault(random: Prng): NetworkFault {
  const kind = networkFaultKinds[random.below(networkFaultKinds.length)];
  const usual = networkFault(kind);
  // Not 204: a server that answers a report with it has taken it. Not 404: three of them say that
  // the host takes no reports.
  const statuses = [200, 301, 304, 400, 403, 410, 416, 429, 500, 503, 511];
  const value = ["break", "stall"].includes(kind)
    ? random.below(sizeBytes)
    : kind === "status"
      ? statuses[random.below(statuses.length)]
      : usual.value;
  return networkFault(kind, {
    value,
    target: random.below(2) === 0 ? usual.target : targets[random.below(targets.length)],
    from: random.below(4),
    count: 1 + random.below(4),
  });
}

function randomCuts(random: Prng): Cut[] {
  if (random.below(3) > 0) return [];
  const tears: Tear[] = [
    { kind: "before" },
    { kind: "after" },
    { kind: "prefix", bytes: random.below(4096) },
    { kind: "bits", seed: random.next(), share: random.below(257) },
  ];
  return [{ operation: random.below(50), tear: tears[random.below(tears.length)] }];
}

/** One run; true when the device ends on the new release. */
function mixed(seed: number): boolean {
  const random = new Prng(seed);
  const faults = Array.from({ length: 1 + random.below(5) }, () => randomFault(random));
  const cuts = randomCuts(random);
  const plan = [...faults.map(printNetworkFault), ...cuts.map(printCut)].join(" ");
  const replay = `SEED=${seed} (${plan})`;
  const bench = new Bench({ seed, installed }).settleFirst();
  bench.faults.plan(faults);
  bench.simulation.power.plan(cuts);
  bench.simulation.publish(next);
  // A trial that no server could be reached in ends the release for good: a final refusal (P6).
  const isFinal = (): boolean =>
    bench.told(next).some((one) => one.startsWith("updated") || one.endsWith("server-unreachable"));
  bench.until(isFinal, replay, 96);
  bench.pass(20);
  const updated = bench.told(next).some((one) => one.startsWith("updated"));
  assert.ok(bench.simulation.runs(updated ? next.image : installed.image), replay);
  assert.is(bench.told(next).filter((one) => one.startsWith("updated")).length, updated ? 1 : 0);
  assert.is(bench.attempt, null, replay);
  bench.assertPromises(replay);
  return updated;
}

test("under any mix of network faults the device ends defined, and nearly always updated", () => {
  const runs = 150;
  let updated = 0;
  for (let i = 0; i < runs; i++) if (mixed(firstSeed + i)) updated++;
  console.log(`${updated} of ${runs} random mixes ended on the new release, none undefined`);
  assert.ok(updated >= runs * 0.9, `${updated} of ${runs} from SEED=${firstSeed}`);
});

test.run();
