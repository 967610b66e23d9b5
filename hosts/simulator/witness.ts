/** What a firmware itself did wrong in a boot, as seen by whoever made it. */
import type { PromiseId } from "./checkers.js";

export type IncidentKind =
  | "trespass"
  | "exception"
  | "rejection"
  | "abort"
  | "endless-loop"
  | "self-test"
  | "no-answer"
  | "no-agent";

export interface Incident {
  readonly kind: IncidentKind;
  /** The image that ran: the old one, the update's, or none yet. */
  readonly image: "old" | "new" | "";
  /** What happened, in words; the same words for the same mistake. */
  readonly text: string;
  /** Lines of the stack, those of the firmware first; none where nothing was thrown. */
  readonly stack: readonly string[];
  /** The promise that it breaks by itself, whatever comes of it; null for none. */
  readonly breaks: PromiseId | null;
}

/** Watches the firmware of each boot of a bench. */
export interface Witness {
  /** A boot begins. */
  begin(): void;
  /** JavaScript aborts for `reason`, such as "unhandled exception". */
  aborted(reason: string, error: unknown): void;
  /**
   * The boot is over, or the device has settled; `interrupted` when the supply was cut. `elapsedMs`
   * is infinite where nothing would ever have ended it.
   */
  end(interrupted: boolean, elapsedMs: number): readonly Incident[];
}

export const noIncidents: readonly Incident[] = Object.freeze([]);
