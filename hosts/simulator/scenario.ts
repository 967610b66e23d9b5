/** The standard run of `daruma simulate`: a forged offer, a new release, and a quiet time after. */
import { hex } from "../../src/bytes.js";
import type { PromiseId } from "./checkers.js";
import { type SimulatedRelease, Simulation, type SimulationOptions } from "./simulation.js";

export interface ScenarioOptions extends SimulationOptions {
  readonly next: SimulatedRelease;
  /** An envelope for the next release whose signature is not by the trust anchor. */
  readonly forged: SimulatedRelease;
}

export interface PromiseVerdict {
  readonly promise: PromiseId;
  readonly held: boolean;
  /** What was violated, or what was looked at. */
  readonly text: string;
}

export interface ScenarioResult {
  readonly simulation: Simulation;
  readonly verdicts: readonly PromiseVerdict[];
  /**
   * True when every promise held and the run ended as the behaviour of the new firmware demands.
   */
  readonly passed: boolean;
  /** "updated" or "failed" as reported for the new release; "none" without a report. */
  readonly result: string;
  readonly reason: string;
  readonly boots: number;
  readonly durationMs: number;
  readonly payloadBytes: number;
  readonly keyValueWrites: number;
  readonly newImageRuns: boolean;
}

const promises: readonly { readonly id: PromiseId; readonly text: string }[] = Object.freeze([
  { id: "P1", text: "every boot ran a released image, byte for byte" },
  { id: "P2", text: "the last confirmed image was never erased or written" },
  { id: "P3", text: "no unconfirmed image became permanent" },
  { id: "P4", text: "the sequence floor never fell" },
  { id: "P5", text: "the confirmed image is the one that runs" },
  { id: "P6", text: "the device settled within 32 boots and two virtual hours" },
  { id: "P7", text: "each release has exactly one final result" },
  { id: "P8", text: "refused releases cost no flash operation and no payload byte" },
]);

const settleMs = 7_200_000;
const quietMs = 300_000;

export function runScenario(options: ScenarioOptions): ScenarioResult {
  const simulation = new Simulation(options);
  const { checkers } = simulation;
  const digestOf = (release: SimulatedRelease): string => {
    const info = options.describe(release.envelope);
    if (info === null) throw new RangeError(`${release.name} is not an envelope`);
    return hex(info.manifestDigest);
  };
  const hasReport = (manifestDigest: string): boolean =>
    simulation.reports().some((one) => one.manifestDigest === manifestDigest);
  const settle = (what: string, until: () => boolean): void => {
    const end = simulation.run(until, settleMs, 32);
    if (end !== "until") checkers.unsettled(`${what}: the run ended with "${end}"`);
  };
  const installed = digestOf(options.installed);
  simulation.publish(options.installed);
  settle("first poll", () => hasReport(installed));

  checkers.refusalBegins(simulation.payloadBytes());
  simulation.publish(options.forged);
  const refusals = (): number =>
    simulation.reports().filter((one) => one.result === "refused").length;
  settle("forged offer", () => refusals() > 0);
  simulation.withdraw(options.forged.name);
  checkers.refusalEnds(simulation.payloadBytes());

  const wanted = digestOf(options.next);
  simulation.publish(options.next);
  settle("new release", () => hasReport(wanted));
  // Quiet: nothing may be fetched or written again, whatever the server goes on offering.
  simulation.run(() => false, 1000);
  checkers.refusalBegins(simulation.payloadBytes());
  simulation.run(() => false, quietMs);
  checkers.refusalEnds(simulation.payloadBytes());
  checkers.settled();
  checkers.reported(simulation.reports(), [installed, wanted]);
  return conclude(simulation, options, wanted);
}

function conclude(
  simulation: Simulation,
  options: ScenarioOptions,
  wanted: string,
): ScenarioResult {
  const violations = simulation.violations();
  const verdicts = promises.map(({ id, text }) => {
    const violation = violations.find((one) => one.promise === id);
    return { promise: id, held: violation === undefined, text: violation?.text ?? text };
  });
  const report = simulation.reports().find((one) => one.manifestDigest === wanted);
  const newImageRuns = simulation.runs(options.next.image);
  const isHealthy = options.next.behaviour === "healthy";
  const endsRight =
    newImageRuns === isHealthy && report?.result === (isHealthy ? "updated" : "failed");
  return {
    simulation,
    verdicts,
    passed: violations.length === 0 && endsRight,
    result: report?.result ?? "none",
    reason: report?.reason ?? "none",
    boots: simulation.board.boots,
    durationMs: Math.round(simulation.world.nowMs),
    payloadBytes: simulation.payloadBytes(),
    keyValueWrites: simulation.keyValue.writes,
    newImageRuns,
  };
}
