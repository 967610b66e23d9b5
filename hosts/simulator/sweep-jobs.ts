/** The work of a sweep in pieces that can run anywhere, and their results, which add up. */
import {
  cutFault,
  defaultImageBytes,
  type Ending,
  endings,
  type Fault,
  type Plan,
  type Start,
  starts,
} from "./plan.js";
import { randomPlan, shrink, targetAddress } from "./random-plans.js";
import { type MakeStage, runPlan } from "./run-plan.js";
import { type FailedPlan, Sweep } from "./sweep.js";
import { tearsFor } from "./tears.js";
import type { Stage } from "./verdicts.js";

export type JobKind =
  | "singles"
  | "pairs"
  | "triples"
  | "random"
  | "silent"
  | "rot"
  | "resume"
  | "change";

export interface Job {
  readonly kind: JobKind;
  readonly ending: Ending;
  readonly start: Start;
  /** Share `index` of `count` equal ones. */
  readonly index: number;
  readonly count: number;
  readonly seed: number;
  /** Random plans, or first rests of triples, in this piece. */
  readonly size: number;
}

/** What a piece of work found. Plain data, so that it can travel between threads. */
export interface JobResult {
  readonly kind: JobKind;
  readonly plans: number;
  readonly executed: number;
  readonly interrupted: number;
  readonly states: number;
  readonly tears: Readonly<Record<string, number>>;
  readonly failures: readonly FailedPlan[];
  /** Payload bytes fetched again after each cut of a "resume" piece. */
  readonly againBytes: readonly number[];
}

/** Image of "resume" pieces: several times the 64 KB between two progress records. */
export const resumeImageBytes = 300 * 1024;

/** All pieces of a full sweep but those that fill the rest of its time. */
export function sweepJobs(seed: number): Job[] {
  const jobs: Job[] = [];
  const base = { seed, index: 0, count: 1, size: 0 };
  const each = (kind: JobKind, of: readonly Ending[], count: number): void => {
    for (let index = 0; index < count; index++) {
      for (const start of starts) {
        for (const ending of of) jobs.push({ ...base, kind, ending, start, index, count });
      }
    }
  };
  each("singles", endings, 1);
  each("silent", ["healthy", "crash"], 1);
  each("rot", ["healthy"], 1);
  for (let index = 0; index < 4; index++) {
    jobs.push({ ...base, kind: "resume", ending: "healthy", start: "known", index, count: 4 });
  }
  jobs.push({ ...base, kind: "change", ending: "healthy", start: "known" });
  jobs.push({ ...base, kind: "change", ending: "crash", start: "second" });
  each("pairs", endings, 4);
  return jobs;
}

/** Pieces without end for the rest of a sweep's time: third cuts and random mixes, in turn. */
export function* fillingJobs(seed: number): Generator<Job> {
  for (let index = 0; ; index++) {
    const start = starts[index % starts.length];
    const ending = endings[Math.floor(index / starts.length) % 5];
    const at = { ending, start, index, count: 1 };
    yield { ...at, kind: "triples", seed: seed + index, size: 40 };
    yield { ...at, kind: "random", seed, size: 200 };
  }
}

/** Runs one piece; `isOver` is asked between boots whether time is up. */
export function runJob(job: Job, makeStage: MakeStage, isOver: () => boolean): JobResult {
  switch (job.kind) {
    case "singles":
    case "pairs":
    case "triples":
      return cutsJob(job, makeStage, isOver);
    case "random":
      return plansJob(job, makeStage, isOver, randomPlans(job));
    case "silent":
      return plansJob(job, makeStage, isOver, silentPlans(job, makeStage));
    case "rot":
      return plansJob(job, makeStage, isOver, rotPlans(job));
    case "resume":
      return plansJob(job, makeStage, isOver, resumePlans(job, makeStage));
    case "change":
      return plansJob(job, makeStage, isOver, changePlans(job, makeStage));
  }
}

function planOf(job: Job, faults: readonly Fault[] = []): Plan {
  const { ending, start, seed, kind } = job;
  const isLarge = kind === "resume" || kind === "change";
  const imageBytes = isLarge ? resumeImageBytes : defaultImageBytes;
  return { ending, start, seed, imageBytes, faults, network: [] };
}

function cutsJob(job: Job, makeStage: MakeStage, isOver: () => boolean): JobResult {
  const plan = planOf(job);
  const sweep = new Sweep(makeStage(plan), plan);
  const firsts = sweep.singles().length;
  if (job.kind === "pairs") {
    const share = Math.ceil(firsts / job.count);
    sweep.pairs(job.index * share, (job.index + 1) * share, isOver);
  }
  if (job.kind === "triples") sweep.triples(job.seed, job.size, isOver);
  const { plans, executed, interrupted, states, tears } = sweep.counts;
  return {
    kind: job.kind,
    plans,
    executed,
    interrupted,
    states,
    tears: Object.fromEntries(tears),
    failures: sweep.failures,
    againBytes: [],
  };
}

function plansJob(
  job: Job,
  makeStage: MakeStage,
  isOver: () => boolean,
  plans: Iterable<Plan>,
): JobResult {
  let count = 0;
  let executed = 0;
  let interrupted = 0;
  const tears: Record<string, number> = {};
  const failures: FailedPlan[] = [];
  const againBytes: number[] = [];
  const reusing = reuseStages(makeStage);
  for (const plan of plans) {
    if (isOver() || failures.length > 0) break;
    let result = runPlan(plan, reusing);
    count++;
    executed += result.boots + 1;
    interrupted += result.interrupted;
    for (const fault of plan.faults) {
      if (fault.kind !== "cut") continue;
      tears[fault.cut.tear.kind] = (tears[fault.cut.tear.kind] ?? 0) + 1;
    }
    if (job.kind === "resume") againBytes.push(result.rest.payloadBytes - plan.imageBytes);
    if (result.violations.length > 0) {
      result = shrink(plan, result, makeStage);
      failures.push({ line: result.line, violation: result.violations[0] });
    }
  }
  const states = 0;
  return {
    kind: job.kind,
    plans: count,
    executed,
    interrupted,
    states,
    tears,
    failures,
    againBytes,
  };
}

/** Makes each stage once. A plan starts from a rest, so only stuck bits would outlive it. */
function reuseStages(makeStage: MakeStage): MakeStage {
  const made = new Map<string, Stage>();
  return (plan) => {
    if (plan.faults.some((one) => one.kind === "stick")) return makeStage(plan);
    const key = `${plan.ending} ${plan.start} ${plan.seed} ${plan.imageBytes}`;
    let stage = made.get(key);
    if (stage === undefined) {
      stage = makeStage(plan);
      made.set(key, stage);
    }
    return stage;
  };
}

function* randomPlans(job: Job): Iterable<Plan> {
  for (let i = 0; i < job.size; i++) yield randomPlan(job.seed + job.index * job.size + i);
}

/** Each operation in turn reports success and leaves something else. */
function* silentPlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  let operation = 0;
  for (const seen of operationsOf(plan, makeStage)) {
    for (const tear of tearsFor(seen)) {
      if (tear.kind === "after" || tear.kind === "weak") continue;
      const cut = { operation, tear, silent: true };
      yield { ...plan, faults: [cutFault(cut)] };
    }
    operation++;
  }
}

/** A bit flips in the target slot before each operation, or is stuck from the start. */
function* rotPlans(job: Job): Iterable<Plan> {
  const plan = planOf(job);
  const target = targetAddress(job.start);
  const places = [0, 12, 23, 100, 4096, 5000, 8192, 9150, 9215];
  for (const place of places) {
    const address = target + place;
    for (let operation = 0; operation < 24; operation++) {
      yield { ...plan, faults: [{ kind: "rot", address, mask: 4, operation }] };
    }
    for (const value of [0, 1] as const) {
      yield { ...plan, faults: [{ kind: "stick", address, mask: 16, value }] };
    }
  }
  // The sector of the boot record that the update is staged in.
  const sector = job.start === "second" ? 0xd000 : 0xe000;
  for (const place of [0, 24, 28]) {
    for (const value of [0, 1] as const) {
      yield { ...plan, faults: [{ kind: "stick", address: sector + place, mask: 3, value }] };
    }
  }
}

/** The supply fails once, in each operation, while a large image is fetched. */
function* resumePlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const operations = operationsOf(plan, makeStage).length;
  for (let operation = job.index; operation < operations; operation += job.count) {
    for (const tear of [{ kind: "before" }, { kind: "prefix", bytes: 2048 }] as const) {
      yield { ...plan, faults: [cutFault({ operation, tear })] };
    }
  }
}

/** A newer release is published, or the offer withdrawn, while a large image is fetched. */
function* changePlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const operations = operationsOf(plan, makeStage).length;
  for (let operation = 1; operation < operations; operation += 6) {
    for (const change of ["next", "withdraw"] as const) {
      const fault: Fault = { kind: "server", operation, change };
      // The device sees it when it asks again: after a loss of supply.
      const cut = cutFault({ operation: operation + 2, tear: { kind: "before" } });
      yield { ...plan, faults: [fault, cut] };
    }
  }
}

function operationsOf(plan: Plan, makeStage: MakeStage) {
  const { bench, start } = makeStage(plan);
  const first = bench.boot(start, []);
  if (first.end === "settled") return first.operations;
  return [...first.operations, ...bench.boot(first.rest, []).operations];
}
