/** Days under bad habits: a share of what `npm run sweep` runs for weeks. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { replayWeeks, weeks } from "../../hosts/node/weeks.js";
import { type HabitName, habitNames, habits } from "../../hosts/simulator/habits.js";
import { parseWeeks, printWeeks } from "../../hosts/simulator/weeks.js";
import { seed } from "../helpers/seed.js";

for (const habit of habitNames) {
  test(`${habit} for two days (${habits[habit].about})`, () => {
    const plan = { habit, seed, hours: 48, pollMinutes: 20 };
    const { violations, recoveryHours } = weeks(plan);
    assert.equal(violations, [], `daruma simulate --plan '${printWeeks(plan)}'`);
    assert.ok(recoveryHours >= 0);
  });
}

test("a line of weeks is read as it was printed, and no other", () => {
  for (const habit of habitNames) {
    const plan = { habit, seed: 7, hours: 72, pollMinutes: 60 };
    assert.equal(parseWeeks(printWeeks(plan)), plan);
  }
  for (const line of [
    "weeks",
    "weeks none 1 72h 60min",
    "weeks quiet 1 0h 60min",
    "weeks quiet 1 72h 0min",
    "weeks quiet 1 72 60",
    "weeks constructor 1 72h 60min",
  ]) {
    assert.throws(
      () => parseWeeks(line),
      (error: unknown) => error instanceof RangeError,
      line,
    );
  }
});

test("a run is the same each time, and its seed counts", () => {
  const tell = (habit: HabitName, run: number): string[] => {
    const lines: string[] = [];
    replayWeeks(`weeks ${habit} ${run} 24h 60min`, (atMs, text) => lines.push(`${atMs} ${text}`));
    return lines;
  };
  assert.equal(tell("lossy", 1), tell("lossy", 1));
  assert.not.equal(tell("lossy", 1), tell("lossy", 2));
});

test.run();
