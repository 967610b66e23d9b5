import { test } from "uvu";
import * as assert from "uvu/assert";
import { refusalTable, runRefusals } from "../helpers/agent-refusals.js";
import { Bench, benchRelease } from "../helpers/bench.js";

test("every refusal is told once and costs no flash, no journal, no payload", () => {
  const rows = runRefusals();
  for (const { name, expected, reasons, ...cost } of rows) {
    assert.is(reasons, expected, name);
    assert.equal(cost, { flashOperations: 0, keyValueWrites: 0, payloadBytes: 0 }, name);
  }
  const perReason = new Map<string, number>();
  for (const { reasons } of rows) perReason.set(reasons, (perReason.get(reasons) ?? 0) + 1);
  console.log(`${rows.length} refusals through the agent, ${perReason.size} reasons`);
  if (process.env.REFUSAL_TABLE === "1") console.log(refusalTable(rows));
  assert.ok(rows.length > 150);
});

test("a release that failed here costs nothing when it is offered again", () => {
  const bench = new Bench().settleFirst();
  const second = benchRelease({ sequenceNumber: 2, behaviour: "crash" });
  bench.simulation.publish(second);
  bench.untilTold(second);
  // Until the pass that its trial has cost is back: the time is saved after 5, 10, 20 and 40
  // minutes, and then once an hour.
  const { journal } = bench.cost;
  bench.pass(9 * 60);
  assert.ok(bench.cost.journal - journal <= 13);
  const before = bench.cost;
  bench.pass(60);
  assert.equal(bench.cost, before);
  assert.equal(bench.told(second), ["failed: crashed"]);
  bench.assertPromises();
});

test("a veto is only for now: when it is lifted, the release is installed", () => {
  let isDeclined = true;
  const bench = new Bench({ agent: { veto: () => isDeclined } }).settleFirst();
  const second = benchRelease({ sequenceNumber: 2 });
  bench.simulation.publish(second);
  bench.untilTold(second);
  bench.pass(30);
  isDeclined = false;
  bench.untilTold(second, 2);
  assert.equal(bench.told(second), ["refused: vetoed", "updated: confirmed"]);
  bench.assertPromises();
});

test.run();
