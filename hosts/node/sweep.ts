/**
 * `npm run sweep`: all power cuts, pairs, flash faults and random mixes over all cores, with a
 * table at the end. Exit code 1 when a promise was broken; each failure is one line to replay.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { fillingJobs, type Job, sweepJobs } from "../simulator/sweep-jobs.js";
import type { WeeksPlan, WeeksResult } from "../simulator/weeks.js";
import { endUsage } from "./errors.js";
import { renderTotals } from "./sweep-table.js";
import { addAnswer, addWeeks, newTotals, type SweepTotals } from "./sweep-totals.js";
import { measureWear } from "./sweep-wear.js";
import type { WorkerAnswer } from "./sweep-worker.js";
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
export function sweep(options: SweepOptions): Promise<SweepTotals> {
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const deadlineMs = Date.now() + options.budgetMs;
  const fixed = sweepJobs(options.seed);
  const filling = fillingJobs(options.seed);
  const weeks = sweptWeeks(options.seed);
  const totals = newTotals(fixed.length + weeks.length, options.seed);
  const nextJob = (): Job | WeeksPlan | null => {
    if (totals.failures.length >= failuresMax || Date.now() >= deadlineMs) return null;
    const job = fixed.shift() ?? weeks.shift();
    if (job !== undefined) return job;
    return totals.interrupted >= options.boots ? null : filling.next().value;
  };
  return new Promise((resolve, reject) => {
    let running = options.workers;
    const finish = (worker: Worker): void => {
      void worker.terminate();
      running--;
      if (running > 0) return;
      totals.elapsedMs = performance.now() - begun;
      const { user, system } = process.cpuUsage(cpu);
      totals.cpuMs = (user + system) / 1000;
      totals.wear = measureWear(options.seed);
      resolve(totals);
    };
    for (let i = 0; i < options.workers; i++) {
      const worker = new Worker(new URL("./sweep-worker.js", import.meta.url));
      const feed = (): void => {
        const job = nextJob();
        if (job === null) finish(worker);
        else worker.postMessage("habit" in job ? job : { job, deadlineMs });
      };
      worker.on("error", reject);
      worker.on("message", (answer: WorkerAnswer | WeeksResult) => {
        if ("plan" in answer) addWeeks(totals, answer);
        else addAnswer(totals, answer);
        options.onAnswer?.(totals);
        feed();
      });
      feed();
    }
  });
}

/** For commander; anything else is wrong usage. */
function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number, from 1 on.");
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
