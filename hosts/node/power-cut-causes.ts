/** What a sweep found, sorted by cause: one finding for each, the weightiest first. */
import type { PromiseId, Violation } from "../simulator/checkers.js";
import type { Ending, Fault } from "../simulator/plan.js";
import type { SweepFailure } from "../simulator/sweep.js";
import type { Tear } from "../simulator/tear.js";
import type { Incident, IncidentKind } from "../simulator/witness.js";

export interface Finding {
  /** What is broken without any cut, else the weightiest promise. */
  readonly violation: Violation;
  /** What the firmware did wrong; null where nothing was seen. */
  readonly incident: Incident | null;
  readonly histories: number;
  /** Simplest history in which that is broken. */
  readonly faults: readonly Fault[];
  readonly line: string;
}

/** What a firmware must do wrong for an update to end like that. */
const wanted: Readonly<Partial<Record<Ending, readonly IncidentKind[]>>> = Object.freeze({
  crash: ["abort", "exception", "rejection"],
  hang: ["abort", "endless-loop"],
  "fail-test": ["self-test", "no-answer"],
  "brown-out": ["abort"],
});

export function findingsOf(failures: readonly SweepFailure[], ending: Ending): Finding[] {
  const groups = new Map<string, SweepFailure[]>();
  for (const failure of failures) {
    const key = causeOf(failure, ending);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [failure]);
    else group.push(failure);
  }
  const found = [...groups.values()].map((group) => findingOf(group, ending));
  return found.sort(
    (a, b) =>
      Number(a.faults.length > 0) - Number(b.faults.length > 0) ||
      compare(a.violation.promise, b.violation.promise) ||
      b.histories - a.histories,
  );
}

function findingOf(group: readonly SweepFailure[], ending: Ending): Finding {
  const [first] = [...group].sort(
    (a, b) =>
      Number(a.faults.length > 0) - Number(b.faults.length > 0) ||
      compare(a.violation.promise, b.violation.promise) ||
      simplicity(a) - simplicity(b),
  );
  // One history may break several promises.
  const counts = new Map<string, number>();
  for (const { line, histories } of group) {
    counts.set(line, Math.max(histories, counts.get(line) ?? 0));
  }
  return {
    violation: first.violation,
    incident: incidentOf(first, ending),
    histories: [...counts.values()].reduce((sum, one) => sum + one, 0),
    faults: first.faults,
    line: first.line,
  };
}

/** The mistake that the rest follows from: the first that the update was not meant to make. */
export function incidentOf(
  { trail, violation }: Pick<SweepFailure, "trail" | "violation">,
  ending: Ending,
): Incident | null {
  const own = trail.find((one) => one.breaks !== null && one.text === violation.text);
  if (own !== undefined) return own;
  const usual = wanted[ending] ?? [];
  return trail.find((one) => !usual.includes(one.kind) || one.image === "old") ?? null;
}

/** Failures of one cause have one key. */
function causeOf(failure: SweepFailure, ending: Ending): string {
  const incident = incidentOf(failure, ending);
  const { promise, text } = failure.violation;
  if (incident === null) return `${promise} ${text.replace(/\d+/g, "#")}`;
  // The same line throws for the same cause, whatever data it names.
  const [line] = incident.stack;
  return `${incident.kind} ${line ?? incident.text.replace(/\d+/g, "#")}`;
}

/** Lower for a history that is easier to think about: fewer cuts, whole operations, earlier. */
function simplicity({ faults }: SweepFailure): number {
  let sum = 0;
  for (const fault of faults) {
    if (fault.kind !== "cut") continue;
    sum += 1_000_000_000 + tearRank(fault.cut.tear) * 100_000_000 + fault.cut.operation;
  }
  return sum;
}

function tearRank({ kind }: Tear): number {
  if (kind === "before" || kind === "after") return 0;
  return kind === "prefix" ? 1 : 2;
}

function compare(a: PromiseId, b: PromiseId): number {
  return a < b ? -1 : Number(a > b);
}
