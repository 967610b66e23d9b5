/** One safeguard that is switched off, and who must notice. */
import type { Ending, Start } from "../../hosts/simulator/plan.js";
import type { JobKind } from "../../hosts/simulator/sweep-jobs.js";

export interface Edit {
  /** Below dist. */
  readonly file: string;
  /** Occurs exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant extends Edit {
  /** The safeguard that is missing. */
  readonly name: string;
  /** Its second half, where two places hold it. */
  readonly also?: Edit;
  readonly sweep: readonly [JobKind, Ending, Start];
  /** A plan that a long sweep found, in the place of that sweep. */
  readonly plan?: string;
}
