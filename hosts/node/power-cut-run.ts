/** One run of `everyPowerCut`: the sweep in guarded slices, and the stories of what it found. */
import type { Violation } from "../simulator/checkers.js";
import { type Plan, parsePlan, printPlan } from "../simulator/plan.js";
import { type PlanResult, runPlan, UnreadyDevice } from "../simulator/run-plan.js";
import { Sweep, type SweepFailure } from "../simulator/sweep.js";
import type { Stage } from "../simulator/verdicts.js";
import type { Incident } from "../simulator/witness.js";
import { makeStage, type StageOptions } from "./bench.js";
import { DeskGuard, EndlessLoop } from "./desk-guard.js";
import type { FirmwareWatch } from "./firmware-watch.js";
import { type Finding, findingsOf } from "./power-cut-causes.js";
import { findingText, storyOf, timelineLine } from "./power-cut-words.js";

/** Real time between two looks at the rest of this process. */
const sliceMs = 250;
/** Failures after which a sweep has seen enough. */
const failuresMax = 2000;
const findingsMax = 10;

/** A history as it was replayed. */
export interface Replay {
  readonly violations: readonly Violation[];
  readonly boots: number;
  readonly interrupted: number;
  readonly incidents: readonly Incident[];
  /** Where the supply failed, in words. */
  readonly cuts: readonly string[];
  /** All that happened, line by line. */
  readonly timeline: readonly string[];
}

export interface ToldFinding extends Finding {
  readonly text: string;
  readonly story: string;
}

export class PowerCutRun {
  histories = 0;
  boots = 0;
  interrupted = 0;
  /** Causes that were found; the weightiest ten are told. */
  causes = 0;
  /** Why not every cut was tried; "" when all were. */
  unfinished = "";
  readonly #plan: Plan;
  readonly #options: StageOptions;
  readonly #watch: FirmwareWatch;
  readonly #guard: DeskGuard;
  readonly #failures: SweepFailure[] = [];
  /** The old firmware has come to rest, and the update may begin. */
  #isReady = false;

  constructor(plan: Plan, options: StageOptions, watch: FirmwareWatch, loopTimeoutMs: number) {
    this.#plan = plan;
    this.#watch = watch;
    this.#guard = new DeskGuard(loopTimeoutMs + sliceMs, watch.random);
    this.#options = { ...options, witness: watch, runJobs: this.#guard.runJobs };
  }

  /** Throws RangeError for images that no device can run. */
  async sweep(isPairs: boolean): Promise<ToldFinding[]> {
    let sweep: Sweep | null = null;
    try {
      const stage = await this.#guard.run(() => makeStage(this.#plan, this.#options));
      this.#isReady = true;
      sweep = await this.#guard.run(() => new Sweep(stage, this.#plan, failuresMax));
      if (sweep.settles) await this.#cuts(sweep, isPairs);
      else this.unfinished = "no cut was tried: first mend what fails without one";
      if (sweep.isOver) this.unfinished = "too much fails: not every cut was tried";
      this.#failures.push(...sweep.failures);
    } catch (error) {
      this.#failures.push(...(sweep?.failures ?? []), this.#broken(error, sweep));
      this.unfinished = "not every cut was tried, for this ended the sweep";
    }
    if (sweep !== null) {
      this.histories = sweep.counts.plans;
      this.boots = sweep.counts.executed;
      this.interrupted = sweep.counts.interrupted;
    }
    const findings = findingsOf(this.#failures, this.#plan.ending);
    this.causes = findings.length;
    const told: ToldFinding[] = [];
    for (const finding of findings.slice(0, findingsMax)) told.push(await this.#told(finding));
    return told;
  }

  async #cuts(sweep: Sweep, isPairs: boolean): Promise<void> {
    const firsts = await this.#slices(sweep.singleCuts());
    if (isPairs) await this.#slices(sweep.pairsOfCuts(0, firsts.length, () => sweep.isOver));
  }

  async #slices<T>(steps: Generator<void, T>): Promise<T> {
    while (true) {
      const last = await this.#guard.run(() => {
        const endMs = performance.now() + sliceMs;
        let step = steps.next();
        while (step.done !== true && performance.now() < endMs) step = steps.next();
        return step;
      });
      if (last.done === true) return last.value;
    }
  }

  /** The failure of a boot that never returned, or of a device that was never ready. */
  #broken(error: unknown, sweep: Sweep | null): SweepFailure {
    const faults = sweep?.running ?? [];
    const at = { faults, line: printPlan({ ...this.#plan, faults }), histories: 1 };
    if (error instanceof EndlessLoop) {
      const incident = this.#watch.endlessLoop();
      const violation = { promise: "P6" as const, atMs: 0, text: incident.text };
      return { ...at, violation, trail: [incident] };
    }
    if (!(error instanceof UnreadyDevice)) throw error;
    const violation = { promise: "P6" as const, atMs: 0, text: error.message };
    return { ...at, violation, trail: error.incidents };
  }

  async #told(finding: Finding): Promise<ToldFinding> {
    const { cuts, timeline, violations } = await this.replay(finding.line);
    const { ending } = this.#plan;
    const plain = this.#isReady ? "fails without any cut" : "fails before the update begins";
    const where = finding.faults.length === 0 ? plain : cuts.join(", then ");
    const text = findingText(finding, where, ending);
    const story = storyOf(finding, text, timeline, ending);
    const differs = "  The replay broke no promise: the firmware does not act the same each time.";
    return { ...finding, text, story: violations.length > 0 ? story : `${story}\n${differs}` };
  }

  /** Runs one history. Throws RangeError for a line that does not name one. */
  async replay(line: string, onLine?: (atMs: number, line: string) => void): Promise<Replay> {
    const plan = parsePlan(line);
    const timeline: string[] = [];
    const cuts: string[] = [];
    const incidents: Incident[] = [];
    let nowMs = 0;
    const tell = (atMs: number, text: string): void => {
      nowMs = atMs;
      const words = timelineLine(atMs, text);
      if (words !== null) timeline.push(words);
      const cut = /^reset \([\w-]+\): (cut .*)$/.exec(text)?.[1];
      if (cut !== undefined) cuts.push(cut);
      onLine?.(atMs, text);
    };
    this.#watch.onIncident = (incident) => {
      incidents.push(incident);
      tell(nowMs, `! ${incident.text}`);
    };
    this.#watch.onStep = (text) => tell(nowMs, text);
    const begin = (): Stage => {
      const stage = makeStage(plan, { ...this.#options, onLine: tell });
      // What happened before the history began is told where it never began.
      timeline.length = 0;
      incidents.length = 0;
      return stage;
    };
    let result: Pick<PlanResult, "violations" | "boots" | "interrupted">;
    try {
      result = await this.#guard.run(() => runPlan(plan, begin));
    } catch (error) {
      const { violation, trail } = this.#broken(error, null);
      if (error instanceof EndlessLoop) tell(nowMs, `! ${trail[0].text}`);
      result = { violations: [violation], boots: 0, interrupted: 0 };
    } finally {
      this.#watch.onIncident = null;
      this.#watch.onStep = null;
    }
    const { violations, boots, interrupted } = result;
    return { violations, boots, interrupted, incidents, cuts, timeline };
  }
}
