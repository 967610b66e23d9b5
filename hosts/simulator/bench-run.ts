/** One boot on the bench, run until it ends or the device has settled. */
import type { Board } from "./board.js";
import type { BenchEnd } from "./rest.js";
import type { World } from "./world.js";

/** A boot may take this much virtual time until it ends or settles: the longest retry and more. */
const bootMsMax = 7_200_000;
/** Events of one boot: a large image takes a few hundred, two hours of polls a few thousand. */
const stepsMax = 50_000;
/** Observed after the device has settled: more than two polls. */
const quietMs = 140_000;
/** What the run asks of its bench. */
export interface RunWatch {
  readonly hasEnded: () => boolean;
  readonly isSettled: () => boolean;
  /** Operations and requests of this boot so far. */
  readonly operations: () => number;
  readonly requests: () => number;
  readonly unsettled: (text: string) => void;
  /** The faults of the network may last so long. */
  readonly patienceMs: number;
}

export function runUntilSettled(board: Board, world: World, watch: RunWatch): BenchEnd {
  const limits = {
    untilMs: bootMsMax + watch.patienceMs,
    bootsMax: Number.POSITIVE_INFINITY,
    until: watch.isSettled,
  };
  while (true) {
    const end = steps(board, limits, watch.hasEnded);
    if (end !== "settled") return end;
    // Quiet: whatever the server goes on offering, nothing may be fetched or written again.
    const done = watch.operations();
    const asked = watch.requests();
    const quiet = {
      ...limits,
      untilMs: world.nowMs + quietMs,
      until: () => watch.operations() !== done,
    };
    const after = steps(board, quiet, watch.hasEnded);
    if (after === "reset") return after;
    // It began another attempt: the next end is the one to judge.
    if (after === "settled") continue;
    if (watch.requests() === asked) watch.unsettled("the device has stopped to ask for offers");
    return "settled";
  }
}

function steps(
  board: Board,
  limits: Parameters<Board["step"]>[0],
  hasEnded: () => boolean,
): BenchEnd {
  // Time may stand still while a firmware sets timer after timer: steps are bounded, too.
  const most = (stepsMax * limits.untilMs) / bootMsMax;
  for (let step = 0; step < most; step++) {
    const reached = board.step(limits);
    if (hasEnded()) return "reset";
    if (reached === "until") return "settled";
    if (reached === "dead") return "dead";
    if (reached !== null) return "time";
  }
  return "time";
}
