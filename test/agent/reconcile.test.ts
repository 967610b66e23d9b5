import { test } from "uvu";
import * as assert from "uvu/assert";
import { next } from "../../src/agent/machine.js";
import {
  type Facts,
  type Outcome,
  powerTrialsMax,
  type Running,
  reconcile,
  restagesMax,
  returnsMax,
} from "../../src/agent/reconcile.js";
import type { ResetReason, SlotState } from "../../src/hal.js";
import { type Phase, phases } from "../../src/journal/records.js";
import { isReason } from "../../src/reasons.js";

const slotStates: readonly SlotState[] = [
  "new",
  "pending-verify",
  "valid",
  "invalid",
  "aborted",
  "undefined",
  "none",
];
const resets: readonly ResetReason[] = [
  "unknown",
  "power-on",
  "external",
  "software",
  "panic",
  "interrupt-watchdog",
  "task-watchdog",
  "watchdog",
  "deep-sleep",
  "brown-out",
  "other",
];
const runnings: readonly Running[] = ["confirmed", "candidate", "previous", "rejected", "unknown"];
const allPhases: readonly (Phase | null)[] = [null, ...Object.values(phases)];
const bools = [false, true] as const;
/** What an earlier boot may have found of the trial. */
const endings = ["", "crashed", "power-unstable"] as const;
const none = [""] as const;

/** Every combination of facts; the counters with their classes: below, last, and past the limit. */
function* everyFacts(): Generator<Facts> {
  for (const phase of allPhases)
    for (const running of runnings)
      for (const runningState of slotStates)
        for (const targetState of slotStates)
          for (const resetReason of resets)
            for (const targetRuns of bools)
              for (const imageWritten of bools)
                for (const powerTrials of [0, powerTrialsMax - 1, powerTrialsMax])
                  for (const restages of [0, restagesMax - 1, restagesMax])
                    for (const unguarded of bools)
                      for (const returns of [0, returnsMax])
                        for (const hasConfirmed of bools)
                          for (const reverted of phase === phases.staging ? endings : none)
                            yield {
                              phase,
                              running,
                              runningState,
                              targetState,
                              resetReason,
                              targetRuns,
                              imageWritten,
                              powerTrials,
                              restages,
                              returns,
                              hasConfirmed,
                              unguarded,
                              reverted,
                            };
}

const isBadOutcome = (facts: Facts, { state, event, reason, counts }: Outcome): string => {
  const transition = next(state, event);
  if (transition === null) return `the table has no ${event} in ${state}`;
  if (reason !== "" && !isReason(reason)) return `unknown reason ${reason}`;
  // Without an attempt there is no candidate; the pair of facts cannot come up.
  const isPossible = facts.phase !== null || facts.running !== "candidate";
  if (isPossible && facts.phase === null && counts !== "") return "counts without an attempt";
  // Never promoted by reconciliation: without a passed trial nothing is confirmed (P3).
  const hasPassed = facts.phase === phases.confirming && facts.running === "candidate";
  if ((event === "confirmDone" || event === "trialPassed") && !hasPassed) return "confirms";
  // A boot loop needs an end: what the agent's own restarts led to is counted.
  const isOwn = facts.resetReason === "software";
  if (event === "stageLost" && counts === "" && isOwn) return "stages again without counting";
  return "";
};

test("every combination of facts has an outcome that the state machine knows", () => {
  let combinations = 0;
  for (const facts of everyFacts()) {
    combinations++;
    const problem = isBadOutcome(facts, reconcile(facts));
    if (problem !== "") assert.unreachable(`${problem}: ${JSON.stringify(facts)}`);
  }
  console.log(`${combinations} combinations of facts at boot, each with one outcome`);
  assert.is(combinations, (6 + 3) * 5 * 7 * 7 * 11 * 2 * 2 * 3 * 3 * 2 * 2 * 2);
});

test("repairs end: counters at their limit lead to no other try", () => {
  for (const facts of everyFacts()) {
    const { counts, event } = reconcile(facts);
    if (facts.restages >= restagesMax) assert.is.not(counts, "restages", JSON.stringify(facts));
    if (facts.returns >= returnsMax) assert.is.not(counts, "returns");
    if (facts.powerTrials >= powerTrialsMax) assert.is.not(counts, "powerTrials");
    const isOwn = facts.resetReason === "software";
    if (facts.restages >= restagesMax && facts.powerTrials >= powerTrialsMax && isOwn) {
      assert.is.not(event, "stageLost", JSON.stringify(facts));
    }
  }
});

const usual: Facts = {
  phase: null,
  running: "confirmed",
  runningState: "valid",
  targetState: "none",
  resetReason: "power-on",
  targetRuns: false,
  imageWritten: false,
  powerTrials: 0,
  restages: 0,
  returns: 0,
  hasConfirmed: true,
  unguarded: false,
  reverted: "",
};
const staged = { ...usual, phase: phases.staging, targetState: "aborted" } as const;
const rows: [string, Partial<Facts>, string][] = [
  ["nothing under way", usual, "ready pollDue"],
  ["half a download", { phase: phases.writing }, "writing pollDue"],
  ["a whole download", { phase: phases.writing, imageWritten: true }, "writing imageWritten"],
  [
    "a stage that was lost without a cut",
    { phase: phases.staging, resetReason: "software" },
    "staged stageLost restages",
  ],
  [
    "a stage that was lost to a cut, the tenth time",
    { phase: phases.staging, restages: restagesMax },
    "staged stageLost",
  ],
  ["a crash in the trial", { ...staged, resetReason: "panic" }, "staged trialReverted crashed"],
  [
    "a hang in the trial",
    { ...staged, resetReason: "task-watchdog" },
    "staged trialReverted watchdog-reset",
  ],
  [
    "an exception in the trial",
    { ...staged, resetReason: "software" },
    "staged trialReverted crashed",
  ],
  ["loss of supply in the trial", staged, "staged stageLost powerTrials"],
  [
    "brown-out in the trial",
    { ...staged, resetReason: "brown-out" },
    "staged trialReverted brown-out",
  ],
  [
    "loss of supply in each trial",
    { ...staged, powerTrials: powerTrialsMax },
    "staged trialReverted power-unstable",
  ],
  [
    "a crash in the trial that an earlier boot has recorded, after another reset",
    { ...staged, reverted: "crashed" },
    "staged trialReverted crashed",
  ],
  [
    "an image the bootloader refused",
    { ...staged, targetState: "pending-verify", restages: restagesMax, resetReason: "software" },
    "staged trialReverted image-unbootable",
  ],
  [
    "the new image",
    { phase: phases.staging, running: "candidate", runningState: "pending-verify" },
    "staged trialBooted",
  ],
  [
    "the new image without a bootloader that guards it",
    { phase: phases.staging, running: "candidate", runningState: "undefined" },
    "staged trialBooted unguarded",
  ],
  [
    "a confirm without its record",
    { phase: phases.confirming, running: "candidate" },
    "trial confirmDone",
  ],
  [
    "a confirm that was not done",
    { phase: phases.confirming, running: "candidate", runningState: "pending-verify" },
    "trial trialPassed",
  ],
  ["a confirm that was lost", { phase: phases.updated, running: "previous" }, "updated stageLost"],
  [
    "the confirmed image lost during a download",
    { phase: phases.writing, running: "rejected", targetRuns: true },
    "ready knownGoodLost",
  ],
  ["the confirmed image lost later", { running: "previous" }, "ready knownGoodLost"],
  ["an image flashed by cable", { running: "unknown" }, "ready pollDue confirmed"],
  [
    "an image flashed by cable, on trial",
    { running: "unknown", runningState: "pending-verify" },
    "staged trialBooted trial",
  ],
  [
    "a reject that was not done",
    { phase: phases.rejecting, running: "candidate" },
    "rejected trialBooted",
  ],
  [
    "a rejected image that our own restart led to again",
    { phase: phases.rejecting, running: "candidate", resetReason: "software" },
    "rejected trialBooted returns",
  ],
  [
    "a rejected image after lost stages and a loss of supply",
    { phase: phases.rejecting, running: "candidate", restages: restagesMax, returns: returnsMax },
    "rejected trialBooted",
  ],
  [
    "a rejected image that nothing gets away from",
    {
      phase: phases.rejecting,
      running: "candidate",
      resetReason: "software",
      returns: returnsMax,
    },
    "rejected rejectFailed revert-impossible",
  ],
  [
    "a failed image that nothing gets away from",
    { phase: phases.failed, running: "candidate", resetReason: "software", returns: returnsMax },
    "failed reportDue",
  ],
  [
    "a rejected image in the place of the confirmed one",
    { running: "rejected" },
    "ready knownGoodLost",
  ],
  [
    "a rejected image when nothing is confirmed any more",
    { running: "rejected", hasConfirmed: false },
    "ready pollDue",
  ],
  ["a reject that was done", { phase: phases.rejecting }, "rejected trialReverted"],
  ["a result not yet told", { phase: phases.failed }, "failed reportDue"],
];
for (const [name, facts, expected] of rows) {
  test(`at boot, ${name}: ${expected}`, () => {
    const { state, event, reason, counts, adopt } = reconcile({ ...usual, ...facts });
    const told = reason === "stage-lost" ? "stage" : reason;
    const text = [state, event, told, counts, adopt].filter((one) => one !== "").join(" ");
    assert.is(text, expected.replace("stageLost stage ", "stageLost "));
  });
}

test.run();
