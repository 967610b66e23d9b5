/** One thread of a sweep: takes pieces of work, gives results. */
import { parentPort } from "node:worker_threads";
import { type Job, type JobResult, runJob } from "../simulator/sweep-jobs.js";
import type { WeeksPlan, WeeksResult } from "../simulator/weeks.js";
import { makeStage } from "./bench.js";
import { weeks } from "./weeks.js";

/** What the main thread sends. */
export interface WorkerTask {
  readonly job: Job;
  /** Milliseconds since 1970 after which the piece is left unfinished. */
  readonly deadlineMs: number;
}

export interface WorkerAnswer {
  readonly job: Job;
  readonly result: JobResult;
  /** From beginning to end of this piece. */
  readonly busyMs: number;
  /** False when the time was over before all of it was done. */
  readonly complete: boolean;
}

/** Runs one piece. A million cuts are a million errors thrown: their stacks are not wanted. */
export function runTask(task: WorkerTask): WorkerAnswer {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const begun = performance.now();
  let complete = true;
  const isOver = (): boolean => {
    if (Date.now() < task.deadlineMs) return false;
    complete = false;
    return true;
  };
  const result = runJob(task.job, makeStage, isOver);
  Error.stackTraceLimit = stackTraceLimit;
  return { job: task.job, result, busyMs: performance.now() - begun, complete };
}

const run = (task: WorkerTask | WeeksPlan): WorkerAnswer | WeeksResult =>
  "habit" in task ? weeks(task) : runTask(task);

const port = parentPort;
if (port !== null) {
  port.on("message", (task: WorkerTask | WeeksPlan) => port.postMessage(run(task)));
}
