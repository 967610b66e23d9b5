/**
 * `npm run sweep`: all power cuts, pairs, flash faults and random mixes over all cores, with a
 * table at the end. Exit code 1 when a promise was broken; each failure is one line to replay.
 */
import { availableParallelism } from "node:os";
import { SingleBar } from "cli-progress";
import { Command } from "commander";
import { fillingJobs, sweepJobs } from "../simulator/sweep-jobs.js";
import type { WeeksPlan } from "../simulator/weeks.js";
import { endUsage } from "./errors.js";
import { renderTotals } from "./sweep-table.js";
import { runThreads, wholeNumber } from "./sweep-threads.js";
import { addAnswer, addWeeks, newTotals, type SweepTotals } from "./sweep-totals.js";
import { measureWear } from "./sweep-wear.js";
import type { WorkerTask } from "./sweep-worker.js";
import { sweptWeeks } from "./weeks.js";

export interface SweepOptions {
  readonly seed: number;
  readonly budgetMs: number;
  /** Goes on with third cuts and random plans until so many boots were interrupted. */
  readonly boots: number;
  readonly workers: number;
  onAnswer?(totals: SweepTotals): void;
}

/** Failures after which a sweep ends: the other kinds run all the same until then. */
const failuresMax = 50;

/** Runs a whole sweep in threads. Stops at the budget, or when all is done. */
export async function sweep(options: SweepOptions): Promise<SweepTotals> {
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const deadlineMs = Date.now() + options.budgetMs;
  const fixed = sweepJobs(options.seed);
  const filling = fillingJobs(options.seed);
  const weeks = sweptWeeks(options.seed);
  const totals = newTotals(fixed.length + weeks.length, options.seed);
  const nextTask = (): WorkerTask | WeeksPlan | null => {
    if (totals.failures.length >= failuresMax || Date.now() >= deadlineMs) return null;
    const job = fixed.shift();
    if (job !== undefined) return { job, deadlineMs };
    const plan = weeks.shift();
    if (plan !== undefined) return plan;
    return totals.interrupted >= options.boots ? null : { job: filling.next().value, deadlineMs };
  };
  await runThreads(options.workers, nextTask, (answer) => {
    if ("plan" in answer) addWeeks(totals, answer);
    else addAnswer(totals, answer);
    options.onAnswer?.(totals);
  });
  totals.elapsedMs = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  totals.cpuMs = (user + system) / 1000;
  totals.wear = measureWear(options.seed);
  return totals;
}

interface Arguments {
  readonly seed: number;
  readonly budgetMs: number;
  readonly boots: number;
  readonly workers: number;
  readonly json?: boolean;
}

async function main(): Promise<void> {
  const program = new Command("sweep")
    .option("--seed <number>", "seed of all chance", wholeNumber, 1)
    .option("--budget-ms <ms>", "longest time", wholeNumber, 590_000)
    .option("--boots <count>", "interrupted boots to reach", wholeNumber, 1_000_000)
    .option("--workers <count>", "threads", wholeNumber, availableParallelism())
    .option("--json", "print JSON")
    .exitOverride(endUsage)
    .parse();
  const { json, ...options } = program.opts<Arguments>();
  const bar = new SingleBar({
    stream: process.stderr,
    format: "sweep [{bar}] {value} of {total} interrupted boots, {rate}/s, {eta_formatted} left",
    hideCursor: true,
    noTTYOutput: false,
  });
  const begun = performance.now();
  if (process.stderr.isTTY) bar.start(options.boots, 0, { rate: 0 });
  const totals = await sweep({
    ...options,
    onAnswer: ({ interrupted }) => {
      const rate = Math.round((interrupted * 1000) / (performance.now() - begun));
      bar.update(Math.min(interrupted, options.boots), { rate });
    },
  });
  bar.stop();
  const output = json === true ? JSON.stringify(totals, null, 2) : renderTotals(totals);
  process.stdout.write(`${output}\n`);
  if (totals.failures.length > 0 || !totals.complete) process.exitCode = 1;
}

if (process.argv[1]?.endsWith("sweep.js")) await main();
