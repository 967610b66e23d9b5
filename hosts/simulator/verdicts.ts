/**
 * How a run must end: judged from the last rest, the wire and the image that runs, never inside.
 */

import { hex } from "../../src/bytes.js";
import type { Reason } from "../../src/reasons.js";
import type { StoredReport } from "../../src/server/report.js";
import type { Bench } from "./bench.js";
import {
  attemptsMax,
  damagesMax,
  lossBytesMax,
  progressStepBytes,
  updateWritesMax,
} from "./bounds.js";
import type { PromiseId, Violation } from "./checkers.js";
import { blockBytes } from "./flash.js";
import { type Ending, type Fault, isRefused, type Plan } from "./plan.js";
import type { BootEnd } from "./reset-reasons.js";
import type { Rest } from "./rest.js";

/** A prepared bench: where its plans begin and which release they are about. */
export interface Stage {
  readonly bench: Bench;
  readonly ending: Ending;
  readonly start: Rest;
}

/** What a run is to be judged for. */
export type Cause = Pick<Plan, "faults" | "network">;

/** Boots from the last fault until the device has settled. */
export const bootsMax = 14;

/** Failures that are not the release's own: a few more attempts may follow, each reported. */
const attemptAgain: readonly string[] = Object.freeze([
  "image-digest-mismatch",
  "flash-failed",
  "image-header-mismatch",
  "stage-failed",
  "stage-lost",
  "journal-failed",
  // The server changed its mind, and may do so again.
  "withdrawn",
]);
/** Reasons of an attempt that network and developer may cause again and again. */
const outside: readonly string[] = Object.freeze(["superseded", "download-failed"]);

/** Resets that tell nothing of the image that ran. */
const supplyEnds: readonly BootEnd[] = Object.freeze(["power-on", "brown-out"]);

/** Losses of supply up to which a healthy release must still be installed (reconcile.ts). */
const sureCuts = 2;

/** Violations of a settled run; `imageHex` is the image of its last boot. */
export function judgeSettled(
  stage: Stage,
  cause: Cause,
  rest: Rest,
  imageHex: string,
): Violation[] {
  const found: Violation[] = [];
  const violated = (promise: PromiseId, text: string): void => {
    found.push({ promise, atMs: rest.atMs, text });
  };
  const { faults } = cause;
  const image = stage.bench.imageOf(imageHex);
  if (image === null) violated("P1", "no released image runs at the end");
  // Where flash lied or rotted, what was confirmed may be gone; a later boot repairs it or says so.
  if (imageHex !== rest.checkers.confirmedHex && !faults.some(mayDamage)) {
    violated("P5", "another image was confirmed last than the one that runs");
  }
  judgeReports(stage, cause, rest, imageHex, violated);
  judgeCosts(stage, cause, rest, violated);
  return found;
}

/** Faults that may destroy an image for good. */
export function mayRuin({ kind }: Fault): boolean {
  return kind === "rot" || kind === "stick";
}

/**
 * True where no agent could bring the device to an end: the confirmed image has rotted away, and
 * what else boots crashes or has no network; or the record of an attempt was lost with its result.
 */
export function mayStay({ bench, ending }: Stage, faults: readonly Fault[]): boolean {
  if (faults.some((one) => one.kind === "lost" && one.key === "attempt")) return true;
  const isLost = faults.some(mayRuin) && !bench.checkers.keepsConfirmed;
  return isLost && ["crash", "hang", "no-network", "brown-out"].includes(ending);
}

/** Faults that may destroy a good image or its record behind the agent's back. */
export function mayDamage(fault: Fault): boolean {
  if (fault.kind === "cut") return fault.cut.silent === true;
  return fault.kind !== "server";
}

function judgeReports(
  stage: Stage,
  cause: Cause,
  rest: Rest,
  imageHex: string,
  violated: (promise: PromiseId, text: string) => void,
): void {
  const { bench, ending } = stage;
  const { faults } = cause;
  if (rest.offered < 0) return;
  const index = rest.offered;
  const own = rest.reports.filter((one) => bench.isAbout(one, index));
  const repairs = own.filter((one) => one.reason === "repaired");
  const results = own.filter((one) => one.reason !== "repaired");
  const named = results.map((one) => `${one.result} (${one.reason})`).join(", ");
  if (isRefused(ending) && index === stage.start.offered) {
    return judgeRefused(stage, cause, rest, imageHex, results, violated);
  }
  const excused = cause.network.length > 0 || faults.some((one) => one.kind === "cable");
  const again = results.filter(
    ({ reason }) => attemptAgain.includes(reason) || (excused && outside.includes(reason)),
  ).length;
  // An image that was kept and told may be lost all the same, which is a result of its own.
  const finals = 1 + faults.filter(mayRepeat).length;
  const isOne = isMild(cause) ? results.length === 1 : results.length - again <= finals;
  if (!isOne || results.length === 0 || again > attemptsMax) {
    violated("P7", `${results.length} results for one attempt: ${named}`);
  }
  if (repairs.length > faults.length) violated("P7", `${repairs.length} repairs were reported`);
  const last = results.at(-1);
  if (last === undefined) return;
  const wanted = hex(bench.options.releases[index].image.slice(-32));
  const runs = imageHex === wanted;
  // A rejected image may run where the confirmed one has rotted away: nothing else boots.
  const isLost = faults.some(mayRuin) && !bench.checkers.keepsConfirmed;
  if ((last.result === "updated") !== runs && !(isLost && runs)) {
    violated("P7", `${last.result} (${last.reason}), but it ${runs ? "runs" : "does not run"}`);
  }
  if (!mayEnd(stage, cause, last, index)) {
    violated("P6", `a ${ending} release ended as ${last.result} (${last.reason})`);
  }
}

/** P8: a release that nobody may take costs nothing; each boot tells once that it was refused. */
function judgeRefused(
  { bench, ending, start }: Stage,
  cause: Cause,
  rest: Rest,
  imageHex: string,
  results: readonly StoredReport[],
  violated: (promise: PromiseId, text: string) => void,
): void {
  const { faults, network } = cause;
  if (imageHex === hex(bench.options.releases[rest.offered].image.slice(-32))) {
    violated(ending === "older" ? "P4" : "P8", `a release that is ${ending} runs`);
  }
  if (faults.every(({ kind }) => kind !== "server") && rest.payloadBytes > start.payloadBytes) {
    violated("P8", `a release that is ${ending} cost ${rest.payloadBytes} bytes of payload`);
  }
  const named = results.map((one) => `${one.result} (${one.reason})`).join(", ");
  if (results.some((one) => one.result !== "refused")) violated("P7", `refused, but ${named}`);
  else if (isMild(cause) && results.some((one) => one.reason !== usualReasons[ending])) {
    violated("P7", `a release that is ${ending} was ${named}`);
  }
  // An answer that was lost is told again.
  if (network.length === 0 && results.length > rest.boots) {
    violated("P7", `${results.length} times refused in ${rest.boots} boots`);
  }
}

/**
 * Rot destroys an image, a cable replaces it, a lost record may be the one that knows it; and a
 * crash of the chip may end the trial of one that is put back.
 */
function mayRepeat(fault: Fault): boolean {
  if (fault.kind === "cut") return !supplyEnds.includes(fault.reset);
  return fault.kind === "rot" || fault.kind === "cable" || fault.kind === "lost";
}

/** Which results a plan may have. */
function mayEnd(stage: Stage, cause: Cause, report: StoredReport, index: number): boolean {
  const ending = index === stage.start.offered ? stage.ending : "healthy";
  const { faults, network } = cause;
  if (isMild(cause)) return report.reason === usualReasons[ending];
  // Many faults may also look like a bootloader that cannot revert: then updates are refused.
  if (ending !== "healthy" && ending !== "installed") return report.result !== "updated";
  // One fault of the flash must be made good, unless a bit is stuck for ever.
  const isOne =
    faults.length === 1 &&
    network.length === 0 &&
    (isSilent(faults[0]) || faults[0].kind === "rot");
  return report.result === "updated" || !isOne;
}

/** How each ending is told when nothing else interferes than a few losses of supply. */
const usualReasons: Readonly<Record<Ending, Reason>> = Object.freeze({
  healthy: "confirmed",
  crash: "crashed",
  hang: "watchdog-reset",
  "fail-test": "self-test-failed",
  "no-network": "server-unreachable",
  "brown-out": "brown-out",
  refused: "signature-invalid",
  installed: "already-installed",
  older: "sequence-too-low",
  "other-vendor": "vendor-mismatch",
  "other-class": "class-mismatch",
  "other-chip": "chip-mismatch",
  "too-big": "image-too-big",
});

/** True for a few clean losses of supply: they alone never cost a good release its installation. */
export function isMild({ faults, network }: Cause): boolean {
  return (
    network.length === 0 &&
    faults.length <= sureCuts &&
    faults.every((one) => one.kind === "cut" && one.cut.silent !== true && one.reset === "power-on")
  );
}

/** P9: what the run has cost. Faults explain what they may have destroyed, and no more. */
function judgeCosts(
  stage: Stage,
  { faults, network }: Cause,
  rest: Rest,
  violated: (promise: PromiseId, text: string) => void,
): void {
  const { layout, releases } = stage.bench.options;
  const cuts = faults.filter((one) => one.kind === "cut").length;
  // A fault of the flash may cost every attempt and every try in it; a newer release one image.
  const newer = faults.filter((one) => one.kind === "server").length;
  const answers = network.reduce((sum, { count }) => sum + count, 0);
  const others = faults.length - cuts - newer + faults.filter(isSilent).length + answers;
  const images = 1 + newer + (others === 0 ? 0 : others + attemptsMax * damagesMax);
  const slots = layout.partitions.filter((one) => one.type === 0);
  for (const { offset, sizeBytes, label } of slots) {
    for (let at = offset; at < offset + sizeBytes; at += blockBytes) {
      const block = at / blockBytes;
      const erases = rest.flash.blocks[block].erases - stage.start.flash.blocks[block].erases;
      if (erases > images + cuts) {
        violated("P9", `block ${(at - offset) / blockBytes} of ${label}: ${erases} erases`);
        return;
      }
    }
  }
  const imageBytes = Math.max(...releases.map((one) => one.image.length));
  const lossBytes = Math.min(lossBytesMax, imageBytes);
  const allowedBytes = images * imageBytes + cuts * lossBytes;
  if (rest.payloadBytes > allowedBytes) {
    violated("P9", `${rest.payloadBytes} bytes of payload, ${allowedBytes} are explained`);
  }
  if (faults.length === 0 && network.length === 0) {
    const progress = Math.ceil(imageBytes / progressStepBytes);
    const allowedWrites = updateWritesMax + progress + adoptionWrites(stage);
    if (rest.keyValueWrites > allowedWrites) {
      violated("P9", `${rest.keyValueWrites} key-value writes, ${allowedWrites} are allowed`);
    }
  }
}

/** A device from the factory first records what it runs; a failure is remembered in one record. */
function adoptionWrites(stage: Stage): number {
  return (stage.ending === "healthy" ? 0 : 1) + (stage.start.reports.length === 0 ? 1 : 0);
}

function isSilent(fault: Fault): boolean {
  return fault.kind === "cut" && fault.cut.silent === true;
}
