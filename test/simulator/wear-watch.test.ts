/** P9 over simulated days and weeks: what is exceeded is named, and what is allowed is not. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { layoutFor } from "../../hosts/simulator/layout.js";
import { networkFault } from "../../hosts/simulator/network-faults.js";
import { type WearBounds, WearWatch } from "../../hosts/simulator/wear-watch.js";
import { Bench, benchRelease } from "../helpers/bench.js";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const slot = 0x20000;

/** A watch, its clock, and what it said. */
function watch(bounds: Partial<WearBounds> = {}) {
  const clock = { nowMs: 0 };
  const said: string[] = [];
  const { partitions } = layoutFor(1000);
  const wear = new WearWatch(partitions, () => clock.nowMs, bounds);
  wear.onExceeded = (text) => said.push(text);
  wear.imageBytes = 1000;
  const each = (count: number, stepMs: number, act: () => void): void => {
    for (let i = 0; i < count; i++) {
      clock.nowMs += stepMs;
      act();
    }
  };
  return { clock, said, wear, each };
}

test("a block may be erased 8 times in a day, wherever the day begins", () => {
  const { said, wear, each } = watch();
  each(8, hourMs, () => wear.erased(slot));
  each(1, 17 * hourMs, () => wear.erased(slot));
  assert.equal(said, []);
  each(1, 1, () => wear.erased(slot));
  // Another block has its own count; a bound is told once.
  each(9, 1, () => wear.erased(slot + 4096));
  assert.equal(said, ["9 erases of block 0 of ota_1 within 24 h, 8 are allowed"]);
});

test("4 erases of a block a day, over a week, and what a confirm pays for", () => {
  const slow = watch();
  slow.each(4 * 30, dayMs / 4, () => slow.wear.erased(slot));
  assert.equal(slow.said, []);
  const fast = watch();
  fast.each(30, dayMs / 5, () => fast.wear.erased(slot));
  assert.equal(fast.said, ["29 erases of block 0 of ota_1 within 7 days, 28 are allowed"]);
  const paid = watch();
  paid.each(60, dayMs / 10, () => {
    paid.wear.erased(slot);
    paid.wear.confirmed();
  });
  assert.equal(paid.said, []);
});

test("each bound is named when it is exceeded", () => {
  const { said, wear, each } = watch({ requestsPerDay: 50, reportsPerDay: 20 });
  each(25, 1, () => wear.erased(0xd000));
  each(24 + 8 * 9 + 1, 1, () => wear.journalChanged());
  each(17, 1, () => wear.payloadRead(1000));
  each(21, 1, () => wear.requested(true));
  each(30, 1, () => wear.requested(false));
  each(41, 1, () => wear.verified());
  assert.equal(said, [
    "25 erases of block 0 of otadata within 24 h, 24 are allowed",
    "97 journal writes within 24 h, 96 are allowed",
    "17000 bytes of payload within 24 h, 16000 are allowed",
    "21 reports within 24 h, 20 are allowed",
    "51 requests within 24 h, 50 are allowed",
    "41 signature checks within an hour, 40 are allowed",
  ]);
  assert.is(wear.most.requestsPerDay, 51);
  each(13, dayMs, () => undefined);
  each(1, 1, () => wear.verified());
  assert.is(wear.most.verificationsPerHour, 41);
});

test("what is long ago does not count: a steady rate at each bound for a year", () => {
  const { said, wear, each } = watch();
  each(365 * 3, dayMs / 3, () => {
    wear.erased(slot);
    wear.payloadRead(1000);
    wear.requested(true);
    wear.journalChanged();
  });
  assert.equal(said, []);
  assert.is(wear.most.erasesPerDay, 3);
  assert.is(wear.most.erasesPerWeek, 21);
});

test("30 days of polls and an update cost what they may, and a poll is seen as one", () => {
  const bench = new Bench({ wear: {} }).settleFirst();
  bench.install(benchRelease({ sequenceNumber: 2 }));
  bench.pass(30 * 24 * 60);
  const { wear } = bench.simulation;
  bench.assertPromises("30 days");
  assert.is(wear.most.erasesPerDay, 1);
  assert.ok(wear.most.requestsPerDay > 1400 && wear.most.requestsPerDay < 1500);
  assert.ok(wear.most.payloadBytesPerDay >= 20_000);
});

test("a simulation names the wear that a bad server causes", () => {
  const bench = new Bench({ wear: { erasesPerDay: 0, imagesPerPass: 0.1 } }).settleFirst();
  bench.faults.plan([networkFault("other-content")]);
  bench.install(benchRelease({ sequenceNumber: 2 }));
  const texts = bench.simulation.violations().map(({ promise, text }) => `${promise}: ${text}`);
  assert.ok(texts.includes("P9: 1 erases of block 0 of ota_1 within 24 h, 0 are allowed"));
  assert.ok(texts.some((text) => / bytes of payload within 24 h, 16000 are allowed$/.test(text)));
});

test.run();
