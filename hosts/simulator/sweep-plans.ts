/** The plans of each kind of sweep that runs a list of them. */
import { otadataEntryBytes } from "../../src/boot/otadata.js";
import { limits } from "../../src/limits.js";
import {
  type NetworkFault,
  type NetworkFaultKind,
  networkFault,
  networkFaultKinds,
} from "./network-faults.js";
import { cutFault, defaultImageBytes, type Fault, journalKeys, type Plan } from "./plan.js";
import { randomPlan, targetAddress } from "./random-plans.js";
import type { MakeStage } from "./run-plan.js";
import type { Job, ListedKind } from "./sweep-jobs.js";
import { type OperationSeen, tearsFor } from "./tears.js";

/** Image of "resume" pieces: several times the 64 KB between two progress records. */
export const resumeImageBytes = 300 * 1024;

export const listed: Readonly<
  Record<ListedKind, (job: Job, makeStage: MakeStage) => Iterable<Plan>>
> = Object.freeze({
  random: randomPlans,
  silent: silentPlans,
  rot: rotPlans,
  resume: resumePlans,
  change: changePlans,
  record: recordPlans,
  unseen: recordPlans,
  journal: journalPlans,
  cable: cablePlans,
  lost: lostPlans,
  network: networkPlans,
  outage: outagePlans,
  unwatched: unwatchedPlans,
  weak: weakPlans,
});

/** The plan of a piece, without faults. */
export function planOf(job: Job): Plan {
  const { ending, start, seed, kind } = job;
  const isLarge = kind === "resume" || kind === "change";
  const imageBytes = isLarge ? resumeImageBytes : defaultImageBytes;
  const unseen = kind === "unseen" ? { skipsValidation: true } : {};
  const board = kind === "unwatched" ? { loopUnwatched: true } : unseen;
  return { ending, start, seed, imageBytes, ...board, faults: [], network: [] };
}

function* randomPlans(job: Job): Iterable<Plan> {
  for (let i = 0; i < job.size; i++) yield randomPlan(job.seed + job.index * job.size + i);
}

/** Each operation in turn reports success and leaves something else. */
function* silentPlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  let operation = 0;
  for (const seen of operationsOf(plan, makeStage)) {
    for (const tear of tearsFor(seen)) {
      if (tear.kind === "after" || tear.kind === "weak") continue;
      const cut = { operation, tear, silent: true };
      yield { ...plan, faults: [cutFault(cut)] };
    }
    operation++;
  }
}

/** A bit flips in the target slot before each operation, or is stuck from the start. */
function* rotPlans(job: Job): Iterable<Plan> {
  const plan = planOf(job);
  const target = targetAddress(job.start);
  const places = [0, 12, 23, 100, 4096, 5000, 8192, 9150, 9215];
  for (const place of places) {
    const address = target + place;
    for (let operation = 0; operation < 24; operation++) {
      yield { ...plan, faults: [{ kind: "rot", address, mask: 4, operation }] };
    }
    for (const value of [0, 1] as const) {
      yield { ...plan, faults: [{ kind: "stick", address, mask: 16, value }] };
    }
  }
  // The sector of the boot record that the update is staged in.
  const sector = job.start === "second" ? 0xd000 : 0xe000;
  for (const place of [0, 24, 28]) {
    for (const value of [0, 1] as const) {
      yield { ...plan, faults: [{ kind: "stick", address: sector + place, mask: 3, value }] };
    }
  }
}

/** The supply fails once, in each operation, while a large image is fetched. */
function* resumePlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const operations = operationsOf(plan, makeStage).length;
  for (let operation = job.index; operation < operations; operation += job.count) {
    for (const tear of [{ kind: "before" }, { kind: "prefix", bytes: 2048 }] as const) {
      yield { ...plan, faults: [cutFault({ operation, tear })] };
    }
  }
}

/** A newer release is published, or the offer withdrawn, while a large image is fetched. */
function* changePlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const operations = operationsOf(plan, makeStage).length;
  for (let operation = 1; operation < operations; operation += 6) {
    for (const change of ["next", "withdraw"] as const) {
      const fault: Fault = { kind: "server", operation, change };
      // The device sees it when it asks again: after a loss of supply.
      const cut = cutFault({ operation: operation + 2, tear: { kind: "before" } });
      yield { ...plan, faults: [fault, cut] };
    }
  }
}

/** The operations of the first two boots without a fault. */
function operationsOf(plan: Plan, makeStage: MakeStage): readonly OperationSeen[] {
  const { bench, start } = makeStage(plan);
  const first = bench.boot(start, []);
  if (first.end === "settled") return first.operations;
  return [...first.operations, ...bench.boot(first.rest, []).operations];
}

/**
 * The entry of the image that runs rots away, and the supply fails right after; once more where the
 * boot record is changed next. In "unseen" pieces the bootloader boots whatever has a header.
 */
function* recordPlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const address = job.start === "second" ? 0xe000 : 0xd000;
  const operations = operationsOf(plan, makeStage).length;
  for (let operation = 0; operation < operations; operation++) {
    const rot: Fault = { kind: "rot", address, mask: 4, operation };
    const cut = cutFault({ operation: operation + 1, tear: { kind: "before" } });
    yield { ...plan, faults: [rot] };
    yield { ...plan, faults: [rot, cut] };
    for (let more = 2; more < 24; more++) {
      const second = cutFault({ operation: operation + more, tear: { kind: "before" } });
      yield { ...plan, faults: [rot, cut, second] };
    }
  }
}

/** A record of the journal is damaged, and the supply fails there or a little later. */
function* journalPlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const operations = operationsOf(plan, makeStage).length;
  for (const key of journalKeys) {
    for (let operation = 0; operation < operations; operation++) {
      const lost: Fault = { kind: "lost", key, operation };
      yield { ...plan, faults: [lost] };
      for (const later of [0, 1, 4]) {
        const cut = cutFault({ operation: operation + later, tear: { kind: "after" } });
        yield { ...plan, faults: [lost, cut] };
      }
    }
  }
}

/** Somebody flashes the factory's image by cable, in the middle of an update. */
function* cablePlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const operations = operationsOf(plan, makeStage).length;
  for (let operation = 0; operation < operations; operation++) {
    const cable: Fault = { kind: "cable", operation };
    yield { ...plan, faults: [cable] };
    for (const later of [0, 2, 5]) {
      const cut = cutFault({ operation: operation + later, tear: { kind: "before" } });
      yield { ...plan, faults: [cable, cut] };
    }
  }
}

/**
 * The only good image rots while another one is there that boots: the new one, once its head is
 * programmed, or an older one. A newer release may follow, or the supply fail.
 */
function* lostPlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const good = targetAddress(job.start === "second" ? "known" : "second");
  const seen = operationsOf(plan, makeStage);
  const isHead = seen.map(
    (one) => one.kind === "program" && one.lengthBytes === limits.heldHeadBytes,
  );
  const head = isHead.lastIndexOf(true);
  if (head < 0 && job.start !== "second") return;
  for (let operation = head + 1; operation < seen.length + 4; operation++) {
    for (const place of [0, 5000]) {
      const rot: Fault = { kind: "rot", address: good + place, mask: 32, operation };
      const newer: Fault = { kind: "server", operation: operation + 1, change: "next" };
      const cut = cutFault({ operation: operation + 1, tear: { kind: "before" } });
      yield { ...plan, faults: [rot] };
      yield { ...plan, faults: [rot, newer] };
      yield { ...plan, faults: [rot, cut] };
      yield { ...plan, faults: [rot, newer, cut] };
    }
  }
}

/**
 * Bits of the boot record are left weak, by many seeds: they read one way now and another way in a
 * later boot, which a loss of supply brings about.
 */
function* weakPlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const seen = operationsOf(plan, makeStage);
  for (let operation = job.index; operation < seen.length + 3; operation += job.count) {
    const { kind = "erase", lengthBytes = 0 } = seen[operation] ?? {};
    const isBlock = kind === "program" && lengthBytes !== otadataEntryBytes;
    if (kind === "key-value" || isBlock) continue;
    for (let seed = 1; seed <= 16; seed++) {
      // With few of them weak, an entry reads as intact every other time.
      const share = [32, 16, 24, 8][seed % 4];
      const weak = cutFault({ operation, tear: { kind: "weak", seed, share } });
      yield { ...plan, seed, faults: [weak] };
      for (let later = 1; later < 6; later++) {
        const cut = cutFault({ operation: operation + later, tear: { kind: "before" } });
        yield { ...plan, seed, faults: [weak, cut] };
      }
    }
  }
}

/**
 * A network that stays bad: a server that is away for a day and for a week, redirects in a circle,
 * answers that trickle or never come, and ranges that are not the ones that were asked for.
 */
function* outagePlans(job: Job): Iterable<Plan> {
  const plan = planOf(job);
  const lasting = (kind: NetworkFaultKind, given: Parameters<typeof networkFault>[1]): Plan => {
    return { ...plan, network: [networkFault(kind, given)] };
  };
  // Reports that are refused too often are given up: then there is no result to judge.
  const counts = { offer: 100, payload: 40, report: 10 };
  for (const target of ["offer", "payload", "report"] as const) {
    for (const kind of ["redirect", "redirect-host", "lost-answer"] as const) {
      yield lasting(kind, { target, count: counts[target] });
    }
    yield lasting("trickle", { target, value: 1, count: 2 });
    yield lasting("trickle", { target, count: 2 });
  }
  for (const kind of ["wrong-range", "wrong-total", "no-range"] as const) {
    // What was asked for again after the connection broke.
    const broken = networkFault("break");
    for (const count of [1, 3]) {
      yield { ...plan, network: [broken, networkFault(kind, { from: 1, count })] };
    }
  }
  for (const value of [86_400, 604_800]) yield lasting("down", { value });
}

/** The event loop's own task is not watched: only the agent's watchdog ends what hangs. */
function* unwatchedPlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  yield plan;
  const operations = operationsOf(plan, makeStage).length;
  for (let operation = 0; operation < operations; operation++) {
    yield { ...plan, faults: [cutFault({ operation, tear: { kind: "before" } })] };
  }
}

/** Every fault of the network on its first requests, alone and with a loss of supply. */
function* networkPlans(job: Job, makeStage: MakeStage): Iterable<Plan> {
  const plan = planOf(job);
  const operations = operationsOf(plan, makeStage).length;
  for (const kind of networkFaultKinds) {
    for (const target of ["offer", "payload", "report"] as const) {
      // Not 404: three of them say that the host takes no reports.
      const usual = kind === "status" ? { target, value: 500 } : { target };
      const faults: NetworkFault[] = [0, 1].map((from) => networkFault(kind, { ...usual, from }));
      faults.push(networkFault(kind, { ...usual, count: 3 }));
      for (const fault of faults) {
        yield { ...plan, network: [fault] };
        for (let operation = job.index; operation < operations; operation += 4 * job.count) {
          const cut = cutFault({ operation, tear: { kind: "before" } });
          yield { ...plan, faults: [cut], network: [fault] };
        }
      }
    }
  }
}
