/**
 * `npm run weeks`: each bad habit for 1 to 48 hours, with many seeds, and how long it takes from
 * its end until the device is up to date. Exit code 1 when a promise was broken; each failure is
 * one line to replay.
 */
import { availableParallelism } from "node:os";
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { type HabitName, habitNames, habits } from "../simulator/habits.js";
import { Prng } from "../simulator/prng.js";
import { printWeeks, type WeeksPlan, type WeeksResult } from "../simulator/weeks.js";
import { endUsage } from "./errors.js";
import { aligned } from "./sweep-table.js";
import { runThreads, wholeNumber } from "./sweep-threads.js";

const pollMinutes = [1, 15, 60] as const;

/** One plan per seed: how long the habit lasts and how often is polled follow from it. */
export function recoveryPlans(habit: HabitName, seeds: number): WeeksPlan[] {
  return Array.from({ length: seeds }, (_, seed): WeeksPlan => {
    const random = new Prng(seed + 1);
    const hours = 1 + random.below(48);
    return { habit, seed: seed + 1, hours, pollMinutes: pollMinutes[random.below(3)] };
  });
}

/** Median and worst of hours; "never" when one of them was never. */
export function spread(hours: readonly number[]): readonly [string, string] {
  const sorted = hours.slice().sort((a, b) => a - b);
  if (sorted.length === 0 || sorted[0] < 0) return ["", "never"];
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  return [median.toFixed(1), (sorted.at(-1) ?? 0).toFixed(1)];
}

function table(results: readonly WeeksResult[]): string {
  const rows = habitNames.flatMap((habit) => {
    const own = results.filter(({ plan }) => plan.habit === habit);
    if (own.length === 0) return [];
    const most = (of: (result: WeeksResult) => number): string =>
      `${Math.round(Math.max(...own.map(of)))}`;
    return [
      [
        habit,
        ...spread(own.map(({ recoveryHours }) => recoveryHours)),
        most((one) => one.most.erasesPerDay),
        most((one) => one.most.payloadBytesPerDay / 1000),
        most((one) => one.most.writesPerDay),
        habits[habit].about,
      ],
    ];
  });
  const heads = [
    "habit",
    "median h",
    "worst h",
    "erases/day",
    "KB/day",
    "journal/day",
    "what it is",
  ];
  const failures = results.flatMap(({ plan, violations }) =>
    violations
      .slice(0, 1)
      .map(
        ({ promise, text }) =>
          `${promise} broken: ${text}\n  daruma simulate --plan '${printWeeks(plan)}'`,
      ),
  );
  return [...aligned([heads, ...rows]), ...failures, `violations: ${failures.length}`].join("\n");
}

/** Runs the plans over all threads. */
async function run(
  plans: readonly WeeksPlan[],
  workers: number,
  onResult: () => void,
): Promise<WeeksResult[]> {
  const queue = plans.slice();
  const results: WeeksResult[] = [];
  await runThreads(
    workers,
    () => queue.shift() ?? null,
    (answer) => {
      if ("plan" in answer) results.push(answer);
      onResult();
    },
  );
  return results;
}

function habitNamed(text: string): HabitName {
  const habit = habitNames.find((one) => one === text);
  if (habit !== undefined) return habit;
  throw new InvalidArgumentError(`It must be one of ${habitNames.join(", ")}.`);
}

interface Arguments {
  readonly seeds: number;
  readonly workers: number;
  readonly habit?: HabitName;
  readonly json?: boolean;
}

async function main(): Promise<void> {
  const program = new Command("weeks")
    .description("how soon devices are up to date after each bad habit of network and supply")
    .option("--seeds <count>", "runs of each habit", wholeNumber, 100)
    .option("--habit <name>", "only this one", habitNamed)
    .option("--workers <count>", "threads", wholeNumber, availableParallelism())
    .option("--json", "print JSON")
    .addHelpText("after", "\nExamples:\n  $ npm run weeks\n  $ npm run weeks -- --habit down")
    .exitOverride(endUsage)
    .parse();
  const { seeds, workers, habit, json } = program.opts<Arguments>();
  const plans = (habit === undefined ? habitNames : [habit]).flatMap((one) =>
    recoveryPlans(one, seeds),
  );
  const bar = new SingleBar({
    stream: process.stderr,
    format: "weeks [{bar}] {value} of {total} runs, {eta_formatted} left",
    hideCursor: true,
    noTTYOutput: false,
  });
  if (process.stderr.isTTY) bar.start(plans.length, 0);
  const results = await run(plans, workers, () => bar.increment());
  bar.stop();
  process.stdout.write(`${json === true ? JSON.stringify(results, null, 2) : table(results)}\n`);
  if (results.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
}

if (process.argv[1]?.endsWith("sweep-weeks.js")) await main();
