/** Runs one plan from its start until the device has settled, boot by boot. */
import type { Bench } from "./bench.js";
import type { Violation } from "./checkers.js";
import { type Plan, printPlan, type Start } from "./plan.js";
import type { Rest } from "./rest.js";
import { bootsMax, judgeSettled, mayDamage, mayRuin, mayStay, type Stage } from "./verdicts.js";
import type { Incident } from "./witness.js";

/** The verdict of one plan. */
export interface PlanResult {
  /** The plan as one line: `daruma simulate --plan '<line>'` replays it. */
  readonly line: string;
  readonly violations: readonly Violation[];
  readonly rest: Rest;
  readonly boots: number;
  readonly interrupted: number;
  /** What the firmware did wrong, boot by boot; empty without a witness. */
  readonly incidents: readonly Incident[];
}

/** Makes the stage that a plan needs; hosts do it, for it takes signing keys. */
export type MakeStage = (plan: Plan) => Stage;

/**
 * Index in a bench's releases: the factory's own, two older updates, the one in question, a newer.
 */
export const releaseRoles = Object.freeze({
  installed: 0,
  older: 1,
  third: 2,
  wanted: 3,
  newer: 4,
});

/** Brings a device from the factory to where plans of `start` begin. */
export function prepare(bench: Bench, start: Start): Rest {
  const { installed, older, third, wanted } = releaseRoles;
  let rest = bench.factory(wanted);
  if (start === "fresh") return bench.begin(rest, wanted);
  rest = settle(bench, bench.begin(rest, installed));
  if (start !== "known") rest = settle(bench, bench.begin(rest, older));
  if (start === "third") rest = settle(bench, bench.begin(rest, third));
  return bench.begin(rest, wanted);
}

/** The firmware that a plan begins with fails before it. */
export class UnreadyDevice extends Error {
  readonly incidents: readonly Incident[];

  constructor(message: string, incidents: readonly Incident[]) {
    super(message);
    this.incidents = incidents;
  }
}

function settle(bench: Bench, from: Rest): Rest {
  let rest = from;
  const incidents: Incident[] = [];
  for (let boot = 0; boot < bootsMax; boot++) {
    const outcome = bench.boot(rest, []);
    incidents.push(...outcome.incidents);
    const text = outcome.violations[0]?.text;
    if (text !== undefined) throw new UnreadyDevice(text, incidents);
    if (outcome.end === "settled") return outcome.rest;
    rest = outcome.rest;
  }
  throw new UnreadyDevice("the device did not come to rest before the plan began", incidents);
}

/** Runs `plan`. Throws RangeError for a stage that cannot be made. */
export function runPlan(plan: Plan, makeStage: MakeStage): PlanResult {
  const stage = makeStage(plan);
  const { bench } = stage;
  for (const fault of plan.faults) {
    if (fault.kind === "stick") bench.stick(fault.address, fault.mask, fault.value);
  }
  bench.checkers.mayFallBack = plan.faults.some(mayDamage);
  bench.checkers.mayLackNetwork = stage.ending === "no-network" && plan.faults.some(mayRuin);
  bench.plan(plan.network);
  const interruptedBefore = bench.interrupted;
  const violations: Violation[] = [];
  const incidents: Incident[] = [];
  let rest = stage.start;
  let calm = 0;
  let settled = "";
  while (calm < bootsMax && violations.length === 0 && settled === "") {
    const outcome = bench.boot(rest, plan.faults);
    violations.push(...outcome.violations);
    incidents.push(...outcome.incidents);
    rest = outcome.rest;
    // A faulty boot may be followed by more of them; only calm ones count towards the bound.
    calm = outcome.interrupted ? 0 : calm + 1;
    if (outcome.end === "settled") {
      settled = outcome.imageHex;
      bench.options.onLine?.(rest.atMs, "at rest");
    } else if (outcome.end === "time" || outcome.end === "dead") break;
  }
  if (settled === "" && violations.length === 0 && !mayStay(stage, plan.faults)) {
    violations.push({ promise: "P6", atMs: rest.atMs, text: "the device does not settle" });
  }
  if (violations.length === 0 && settled !== "") {
    violations.push(...judgeSettled(stage, plan, rest, settled));
    if (!mayStay(stage, plan.faults)) violations.push(...cycle(stage, plan, rest, settled));
  }
  const interrupted = bench.interrupted - interruptedBefore;
  const { boots } = rest;
  return { line: printPlan(plan), violations, rest, boots, interrupted, incidents };
}

/**
 * P5: the same image runs after the supply was off once more, and nothing is left to do. Where
 * flash has lied or rotted, only now it may come to light: then the device must settle again.
 */
function cycle(stage: Stage, plan: Plan, rest: Rest, imageHex: string): readonly Violation[] {
  const { bench } = stage;
  const isDamaged = plan.faults.some(mayDamage);
  bench.plan([]);
  const late = plan.faults.filter((one) => one.kind === "stick" || one.kind === "server");
  let at: Rest = { ...rest, reason: "power-on" };
  bench.options.onLine?.(0, "the supply is switched off and on");
  for (let boots = 0; boots < bootsMax; boots++) {
    const again = bench.boot(at, late);
    const found = again.violations.slice();
    at = again.rest;
    if (again.end === "reset" && isDamaged && found.length === 0) continue;
    const mayRot = plan.faults.some(mayRuin);
    // A confirm that flash had lost is repaired now.
    const isRepaired = isDamaged && again.imageHex === at.checkers.confirmedHex;
    const isOld = mayRot && bench.imageOf(again.imageHex) !== null;
    const text =
      again.end !== "settled"
        ? `after the supply was off, the boot ended with "${again.end}"`
        : again.imageHex === imageHex || isOld || isRepaired
          ? ""
          : "after the supply was off, another image runs";
    if (text !== "") found.push({ promise: "P5", atMs: at.atMs, text });
    return found;
  }
  return [{ promise: "P6", atMs: at.atMs, text: "after the supply was off, no end" }];
}
