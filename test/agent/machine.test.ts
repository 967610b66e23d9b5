import { test } from "uvu";
import * as assert from "uvu/assert";
import type { AgentContext } from "../../src/agent/context.js";
import {
  type AgentAction,
  type AgentEvent,
  type AgentState,
  next,
  type Transition,
  table,
} from "../../src/agent/machine.js";
import { Poller } from "../../src/agent/poller.js";
import { Reporter } from "../../src/agent/reporter.js";
import { Updater } from "../../src/agent/updater.js";
import { Verdict } from "../../src/agent/verdict.js";
import { stateTable } from "../helpers/readme.js";

const states = Object.keys(table) as AgentState[];

/** Written as records so that the compiler demands every member of the types. */
const allActions: Record<AgentAction, true> = {
  fetchOffer: true,
  schedulePoll: true,
  scheduleRetry: true,
  scheduleRepair: true,
  scheduleConfirm: true,
  reportRefusal: true,
  journalWriting: true,
  download: true,
  verifyImage: true,
  journalDamage: true,
  journalStaging: true,
  journalRepair: true,
  stage: true,
  restart: true,
  beginTrial: true,
  checkTrial: true,
  journalConfirming: true,
  confirm: true,
  journalConfirmed: true,
  journalUpdated: true,
  journalRejecting: true,
  reject: true,
  journalFailure: true,
  sendReport: true,
  scheduleReport: true,
  closeAttempt: true,
  sendResult: true,
  journalResult: true,
};
const allEvents: Record<AgentEvent, true> = {
  pollDue: true,
  reportDue: true,
  serverFailed: true,
  serverReached: true,
  nothingNew: true,
  offerRefused: true,
  offerAccepted: true,
  offerInstalled: true,
  offerReplaced: true,
  reportDelivered: true,
  reportUndelivered: true,
  resultKept: true,
  reportFailed: true,
  downloadInterrupted: true,
  downloadFailed: true,
  imageWritten: true,
  imageDamaged: true,
  imageVerified: true,
  stageDone: true,
  stageFailed: true,
  confirmDone: true,
  confirmFailed: true,
  rejectDone: true,
  rejectFailed: true,
  trialBooted: true,
  stageLost: true,
  trialReverted: true,
  knownGoodLost: true,
  trialPassed: true,
  trialFailed: true,
  journalFailed: true,
  repairUnrecorded: true,
  confirmDelayed: true,
};
const actions = Object.keys(allActions) as AgentAction[];
const events = Object.keys(allEvents) as AgentEvent[];

const entries = (): [AgentState, AgentEvent, Transition][] =>
  states.flatMap((state) =>
    events.flatMap((event): [AgentState, AgentEvent, Transition][] => {
      const transition = next(state, event);
      return transition === null ? [] : [[state, event, transition]];
    }),
  );

test("next is total: every state and event gives a transition of the table, or null", () => {
  for (const state of states) {
    for (const event of events) {
      const transition = next(state, event);
      if (transition === null) continue;
      assert.ok(states.includes(transition.to));
      assert.ok(transition.actions.length > 0, `${state} ${event} does something`);
    }
    const known = Object.keys(table[state]);
    assert.ok(
      known.every((event) => event in allEvents),
      `${state} has no unknown event`,
    );
  }
});

test("every state is reached from ready, and every state is left", () => {
  const reached = new Set<AgentState>(["ready"]);
  for (const from of reached) {
    for (const [state, , { to }] of entries()) if (state === from) reached.add(to);
  }
  assert.equal([...reached].sort(), [...states].sort());
  for (const state of states) {
    assert.ok(
      entries().some(([from, , { to }]) => from === state && to !== state),
      state,
    );
  }
});

test("every action and every event is used", () => {
  const usedActions = new Set(entries().flatMap(([, , transition]) => transition.actions));
  const usedEvents = new Set(entries().map(([, event]) => event));
  assert.equal(
    actions.filter((action) => !usedActions.has(action)),
    [],
  );
  assert.equal(
    events.filter((event) => !usedEvents.has(event)),
    [],
  );
});

test("each action is known to the agent itself, or a method of exactly one of its parts", () => {
  const context = { hal: {}, options: {} } as AgentContext;
  const parts = [Poller, Updater, Verdict, Reporter].map(
    (Part) => new Part(context),
  ) as unknown as readonly Readonly<Record<string, unknown>>[];
  const own = /^(schedule[A-Z]|reportRefusal$|restart$|closeAttempt$)/;
  for (const action of Object.keys(allActions)) {
    const owners = parts.filter((part) => action in part);
    assert.is(owners.length, own.test(action) ? 0 : 1, action);
    for (const owner of owners) assert.type(owner[action], "function", action);
  }
});

test("intent is journalled before the act, in every row", () => {
  const before: [AgentAction, readonly AgentAction[]][] = [
    ["confirm", ["journalConfirming"]],
    ["sendReport", ["journalUpdated", "journalFailure"]],
  ];
  for (const [state, event, { actions: run }] of entries()) {
    for (const [act, records] of before) {
      const at = run.indexOf(act);
      if (at < 0) continue;
      const isRecorded = records.some(
        (record) => run.indexOf(record) >= 0 && run.indexOf(record) < at,
      );
      assert.ok(isRecorded, `${state} ${event}: ${act} has its record first`);
    }
    const stage = run.indexOf("stage");
    if (stage >= 0) assert.ok(["journalStaging", "journalRepair"].includes(run[stage - 1]));
    // A trial whose journal fails is rejected without one; a rejection goes on at boot as it is.
    if (run.includes("reject") && state === "trial" && event !== "journalFailed") {
      assert.is(run[run.indexOf("reject") - 1], "journalRejecting");
    }
  }
});

test("every row that journals has an answer for a journal that fails", () => {
  for (const [state, event, { to, actions: run }] of entries()) {
    if (!run.some((action) => action.startsWith("journal"))) continue;
    assert.ok(next(to, "journalFailed") !== null, `${state} ${event} -> ${to}`);
  }
});

test("the table cannot be changed at run time", () => {
  assert.throws(() => Object.assign(table.ready, { pollDue: null }), TypeError);
  const actions = next("ready", "pollDue")?.actions ?? [];
  assert.throws(() => (actions as AgentAction[]).push("restart"), TypeError);
});

test("the printed table has one row per entry", () => {
  const lines = stateTable().trimEnd().split("\n");
  assert.is(lines.length, 2 + entries().length);
  assert.ok(lines.includes("| trial | trialPassed | trial | journalConfirming, confirm |"));
});

test.run();
