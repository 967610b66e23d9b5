import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeStage, replay } from "../../hosts/node/bench.js";
import {
  canBegin,
  endings,
  type Plan,
  parsePlan,
  refusedEndings,
  starts,
} from "../../hosts/simulator/plan.js";
import { randomPlan } from "../../hosts/simulator/random-plans.js";
import { runPlan } from "../../hosts/simulator/run-plan.js";
import { Sweep } from "../../hosts/simulator/sweep.js";
import { runJob } from "../../hosts/simulator/sweep-jobs.js";
import { seed } from "../helpers/seed.js";

/** Plans that a sweep found when they broke a promise; see the commits that mended them. */
const regressions: readonly string[] = [
  // An unknown state word boots the trial without the bootloader's guard: it crashed for ever.
  "crash known 7 11/bits:2:240",
  "hang known 7 11/bits:2:240",
  "crash second 7 12/bits:2:240",
  // The release was recorded as confirmed, and its result was never told.
  "installed known 7 0/after",
  "installed fresh 7 3/after",
  // A reject marked the confirmed image's entry, for the trial's own was lost.
  "fail-test known 0 13~before",
  "fail-test second 958 20/weak:1:32",
  "fail-test known 11 6/prefix:1 15/bits:2:254 17/weak:1:224",
  // Damaged for the last time while it was staged again: no timer was left.
  "crash known 0 rot:139167:4@6 13/before 20/before!brown-out 24/before!brown-out " +
    "rot:139372:64@30 rot:135386:1@43",
  // A torn entry read as intact again after the failure was told.
  "no-network known 3 11/before 18/weak:516:45 20/before!brown-out",
  // Flash that stays bad: attempts without end.
  "healthy known 7 stick:131172:16:0",
  // A torn head read right for the agent and wrong for the platform.
  "healthy second 3 10/bits:2:254 12/weak:1:224",
  // Lost stages had used up what a torn reject needed: they were one counter.
  "fail-test second 27 13/prefix:1 18/prefix:1 26/weak:1:32",
  // The only good image rotted, and the rejected one that ran instead was confirmed.
  "no-network second 3 rot:136484:32@18",
  // The same after a cut: what is left to run has no network, and nobody hears that it asks.
  "no-network fresh 1 rot:65536:32@23 24/before",
  "fail-test second 3 rot:136484:32@18",
  // The record was repaired, and a torn entry read as the active one when that was marked.
  "fail-test second 12 20/weak:1:32 24/after",
  // An aborted entry hid the pending one of the same slot, which was never confirmed.
  "fail-test second 40 20/weak:168:16 25/after",
  // A torn entry read as valid, so that a confirm changed nothing.
  "healthy known 3 12/weak:3:16 14/before",
  // A confirmed image was put back while the server had no offer, and failed its trial for that.
  "healthy second 2 17~before server:withdraw@19",
  "healthy second 2 18~before server:withdraw@20",
  // An image flashed by cable was overruled by the update before it.
  "installed second 1 cable@2",
  // An entry that always reads as invalid, taken for a reject that the journal had missed.
  "healthy known 1 stick:57368:3:1",
];

const holds = (line: string): void => {
  const { violations } = replay(line);
  assert.equal(
    violations.map((one) => `${one.promise}: ${one.text}`),
    [],
    `daruma simulate --plan '${line}'`,
  );
};

for (const line of regressions) test(`regression: ${line}`, () => holds(line));

const sweepOf = (line: string): Sweep => {
  const plan: Plan = parsePlan(line);
  return new Sweep(makeStage(plan), plan);
};

for (const start of starts) {
  test(`every single cut, every tear, every ending, start ${start}`, () => {
    for (const ending of endings.filter((one) => canBegin(one, start))) {
      const sweep = sweepOf(`${ending} ${start} ${seed % 1000}`);
      sweep.singles();
      assert.equal(sweep.failures, []);
      assert.is(sweep.counts.interrupted, sweep.counts.plans);
      if (ending === "healthy") assert.ok(sweep.counts.interrupted > 300);
    }
  });
}

test("a share of all pairs", () => {
  const sweep = sweepOf(`crash known ${seed % 1000}`);
  const firsts = sweep.singles().length;
  const from = seed % (firsts - 4);
  sweep.pairs(from, from + 4);
  assert.equal(sweep.failures, []);
  assert.ok(sweep.counts.plans > sweep.counts.states);
});

test("a share of random plans", () => {
  for (let i = 0; i < 60; i++) {
    const result = runPlan(randomPlan(seed + i), (plan) => makeStage(plan));
    assert.equal(result.violations, [], `daruma simulate --plan '${result.line}'`);
  }
});

test("flash that lies once, rots or sticks never costs more than a few attempts", () => {
  const job = { ending: "healthy", start: "known", index: 0, count: 1, seed: 1, size: 0 } as const;
  for (const kind of ["silent", "rot"] as const) {
    assert.equal(runJob({ ...job, kind }, makeStage, () => false).failures, []);
  }
});

test("damaged records, cables, boards without validation and a lost image end defined", () => {
  const job = { start: "second", index: 0, count: 1, seed: 1, size: 0 } as const;
  for (const [kind, ending] of [
    ["journal", "healthy"],
    ["cable", "crash"],
    ["record", "fail-test"],
    ["unseen", "healthy"],
    ["lost", "fail-test"],
    ["weak", "no-network"],
  ] as const) {
    assert.equal(runJob({ ...job, kind, ending }, makeStage, () => false).failures, [], kind);
  }
});

test("a share of the network faults, with losses of supply", () => {
  const job = { ending: "healthy", start: "known", index: seed % 8, count: 8, size: 0 } as const;
  const { failures, plans } = runJob({ ...job, kind: "network", seed: 1 }, makeStage, () => false);
  assert.equal(failures, []);
  assert.ok(plans > 300);
});

test("outages of a week, circles of redirects, trickles and wrong ranges end defined", () => {
  const job = { kind: "outage", index: 0, count: 1, seed: seed % 1000, size: 0 } as const;
  for (const [ending, start] of [
    ["healthy", "known"],
    ["crash", "second"],
  ] as const) {
    assert.equal(runJob({ ...job, ending, start }, makeStage, () => false).failures, []);
  }
});

test("an image that hangs is taken back where only the agent has armed a watchdog", () => {
  const job = { kind: "unwatched", start: "known", index: 0, count: 1, seed: 1, size: 0 } as const;
  const { failures, plans } = runJob({ ...job, ending: "hang" }, makeStage, () => false);
  assert.equal(failures, []);
  assert.ok(plans > 10);
});

test("older releases, and those for others, are refused by name and cost no payload", () => {
  for (const ending of refusedEndings) {
    const { rest, violations } = replay(`${ending} second ${seed % 1000}`);
    assert.equal(violations, [], ending);
    assert.is(rest.payloadBytes, 0);
    assert.equal(new Set(rest.reports.map(({ result }) => result)), new Set(["refused"]));
  }
});

test("at most 64 KB are fetched again after a cut, and nothing for local work", () => {
  const job = { ending: "healthy", start: "known", index: 1, count: 5, seed: 1, size: 0 } as const;
  const { againBytes, failures } = runJob({ ...job, kind: "resume" }, makeStage, () => false);
  assert.equal(failures, []);
  assert.ok(Math.max(...againBytes) <= 65_536);
  assert.is(againBytes.at(-1), 0);
});

test("a plan runs the same way each time", () => {
  const run = () => {
    const lines: string[] = [];
    const onLine = (atMs: number, line: string) => lines.push(`${atMs} ${line}`);
    replay("crash second 3 9/bits:5:128 14/weak:2:224 31/prefix:7!brown-out", { onLine });
    return lines.join("\n");
  };
  assert.is(run(), run());
});

test.run();
