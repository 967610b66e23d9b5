/** Random plans with many faults of every kind, and their reduction to few. */

import { type NetworkFault, networkFault, networkFaultKinds } from "./network-faults.js";
import {
  canBegin,
  defaultImageBytes,
  type Ending,
  endings,
  type Fault,
  operationOf,
  type Plan,
  type Start,
  starts,
} from "./plan.js";
import { Prng } from "./prng.js";
import type { BootEnd } from "./reset-reasons.js";
import { type MakeStage, type PlanResult, runPlan } from "./run-plan.js";
import type { Tear } from "./tear.js";

/** Operations between two faults of one plan: close together, in one boot, or far apart. */
const gaps: readonly number[] = Object.freeze([3, 9, 30]);
const faultsMax = 12;
/** Boards of few seeds, so that their stages can be used again; the faults differ in each plan. */
const boardSeeds = 4;
const crashes: readonly BootEnd[] = Object.freeze(["panic", "software", "task-watchdog"]);

/** The plan of a seed: up to 12 faults, mostly losses of supply. */
export function randomPlan(seed: number): Plan {
  const random = new Prng(seed);
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)];
  const ending: Ending = random.below(3) === 0 ? "healthy" : pick(endings);
  const gap = pick(gaps);
  const count = 1 + random.below(faultsMax);
  const faults: Fault[] = [];
  // Half of the plans have losses of supply and nothing else, so that they are held to more.
  const isMixed = random.below(2) === 0;
  const hasNewer = random.below(2) === 0;
  let operation = random.below(24);
  const drawn = pick(starts);
  const start = canBegin(ending, drawn) ? drawn : "known";
  for (let i = 0; i < count; i++) {
    faults.push(randomFault(random, operation, { isMixed, hasNewer, start }));
    operation += 1 + random.below(gap);
  }
  const network: NetworkFault[] = [];
  if (isMixed) {
    for (let i = random.below(4); i > 0; i--) network.push(randomNetworkFault(random));
  }
  const imageBytes = defaultImageBytes;
  return { ending, start, seed: seed % boardSeeds, imageBytes, faults, network };
}

/** One of the network's first few answers, of any kind. */
function randomNetworkFault(random: Prng): NetworkFault {
  const kind = networkFaultKinds[random.below(networkFaultKinds.length)];
  const targets = ["offer", "payload", "report"] as const;
  return networkFault(kind, {
    // Not 404: three of them say that the host takes no reports.
    ...(kind === "status" ? { value: 500 } : {}),
    target: targets[random.below(3)],
    from: random.below(4),
    count: 1 + random.below(2),
  });
}

/** What the faults of one plan have in common. */
interface Mix {
  readonly isMixed: boolean;
  /** True: newer releases, and no rot. A plan with both could damage the only good image. */
  readonly hasNewer: boolean;
  readonly start: Start;
}

function randomFault(random: Prng, operation: number, mix: Mix): Fault {
  const draw = mix.isMixed ? random.below(100) : 0;
  if (draw < 55) {
    const reset = random.below(4) === 0 ? "brown-out" : "power-on";
    return { kind: "cut", cut: { operation, tear: randomTear(random) }, reset };
  }
  if (draw < 75) {
    // A reset of the CPU does not tear what the flash chip is doing.
    const tear: Tear = { kind: random.below(2) === 0 ? "before" : "after" };
    return { kind: "cut", cut: { operation, tear }, reset: crashes[random.below(3)] };
  }
  if (draw < 85) {
    const cut = { operation, tear: randomTear(random), silent: true };
    return { kind: "cut", cut, reset: "power-on" };
  }
  if (mix.hasNewer) {
    return { kind: "server", operation, change: draw < 95 ? "next" : "withdraw" };
  }
  if (draw < 89) return { kind: "server", operation, change: "withdraw" };
  // In the slot that the update goes to: rot in the only good image is beyond any agent.
  const address = targetAddress(mix.start) + random.below(defaultImageBytes);
  return { kind: "rot", operation, address, mask: 1 << random.below(8) };
}

/** Where the slot of a plan's update begins, in the layout of the smallest images. */
export function targetAddress(start: Start): number {
  return start === "second" ? 0x10000 : 0x20000;
}

function randomTear(random: Prng): Tear {
  const share = random.below(257);
  switch (random.below(5)) {
    case 0:
      return { kind: "before" };
    case 1:
      return { kind: "after" };
    case 2:
      return { kind: "prefix", bytes: random.below(random.below(2) === 0 ? 33 : 4097) };
    case 3:
      return { kind: "bits", seed: random.below(1000), share: random.below(2) ? share : 240 };
    default:
      return { kind: "weak", seed: random.below(1000), share };
  }
}

/**
 * The shortest plan found that breaks the same promise: faults of device and network are left out
 * one by one, then tears made plain. `result` is that of `plan`, and has a violation.
 */
export function shrink(plan: Plan, result: PlanResult, makeStage: MakeStage): PlanResult {
  const promise = result.violations[0]?.promise;
  let best = result;
  let { faults, network } = plan;
  const breaks = (candidate: readonly Fault[], answers = network): boolean => {
    const tried = runPlan({ ...plan, faults: candidate, network: answers }, makeStage);
    if (!tried.violations.some((one) => one.promise === promise)) return false;
    best = tried;
    faults = candidate;
    network = answers;
    return true;
  };
  for (let i = plan.network.length - 1; i >= 0; i--) {
    breaks(
      faults,
      network.filter((_, at) => at !== i),
    );
  }
  for (let i = plan.faults.length - 1; i >= 0; i--) breaks(faults.filter((_, at) => at !== i));
  for (let i = 0; i < faults.length; i++) {
    const fault = faults[i];
    if (fault.kind !== "cut") continue;
    for (const kind of ["before", "after"] as const) {
      const tear: Tear = { kind };
      const plain = { ...fault, cut: { ...fault.cut, tear } };
      if (breaks(faults.map((one, at) => (at === i ? plain : one)))) break;
    }
  }
  return best;
}

/** Faults in the order of their operations, as the supply needs them. */
export function inOrder(faults: readonly Fault[]): Fault[] {
  return faults.slice().sort((a, b) => operationOf(a) - operationOf(b));
}
