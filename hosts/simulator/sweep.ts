/**
 * Exhaustive sweeps of power cuts. A dry run lists the operations of a whole update; then the
 * supply is cut in each of them, in every way it can tear, and again everywhere in each recovery.
 *
 * Rests form a graph: an undisturbed boot leads from a rest to the next one, a cut to another.
 * Equal rests (RestKeys) are one node, whose future is followed once. Every cut of every node is
 * really executed as a boot that loses its supply: `interrupted` counts those boots and nothing
 * else; `plans` counts the histories that are covered by them.
 */

import type { Violation } from "./checkers.js";
import { cutFault, type Fault, type Plan, printPlan } from "./plan.js";
import { Prng } from "./prng.js";
import type { BootOutcome, Rest } from "./rest.js";
import { RestKeys } from "./rest-key.js";
import type { Tear } from "./tear.js";
import { type OperationSeen, tearsFor } from "./tears.js";
import { bootsMax, judgeSettled, type Stage } from "./verdicts.js";
import { type Incident, noIncidents } from "./witness.js";

/** What a sweep has done so far. All counts only grow. */
export interface SweepCounts {
  /** Histories covered: one or two cuts each. */
  plans: number;
  /** Boots executed, and those of them that ended by a cut. */
  executed: number;
  interrupted: number;
  /** Distinct rests whose future was followed. */
  states: number;
  /** Interrupted boots by tear model. */
  readonly tears: Map<Tear["kind"], number>;
}

export interface FailedPlan {
  readonly line: string;
  readonly violation: Violation;
}

export interface SweepFailure extends FailedPlan {
  readonly faults: readonly Fault[];
  /** What the firmware did wrong in the boots that led there, in order. */
  readonly trail: readonly Incident[];
  /** Covered histories that end in it; `line` is the first of them. */
  histories: number;
}

interface Node {
  readonly rest: Rest;
  /** The faults that led here, in the first history that did. */
  readonly faults: readonly Fault[];
  /** What the firmware did wrong in that history, up to this rest. */
  readonly trail: readonly Incident[];
  operations: readonly OperationSeen[];
  next: Node | null;
  followed: boolean;
  /** True when its undisturbed boot leaves nothing to do. */
  settles: boolean;
  /** Number of cuts that this node offers, once it is expanded. */
  children: Node[] | null;
  /** What its undisturbed boot, or its settled end, has broken. */
  readonly failures: SweepFailure[];
}

/** A broken promise, and the history in which it was. */
type Failing = Pick<SweepFailure, "faults" | "trail">;

export class Sweep {
  readonly counts: SweepCounts;
  readonly failures: SweepFailure[] = [];
  /** Faults of the history whose boot runs now, or ran last. */
  running: readonly Fault[] = [];
  readonly #stage: Stage;
  readonly #plan: Plan;
  readonly #keys: RestKeys;
  readonly #nodes = new Map<string, Node>();
  readonly #failuresMax: number;
  readonly #root: Node;

  /** `plan` names stage, seed and sizes; its faults are ignored. */
  constructor(stage: Stage, plan: Plan, failuresMax = 1) {
    this.#stage = stage;
    this.#plan = plan;
    this.#failuresMax = failuresMax;
    const { partitions, flashBytes } = stage.bench.options.layout;
    this.#keys = new RestKeys(
      partitions.filter((one) => one.type === 0),
      flashBytes,
      stage.start,
    );
    this.counts = { plans: 0, executed: 0, interrupted: 0, states: 0, tears: new Map() };
    this.#root = this.#node(stage.start, [], noIncidents);
    this.#follow(this.#root);
    this.#tally(this.#root);
  }

  /** True when the undisturbed run comes to its end. */
  get settles(): boolean {
    return this.#chain(this.#root).at(-1)?.settles ?? false;
  }

  get isOver(): boolean {
    return this.failures.length >= this.#failuresMax;
  }

  /** Operations of the undisturbed run. */
  get operations(): number {
    return this.#chain(this.#root).reduce((sum, node) => sum + node.operations.length, 0);
  }

  /** Every single cut. Returns the distinct rests it led to. */
  singles(): readonly object[] {
    return exhaust(this.singleCuts());
  }

  /** The same, with a pause after each boot that lost its supply. */
  *singleCuts(): Generator<void, readonly object[]> {
    const children = new Set<Node>();
    for (const node of this.#chain(this.#root)) {
      for (const child of yield* this.#expanding(node)) children.add(child);
      this.counts.plans += node.children?.length ?? 0;
    }
    return [...children];
  }

  /**
   * All pairs whose first cut leads to one of the rests `[first, last)` of `singles`: the second
   * cut falls in every operation of the recovery. Call `singles` before.
   */
  pairs(first: number, last: number, isOver: () => boolean = () => false): void {
    exhaust(this.pairsOfCuts(first, last, isOver));
  }

  /** The same, with a pause after each boot that lost its supply. */
  *pairsOfCuts(first: number, last: number, isOver: () => boolean): Generator<void, void> {
    const firsts: Node[] = [];
    for (const node of this.#chain(this.#root)) firsts.push(...(node.children ?? []));
    const distinct = [...new Set(firsts)];
    for (const child of distinct.slice(first, last)) {
      if (this.isOver || isOver()) return;
      const same = firsts.reduce((count, one) => count + (one === child ? 1 : 0), 0);
      for (const node of this.#chain(child)) {
        const isNew = node.children === null;
        this.counts.plans += (yield* this.#expanding(node)).length * same;
        // Grandchildren are judged already; only their number is needed again.
        if (isNew) this.#forget(node);
      }
    }
  }

  /**
   * Third cuts: `count` random rests that two cuts lead to, with every cut of their recovery. Call
   * `singles` before.
   */
  triples(seed: number, count: number, isOver: () => boolean): void {
    const random = new Prng(seed);
    const firsts = this.#chain(this.#root).flatMap((node) => node.children ?? []);
    for (let i = 0; i < count && firsts.length > 0; i++) {
      let node = firsts[random.below(firsts.length)];
      const recovery = this.#chain(node);
      const seconds = this.#expand(recovery[random.below(recovery.length)]);
      if (seconds.length === 0) continue;
      node = seconds[random.below(seconds.length)];
      for (const at of this.#chain(node)) {
        if (this.isOver || isOver()) return;
        if (at.children !== null) continue;
        this.counts.plans += this.#expand(at).length;
      }
    }
  }

  #forget(node: Node): void {
    for (const child of node.children ?? []) child.children = null;
  }

  #node(rest: Rest, faults: readonly Fault[], trail: readonly Incident[]): Node {
    const key = this.#keys.keyOf(rest);
    let node = this.#nodes.get(key);
    if (node === undefined) {
      const unknown = { operations: [], next: null, followed: false, settles: false };
      node = { rest, faults, trail, ...unknown, children: null, failures: [] };
      this.#nodes.set(key, node);
      this.counts.states++;
    }
    return node;
  }

  /** The undisturbed boots from `node` until the device has settled, `node` included. */
  #chain(node: Node): Node[] {
    const nodes: Node[] = [];
    for (let at: Node | null = node; at !== null && !nodes.includes(at); at = at.next) {
      nodes.push(at);
    }
    return nodes;
  }

  /** Runs the undisturbed future of `node`, as far as it is not known yet, and judges its end. */
  #follow(from: Node): void {
    let node: Node | null = from;
    for (let boots = 0; node !== null && !node.followed; boots++) {
      node.followed = true;
      if (boots >= bootsMax) return this.#failed(node, node, "P6", "no end after many boots");
      const outcome = this.#boot(node.rest, [], node.faults);
      node.operations = outcome.operations;
      const trail = joined(node.trail, outcome.incidents);
      node.settles = outcome.end === "settled";
      if (!this.#judged(node, outcome, trail) || node.settles) return;
      node.next = this.#node(outcome.rest, node.faults, trail);
      node = node.next;
    }
  }

  #boot(rest: Rest, faults: readonly Fault[], history: readonly Fault[]): BootOutcome {
    this.running = history;
    this.counts.executed++;
    return this.#stage.bench.boot(rest, faults);
  }

  #judged(node: Node, outcome: BootOutcome, trail: readonly Incident[]): boolean {
    const { faults } = node;
    const failing = { faults, trail };
    for (const violation of outcome.violations) this.#fail(failing, violation, node);
    if (outcome.violations.length > 0) return false;
    if (outcome.end === "time" || outcome.end === "dead") {
      this.#failed(failing, node, "P6", `a boot without faults ended with "${outcome.end}"`);
      return false;
    }
    if (outcome.end !== "settled") return true;
    const { imageHex, rest } = outcome;
    const found = judgeSettled(this.#stage, { faults, network: [] }, rest, imageHex);
    for (const violation of found) this.#fail(failing, violation, node);
    if (found.length === 0) this.#cycle(node, trail, rest, imageHex);
    return found.length === 0;
  }

  /** P5: the same image runs after the supply was off once more, and nothing is left to do. */
  #cycle(node: Node, before: readonly Incident[], rest: Rest, imageHex: string): void {
    const { faults } = node;
    const again = this.#node({ ...rest, reason: "power-on" }, faults, before);
    if (again.followed) return;
    again.followed = true;
    const outcome = this.#boot(again.rest, [], faults);
    const failing = { faults, trail: joined(before, outcome.incidents) };
    for (const violation of outcome.violations) this.#fail(failing, violation, node);
    if (outcome.end !== "settled") {
      this.#failed(failing, node, "P5", `after power was off, the boot ended: ${outcome.end}`);
    } else if (outcome.imageHex !== imageHex) {
      this.#failed(failing, node, "P5", "after power was off, another image runs");
    }
  }

  /** Cuts the undisturbed boot of `node` in every operation and in every way. */
  #expand(node: Node): readonly Node[] {
    return exhaust(this.#expanding(node));
  }

  *#expanding(node: Node): Generator<void, readonly Node[]> {
    if (node.children !== null) return node.children;
    const children: Node[] = [];
    node.children = children;
    const before = node.rest.operations;
    for (let index = 0; index < node.operations.length; index++) {
      for (const tear of tearsFor(node.operations[index])) {
        if (this.isOver) return children;
        const fault = cutFault({ operation: before + index, tear });
        children.push(this.#interrupt(node, fault, tear.kind));
        yield;
      }
    }
    return children;
  }

  #interrupt(node: Node, fault: Fault, kind: Tear["kind"]): Node {
    const faults = [...node.faults, fault];
    const outcome = this.#boot(node.rest, [fault], faults);
    const trail = joined(node.trail, outcome.incidents);
    if (outcome.interrupted) {
      this.counts.interrupted++;
      this.counts.tears.set(kind, (this.counts.tears.get(kind) ?? 0) + 1);
    } else {
      const text = "the same boot does not reach the same operation again";
      this.#failed({ faults, trail }, null, "P6", text);
    }
    for (const violation of outcome.violations) this.#fail({ faults, trail }, violation, null);
    const child = this.#node(outcome.rest, faults, trail);
    if (outcome.violations.length === 0) {
      this.#follow(child);
      this.#tally(child);
    }
    return child;
  }

  /** One more history leads to `node`, and so to all that is broken from there on. */
  #tally(node: Node): void {
    if (this.failures.length === 0) return;
    for (const { failures } of this.#chain(node)) for (const one of failures) one.histories++;
  }

  #failed(at: Failing, node: Node | null, promise: Violation["promise"], text: string): void {
    this.#fail(at, { promise, atMs: 0, text }, node);
  }

  /** `node` is null for what was broken in a boot that lost its supply: no other leads there. */
  #fail({ faults, trail }: Failing, violation: Violation, node: Node | null): void {
    if (this.isOver) return;
    const line = printPlan({ ...this.#plan, faults });
    const failure = { line, violation, faults, trail, histories: node === null ? 1 : 0 };
    this.failures.push(failure);
    node?.failures.push(failure);
  }
}

/** Runs a generator without its pauses. */
function exhaust<T>(steps: Generator<void, T>): T {
  while (true) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

function joined(before: readonly Incident[], more: readonly Incident[]): readonly Incident[] {
  return more.length === 0 ? before : [...before, ...more];
}
