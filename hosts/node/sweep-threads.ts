/** What the sweep and the weeks share: their threads and the reading of their options. */
import { Worker } from "node:worker_threads";
import { InvalidArgumentError } from "commander";
import type { WeeksPlan, WeeksResult } from "../simulator/weeks.js";
import type { WorkerAnswer, WorkerTask } from "./sweep-worker.js";

/**
 * Feeds `workers` threads with one task after the other until `nextTask` has none for any of them.
 * Rejects with the error of a thread.
 */
export function runThreads(
  workers: number,
  nextTask: () => WorkerTask | WeeksPlan | null,
  onAnswer: (answer: WorkerAnswer | WeeksResult) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let running = workers;
    for (let i = 0; i < workers; i++) {
      const worker = new Worker(new URL("./sweep-worker.js", import.meta.url));
      const feed = (): void => {
        const task = nextTask();
        if (task !== null) return worker.postMessage(task);
        void worker.terminate();
        running--;
        if (running === 0) resolve();
      };
      worker.on("error", reject);
      worker.on("message", (answer: WorkerAnswer | WeeksResult) => {
        onAnswer(answer);
        feed();
      });
      feed();
    }
  });
}

/** For commander; anything else is wrong usage. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number, from 1 on.");
}
