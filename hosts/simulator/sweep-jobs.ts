/** The work of a sweep in pieces that can run anywhere, and their results, which add up. */
import {
  canBegin,
  type Ending,
  endings,
  type Plan,
  parsePlan,
  printPlan,
  type Start,
} from "./plan.js";
import { shrink } from "./random-plans.js";
import { type MakeStage, runPlan } from "./run-plan.js";
import { type FailedPlan, Sweep } from "./sweep.js";
import { listed, planOf } from "./sweep-plans.js";
import type { Stage } from "./verdicts.js";

/** The starts whose cuts and pairs are swept; the others only differ in an old entry. */
const firstStarts = ["fresh", "known", "second"] as const satisfies readonly Start[];

export type JobKind =
  | "singles"
  | "pairs"
  | "triples"
  | "random"
  | "silent"
  | "rot"
  | "resume"
  | "change"
  | "record"
  | "unseen"
  | "journal"
  | "cable"
  | "lost"
  | "network"
  | "outage"
  | "unwatched"
  | "weak";

/** The kinds whose plans are listed one by one, and not found on the way. */
export type ListedKind = Exclude<JobKind, "singles" | "pairs" | "triples">;

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

/** All pieces of a full sweep but those that fill the rest of its time. */
export function sweepJobs(seed: number): Job[] {
  const jobs: Job[] = [];
  const base = { seed, index: 0, count: 1, size: 0 };
  const each = (kind: JobKind, of: readonly Ending[], count: number): void => {
    for (let index = 0; index < count; index++) {
      for (const start of firstStarts) {
        for (const ending of of) {
          if (canBegin(ending, start)) jobs.push({ ...base, kind, ending, start, index, count });
        }
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
  for (const kind of ["record", "unseen"] as const) {
    for (const start of ["known", "second", "third"] as const) {
      for (const ending of ["healthy", "crash", "fail-test"] as const) {
        jobs.push({ ...base, kind, ending, start });
      }
    }
  }
  each("journal", ["healthy", "fail-test"], 1);
  each("cable", ["healthy", "crash", "fail-test", "installed"], 1);
  each("lost", ["healthy", "fail-test", "crash", "hang", "no-network", "refused"], 1);
  each("network", ["healthy", "crash"], 2);
  each("outage", ["healthy", "crash"], 1);
  each("unwatched", ["healthy", "hang"], 1);
  each("weak", ["healthy", "crash", "fail-test", "no-network"], 1);
  each("pairs", endings, 4);
  return jobs;
}

/** Pieces without end for the rest of a sweep's time: third cuts and random mixes, in turn. */
export function* fillingJobs(seed: number): Generator<Job> {
  for (let index = 0; ; index++) {
    const start = firstStarts[index % firstStarts.length];
    const ending = endings[Math.floor(index / firstStarts.length) % 5];
    const at = { ending, start, index, count: 1 };
    yield { ...at, kind: "triples", seed: seed + index, size: 40 };
    yield { ...at, kind: "random", seed, size: 200 };
  }
}

/** Failures after which a piece of listed plans is left: more of them rarely tell more. */
const failuresMax = 3;

/** Runs one piece; `isOver` is asked between boots whether time is up. */
export function runJob(job: Job, makeStage: MakeStage, isOver: () => boolean): JobResult {
  switch (job.kind) {
    case "singles":
    case "pairs":
    case "triples":
      return cutsJob(job, makeStage, isOver);
    default:
      return plansJob(job, makeStage, isOver, listed[job.kind](job, makeStage));
  }
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
    failures: sweep.failures.map((failure) => shrunk(failure, makeStage)),
    againBytes: [],
  };
}

/** The same failure with fewer faults: replayed from its line, as whoever reads it will. */
function shrunk({ line, violation }: FailedPlan, makeStage: MakeStage): FailedPlan {
  const plan = parsePlan(line);
  const result = runPlan(plan, makeStage);
  if (result.violations.length === 0) {
    return { line, violation: { ...violation, text: `NOT REPLAYED: ${violation.text}` } };
  }
  const small = shrink(plan, result, makeStage);
  return { line: small.line, violation: small.violations[0] };
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
    if (isOver() || failures.length >= failuresMax) break;
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
    const key = printPlan({ ...plan, faults: [], network: [] });
    let stage = made.get(key);
    if (stage === undefined) {
      stage = makeStage(plan);
      made.set(key, stage);
    }
    return stage;
  };
}
