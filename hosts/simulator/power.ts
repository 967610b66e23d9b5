/**
 * The supply of a simulated board. It counts the operations that leave traces (flash erases, flash
 * programs, key-value writes) and fails at those that a plan names. A cut is LATCHED: from then on
 * every call of that boot throws, so a `catch` in the product cannot swallow it; whoever runs the
 * boot looks at `isCut`, never only at what was thrown.
 */

import type { Cut, Tear } from "./tear.js";

export type OperationKind = "erase" | "program" | "key-value";

/** Thrown by every call of a boot whose supply has failed. */
export class PowerCut extends Error {
  override get name(): string {
    return "PowerCut";
  }
}

export class Power {
  /** Operations begun since the last `plan`. */
  operations: number = 0;
  erases: number = 0;
  programs: number = 0;
  keyValueWrites: number = 0;
  /** True from the cut to `restore`. */
  isCut: boolean = false;
  /** The last fault that `begin` returned cuts the supply; false for a silent one. */
  cutsSupply: boolean = false;

  private cuts: readonly Cut[] = [];
  private nextCut: number = 0;
  private nextOperation: number = -1;

  /** Sets the cuts to come, in rising order of operations. Counting starts again at 0. */
  plan(cuts: readonly Cut[]): void {
    for (let i = 1; i < cuts.length; i++) {
      if (cuts[i].operation <= cuts[i - 1].operation) throw new RangeError("cuts must rise");
    }
    this.cuts = cuts;
    this.nextCut = 0;
    this.nextOperation = cuts.length > 0 ? cuts[0].operation : -1;
    this.operations = 0;
    this.erases = 0;
    this.programs = 0;
    this.keyValueWrites = 0;
  }

  /** Throws PowerCut when the supply has failed. Every call of a simulated device begins here. */
  check(): void {
    if (this.isCut) throw new PowerCut("the supply has failed");
  }

  /**
   * Begins one operation: counts it and returns how it tears, null when it goes well. After a tear
   * the caller leaves what the tear says, then calls `fail`.
   */
  begin(kind: OperationKind): Tear | null {
    this.check();
    const index = this.operations++;
    if (kind === "erase") this.erases++;
    else if (kind === "program") this.programs++;
    else this.keyValueWrites++;
    if (index !== this.nextOperation) return null;
    const cut = this.cuts[this.nextCut++];
    this.nextOperation = this.nextCut < this.cuts.length ? this.cuts[this.nextCut].operation : -1;
    this.cutsSupply = cut.silent !== true;
    return cut.tear;
  }

  /** Ends a torn operation: cuts the supply, or returns when the fault was a silent one. */
  fail(): void {
    if (this.cutsSupply) this.cut();
  }

  /** Cuts the supply now. */
  cut(): never {
    this.isCut = true;
    throw new PowerCut("the supply has failed");
  }

  /** The supply is back: the next boot may begin. */
  restore(): void {
    this.isCut = false;
  }
}
