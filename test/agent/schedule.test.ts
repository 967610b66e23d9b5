import { test } from "uvu";
import * as assert from "uvu/assert";
import { Prng } from "../../hosts/simulator/prng.js";
import { pollDelayMs, retryDelayMs } from "../../src/agent/schedule.js";

const capMs = 900_000;

test("a retry is never sooner than 500 ms and never later than the cap", () => {
  for (const failures of [1, 2, 5, 10, 16, 17, 1000, Number.MAX_SAFE_INTEGER]) {
    for (const random of [0, 1, 0x7fffffff, 0xffffffff]) {
      const delayMs = retryDelayMs(failures, random, capMs);
      assert.ok(delayMs >= 500 && delayMs <= capMs, `${failures} ${random}: ${delayMs}`);
      assert.is(delayMs, Math.floor(delayMs));
    }
  }
});

test("a cap below the least delay wins", () => {
  assert.is(retryDelayMs(1, 0, 100), 100);
});

test("the window doubles with each failure up to the cap, and jitter fills it evenly", () => {
  const random = new Prng(3);
  for (const [failures, windowMs] of [
    [1, 4000],
    [2, 8000],
    [5, 64_000],
    [20, capMs],
  ]) {
    let sum = 0;
    let most = 0;
    for (let i = 0; i < 2000; i++) {
      const delayMs = retryDelayMs(failures, random.next(), capMs);
      sum += delayMs;
      most = Math.max(most, delayMs);
    }
    const mean = sum / 2000 / windowMs;
    assert.ok(mean > 0.45 && mean < 0.57, `${failures}: mean ${mean}`);
    assert.ok(most > 0.95 * windowMs && most <= windowMs, `${failures}: most ${most}`);
  }
});

test("polls keep their interval within 10 %", () => {
  assert.is(pollDelayMs(3_600_000, 0), 3_240_000);
  assert.ok(pollDelayMs(3_600_000, 0xffffffff) <= 3_960_000);
  assert.ok(Math.abs(pollDelayMs(3_600_000, 0x80000000) - 3_600_000) < 2);
});

test.run();
