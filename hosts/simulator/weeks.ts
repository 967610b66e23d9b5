/**
 * Hours to weeks under one bad habit, then its end. While it lasts, nothing may cost more than
 * wear-watch.ts allows, and no release may be condemned for what it did not do; after it the device
 * must be up to date within hours of uptime.
 */
import { hex } from "../../src/bytes.js";
import type { Violation } from "./checkers.js";
import type { Habit, Scene } from "./habit.js";
import { type HabitName, habitNames, habits } from "./habits.js";
import { Prng } from "./prng.js";
import type { SimulatedRelease, Simulation, SimulationOptions } from "./simulation.js";
import type { WearWatch } from "./wear-watch.js";

/** One run; `printWeeks` makes the line that replays it. */
export interface WeeksPlan {
  readonly habit: HabitName;
  readonly seed: number;
  /** How long the habit lasts. */
  readonly hours: number;
  /** Between two polls, in minutes. */
  readonly pollMinutes: number;
}

export interface WeeksResult {
  readonly plan: WeeksPlan;
  /** The most that any day or week has cost. */
  readonly most: WearWatch["most"];
  /** From the end of the habit until the newest release was kept; -1 when it never was. */
  readonly recoveryHours: number;
  readonly boots: number;
  readonly violations: readonly Violation[];
}

/** What a host gives: simulations with its own digests, releases with its own keys. */
export interface WeeksHost {
  simulation(
    options: Pick<
      SimulationOptions,
      "seed" | "intercept" | "agent" | "onProgress" | "wear" | "verificationMs" | "build"
    >,
  ): Simulation;
  release(sequenceNumber: number, behaviour: SimulatedRelease["behaviour"]): SimulatedRelease;
  forgery(seed: number): Uint8Array;
}

const hourMs = 3_600_000;
const bootsMax = 1_000_000;

export function printWeeks({ habit, seed, hours, pollMinutes }: WeeksPlan): string {
  return `weeks ${habit} ${seed} ${hours}h ${pollMinutes}min`;
}

/** Throws RangeError for a text that `printWeeks` does not make. */
export function parseWeeks(line: string): WeeksPlan {
  const found = /^weeks ([a-z0-9-]+) (\d{1,9}) (\d{1,5})h (\d{1,4})min$/.exec(line.trim());
  const habit = habitNames.find((one) => one === found?.[1]);
  if (found === null || habit === undefined) {
    throw new RangeError(`"${line}" is not a run of weeks: ${habitNames.join(", ")}`);
  }
  const [seed, hours, pollMinutes] = found.slice(2).map(Number);
  if (hours < 1 || pollMinutes < 1) throw new RangeError(`"${line}": hours and minutes from 1 on`);
  return { habit, seed, hours, pollMinutes };
}

/** Runs `plan`; `onLine` gets what happens, with the milliseconds since the start. */
export function runWeeks(
  plan: WeeksPlan,
  host: WeeksHost,
  onLine?: (atMs: number, line: string) => void,
): WeeksResult {
  const run = new WeeksRun(plan, host);
  const result = run.all();
  for (const { atMs, text } of run.simulation.timeline) onLine?.(atMs, text);
  return result;
}

class WeeksRun implements Scene {
  readonly simulation: Simulation;
  readonly random: Prng;
  readonly #plan: WeeksPlan;
  readonly #host: WeeksHost;
  readonly #habit: Habit;
  readonly #releases = new Map<number, SimulatedRelease>();
  readonly #found: Violation[] = [];
  #offered = new Set<number>();
  #newest = 2;
  #isOn = false;
  #forgeries = 0;
  state = "ready";
  steps = 0;

  constructor(plan: WeeksPlan, host: WeeksHost) {
    this.#plan = plan;
    this.#host = host;
    this.#habit = habits[plan.habit];
    this.random = new Prng(plan.seed);
    const { verificationMs, watchdogTimeoutMs, isUnguarded = false } = this.#habit;
    this.simulation = host.simulation({
      seed: plan.seed,
      wear: this.#habit.wear ?? {},
      ...(verificationMs === undefined ? {} : { verificationMs }),
      build: { bootloaderRollback: !isUnguarded, appRollback: !isUnguarded },
      agent: {
        pollIntervalMs: plan.pollMinutes * 60_000,
        allowWithoutRollback: isUnguarded,
        ...(watchdogTimeoutMs === undefined ? {} : { watchdogTimeoutMs }),
      },
      intercept: (request, delivery) => {
        if (this.#isOn) this.#habit.answer?.(request, delivery, this);
      },
      onProgress: ({ state }) => {
        this.state = state;
      },
    });
  }

  release = (sequenceNumber: number): SimulatedRelease => {
    let release = this.#releases.get(sequenceNumber);
    if (release === undefined) {
      const behaviour = this.#isOn ? (this.#habit.behaviour ?? "healthy") : "healthy";
      release = this.#host.release(sequenceNumber, behaviour);
      this.#releases.set(sequenceNumber, release);
    }
    this.#newest = Math.max(this.#newest, sequenceNumber);
    return release;
  };

  offer = (sequenceNumber: number): void => {
    for (const other of this.#offered) this.simulation.withdraw(this.release(other).name);
    this.simulation.publish(this.release(sequenceNumber));
    this.#offered = new Set([sequenceNumber]);
  };

  forgery = (isSame = false): Uint8Array => {
    if (!isSame) this.#forgeries++;
    return this.#host.forgery(this.#plan.seed * 100_000 + this.#forgeries);
  };

  all(): WeeksResult {
    this.simulation.run(() => this.simulation.reports().length > 0, hourMs);
    this.#isOn = true;
    this.offer(this.#habit.first ?? 2);
    this.#last(this.#plan.hours * hourMs);
    // What was offered last has its time, too.
    if (this.#habit.keepsUp === true) {
      this.simulation.run(() => false, (1 + this.#plan.pollMinutes / 30) * hourMs, bootsMax);
    }
    this.#judge();
    this.#isOn = false;
    const { behaviour, recoveryHours = 24 } = this.#habit;
    // A release that can never be kept is followed by one that can.
    const { isFollowed = behaviour !== undefined } = this.#habit;
    this.offer(isFollowed ? this.#newest + 1 : this.#newest);
    const recovered = this.#recover(recoveryHours);
    return {
      plan: this.#plan,
      most: { ...this.simulation.wear.most },
      recoveryHours: recovered,
      boots: this.simulation.boots.length,
      violations: [...this.simulation.violations(), ...this.#found],
    };
  }

  /** The habit goes on for so long. */
  #last(durationMs: number): void {
    const { world } = this.simulation;
    const { stepMs = durationMs, when } = this.#habit;
    const endMs = world.nowMs + durationMs;
    while (world.nowMs < endMs) {
      const isDue = (): boolean => when?.(this) ?? false;
      const end = this.simulation.run(isDue, Math.min(stepMs, endMs - world.nowMs), bootsMax);
      if (end === "dead" || end === "stuck") return;
      const nextMs = world.nowMs;
      this.#habit.step?.(this);
      this.steps++;
      // A step that is due again at once must not stop the time.
      if (when !== undefined && end === "until") this.simulation.run(() => false, 1000, bootsMax);
      else if (world.nowMs === nextMs && end === "time") this.#pass(endMs);
    }
  }

  /** Time goes on though nothing happens before the next step. */
  #pass(endMs: number): void {
    const { world } = this.simulation;
    const { stepMs = endMs } = this.#habit;
    world.advance(Math.max(0, Math.min(this.steps * stepMs, endMs) - world.nowMs));
  }

  #judge(): void {
    const { simulation } = this;
    const { trialsMax, isOwnFault = false } = this.#habit;
    const imageHex = hex(this.release(2).image.slice(-32));
    const trials = simulation.boots.filter((one) => one.imageHex === imageHex).length;
    if (trialsMax !== undefined && trials > trialsMax) {
      this.#violated("P6", `release 2 was tried ${trials} times, ${trialsMax} are allowed`);
    }
    const isBad = simulation.keyValue.entries("daruma").has("bad");
    if (isBad && !isOwnFault) this.#violated("P11", "a release was condemned for no fault of it");
    if (isOwnFault && !isBad) this.#violated("P6", "a release that is bad was not remembered");
    this.#judgeResults();
  }

  #judgeResults(): void {
    const { simulation } = this;
    const { keepsUp = false, isTold = false, isDropped = false } = this.#habit;
    const newest = this.release(this.#newest);
    if (keepsUp && !simulation.runs(newest.image)) {
      this.#violated("P6", `release ${this.#newest} does not run, though nothing was in its way`);
    }
    const isFailed = simulation.reports().some((one) => one.result === "failed");
    if (isTold && !isFailed) this.#violated("P7", "the server never heard that release 2 failed");
    const isLong = this.#plan.hours >= 24;
    if (isDropped && isLong && simulation.keyValue.entries("daruma").has("result")) {
      this.#violated("P7", "a result that nobody takes is kept for ever");
    }
  }

  /** Hours until the newest release is kept and told. */
  #recover(limitHours: number): number {
    const { simulation } = this;
    const newest = this.release(this.#newest);
    const fromMs = simulation.world.nowMs;
    const isKept = (): boolean =>
      simulation.runs(newest.image) &&
      // Given up before: nobody took it.
      (this.#habit.isDropped === true || isTold());
    const isTold = (): boolean =>
      simulation
        .reports()
        .some((one) => one.sequenceNumber === this.#newest && one.result === "updated");
    const end = simulation.run(isKept, limitHours * hourMs, bootsMax);
    const hours = (simulation.world.nowMs - fromMs) / hourMs;
    if (end === "until") return hours;
    this.#violated("P6", `not up to date ${limitHours} h after the habit ended: "${end}"`);
    return -1;
  }

  #violated(promise: Violation["promise"], text: string): void {
    this.#found.push({ promise, atMs: this.simulation.world.nowMs, text });
  }
}
