/**
 * The state machine: one pure table. State names are those of PSA Firmware Update 1.0.
 *
 * `next(state, event)` gives the new state and the actions to run, in order. The shell (agent.ts)
 * runs them and decides nothing; which event an outcome is, is decided by the pure functions in
 * reconcile.ts, checks.ts and schedule.ts. The README prints this table; a test compares them.
 */

export type AgentState =
  | "ready"
  | "writing"
  | "candidate"
  | "staged"
  | "trial"
  | "rejected"
  | "failed"
  | "updated";

export type AgentEvent =
  // From the clock.
  | "pollDue"
  | "reportDue"
  // From the update server.
  | "serverFailed"
  | "serverReached"
  | "nothingNew"
  | "offerRefused"
  | "offerAccepted"
  | "offerInstalled"
  | "offerReplaced"
  | "reportDelivered"
  | "reportUndelivered"
  | "reportFailed"
  | "resultKept"
  // From download and flash.
  | "downloadInterrupted"
  | "downloadFailed"
  | "imageWritten"
  | "imageDamaged"
  | "imageVerified"
  // From the boot record.
  | "stageDone"
  | "stageFailed"
  | "confirmDone"
  | "confirmFailed"
  | "rejectDone"
  | "rejectFailed"
  // From reconciliation at boot.
  | "trialBooted"
  | "stageLost"
  | "trialReverted"
  | "knownGoodLost"
  // From the trial.
  | "trialPassed"
  | "trialFailed"
  // The journal could not be written before an act; or before a repair.
  | "journalFailed"
  | "repairUnrecorded"
  // An image is good, but that could not be recorded, or the platform did not confirm it.
  | "confirmDelayed";

export type AgentAction =
  | "fetchOffer"
  | "schedulePoll"
  | "scheduleRetry"
  | "scheduleRepair"
  | "scheduleConfirm"
  | "reportRefusal"
  | "journalWriting"
  | "download"
  | "verifyImage"
  | "journalDamage"
  | "journalStaging"
  | "journalRepair"
  | "stage"
  | "restart"
  | "beginTrial"
  | "checkTrial"
  | "journalConfirming"
  | "confirm"
  | "journalConfirmed"
  | "journalUpdated"
  | "journalRejecting"
  | "reject"
  | "journalFailure"
  | "sendReport"
  | "sendResult"
  | "scheduleReport"
  | "journalResult"
  | "closeAttempt";

export interface Transition {
  readonly to: AgentState;
  readonly actions: readonly AgentAction[];
}

type Row = { readonly [event in AgentEvent]?: Transition };

const { freeze } = Object;

/** Transitions to `state`: called with their actions. */
const to =
  (state: AgentState) =>
  (...actions: AgentAction[]): Transition =>
    freeze({ to: state, actions: freeze(actions) });

const toReady = to("ready");
const toWriting = to("writing");
const toCandidate = to("candidate");
const toTrial = to("trial");
const toRejected = to("rejected");
const toFailed = to("failed");
const toUpdated = to("updated");

// Transitions of several events or states.
const fail = toFailed("journalFailure", "sendReport");
const refuse = toReady("reportRefusal", "schedulePoll");
const retryWriting = toWriting("scheduleRetry");
const stageImage = toCandidate("journalStaging", "stage");
const bootStaged = to("staged")("restart");
const beginTrial = toTrial("beginTrial");
const rejectImage = toRejected("reject");
const rejectRecorded = toRejected("journalRejecting", "reject");
const keep = toUpdated("journalConfirmed", "journalUpdated", "sendReport");
const close = toReady("closeAttempt", "schedulePoll");
// Soon after a failure an offer shows whether the server was there; see agent/ledger.ts.
const closeSoon = toReady("closeAttempt", "scheduleRetry");
const reportFailureLater = toFailed("scheduleReport");
const reportUpdateLater = toUpdated("scheduleReport");

export const table: { readonly [state in AgentState]: Row } = freeze({
  ready: freeze({
    pollDue: toReady("fetchOffer"),
    serverFailed: toReady("scheduleRetry"),
    nothingNew: toReady("sendResult", "schedulePoll"),
    offerRefused: refuse,
    offerAccepted: toWriting("journalWriting", "download"),
    // The result first: once the release is recorded as confirmed, nothing asks for it any more.
    offerInstalled: toUpdated("journalUpdated", "journalConfirmed", "sendReport"),
    // The boot record lost a confirmed image: put it back without a download.
    knownGoodLost: toCandidate("journalRepair", "stage"),
    journalFailed: refuse,
  }),
  writing: freeze({
    pollDue: toWriting("fetchOffer"),
    serverFailed: retryWriting,
    offerAccepted: toWriting("download"),
    offerReplaced: fail,
    downloadInterrupted: retryWriting,
    downloadFailed: fail,
    imageWritten: toWriting("verifyImage"),
    imageDamaged: toWriting("journalDamage", "scheduleRetry"),
    imageVerified: stageImage,
    journalFailed: refuse,
  }),
  candidate: freeze({
    stageDone: bootStaged,
    stageFailed: fail,
    imageDamaged: toWriting("journalDamage", "schedulePoll"),
    // The bytes turned out damaged for the last time, when they were read back to be staged again.
    downloadFailed: fail,
    journalFailed: fail,
    // Nothing has been done yet: the repair is tried again, and not given up for one bad record.
    repairUnrecorded: toReady("scheduleRepair"),
  }),
  staged: freeze({
    stageDone: bootStaged,
    trialBooted: beginTrial,
    stageLost: stageImage,
    stageFailed: fail,
    trialReverted: fail,
  }),
  trial: freeze({
    pollDue: toTrial("fetchOffer"),
    // After a fault of the host: what of the trial was not begun is, while its deadline runs.
    trialBooted: beginTrial,
    serverReached: toTrial("checkTrial"),
    serverFailed: toTrial("scheduleRetry"),
    trialPassed: toTrial("journalConfirming", "confirm"),
    confirmDone: keep,
    confirmFailed: rejectRecorded,
    trialFailed: rejectRecorded,
    confirmDelayed: toTrial("scheduleConfirm"),
    journalFailed: rejectImage,
  }),
  rejected: freeze({
    rejectDone: toRejected("restart"),
    rejectFailed: fail,
    trialBooted: rejectImage,
    trialReverted: fail,
    // Going back is safe without its record; staying on a rejected image is not.
    journalFailed: rejectImage,
  }),
  failed: freeze({
    // The record comes first here too: it may be what failed before. Written once, then skipped.
    reportDue: fail,
    journalFailed: reportFailureLater,
    reportFailed: reportFailureLater,
    // What cannot be told now is kept: it must not hold up the next update.
    reportUndelivered: toFailed("journalResult"),
    resultKept: closeSoon,
    reportDelivered: closeSoon,
  }),
  updated: freeze({
    reportDue: keep,
    journalFailed: reportUpdateLater,
    reportFailed: reportUpdateLater,
    reportUndelivered: toUpdated("journalResult"),
    resultKept: closeSoon,
    reportDelivered: close,
    stageLost: stageImage,
  }),
});

/**
 * The event that goes on after a pause when a fault of the host kept an action from being run: no
 * state may be left without a timer or a request.
 */
export const resumption: { readonly [state in AgentState]: AgentEvent } = freeze({
  ready: "pollDue",
  writing: "pollDue",
  candidate: "stageFailed",
  staged: "stageDone",
  trial: "trialBooted",
  // Restarts: a second rejection would speak of the other image's entry (ESP-IDF esp_ota_ops.c).
  rejected: "rejectDone",
  failed: "reportDue",
  updated: "reportDue",
});

/** The transition for `event`, or null: an event that means nothing in `state` is ignored. */
export function next(state: AgentState, event: AgentEvent): Transition | null {
  return table[state][event] ?? null;
}
