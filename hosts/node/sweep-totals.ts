/** Sums of a sweep over its pieces. */
import type { FailedPlan } from "../simulator/sweep.js";
import type { JobKind } from "../simulator/sweep-jobs.js";
import { printWeeks, type WeeksResult } from "../simulator/weeks.js";
import type { Wear } from "./sweep-wear.js";
import type { WorkerAnswer } from "./sweep-worker.js";

export interface KindTotals {
  pieces: number;
  /** Fault histories covered. */
  plans: number;
  /** Boots executed, and those that a cut interrupted. */
  executed: number;
  interrupted: number;
  busyMs: number;
}

export interface SweepTotals {
  readonly seed: number;
  readonly kinds: Partial<Record<JobKind, KindTotals>>;
  /** Faults executed, by tear model. */
  readonly tears: Record<string, number>;
  plans: number;
  executed: number;
  interrupted: number;
  /** Runs of weeks, each under one bad habit of network, offers or supply. */
  readonly weeks: WeeksResult[];
  /** Wear of whole updates; empty until it was measured. */
  wear: readonly Wear[];
  /** Bytes fetched again after one cut of a 300 KB image. */
  readonly again: { cuts: number; meanBytes: number; worstBytes: number };
  readonly failures: FailedPlan[];
  /** True when every piece of the fixed part was done in full. */
  complete: boolean;
  fixedPiecesLeft: number;
  elapsedMs: number;
  /** CPU time of all threads. */
  cpuMs: number;
}

export function newTotals(fixedPieces: number, seed: number): SweepTotals {
  return {
    seed,
    kinds: {},
    tears: {},
    plans: 0,
    executed: 0,
    interrupted: 0,
    again: { cuts: 0, meanBytes: 0, worstBytes: 0 },
    wear: [],
    weeks: [],
    failures: [],
    complete: false,
    fixedPiecesLeft: fixedPieces,
    elapsedMs: 0,
    cpuMs: 0,
  };
}

export function addWeeks(totals: SweepTotals, result: WeeksResult): void {
  totals.weeks.push(result);
  const [violation] = result.violations;
  if (violation !== undefined) totals.failures.push({ line: printWeeks(result.plan), violation });
  totals.fixedPiecesLeft--;
  totals.complete = totals.fixedPiecesLeft === 0;
}

export function addAnswer(totals: SweepTotals, answer: WorkerAnswer): void {
  const { result, job } = answer;
  let kind = totals.kinds[result.kind];
  if (kind === undefined) {
    kind = { pieces: 0, plans: 0, executed: 0, interrupted: 0, busyMs: 0 };
    totals.kinds[result.kind] = kind;
  }
  kind.pieces++;
  kind.busyMs += answer.busyMs;
  for (const field of ["plans", "executed", "interrupted"] as const) {
    kind[field] += result[field];
    totals[field] += result[field];
  }
  for (const [tear, count] of Object.entries(result.tears)) {
    totals.tears[tear] = (totals.tears[tear] ?? 0) + count;
  }
  const { again } = totals;
  for (const bytes of result.againBytes) {
    again.meanBytes = (again.meanBytes * again.cuts + bytes) / (again.cuts + 1);
    again.cuts++;
    again.worstBytes = Math.max(again.worstBytes, bytes);
  }
  totals.failures.push(...result.failures);
  const isFixed = job.kind !== "triples" && job.kind !== "random";
  if (isFixed && answer.complete) totals.fixedPiecesLeft--;
  totals.complete = totals.fixedPiecesLeft === 0;
}
