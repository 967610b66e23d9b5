/** How far a board is run. */

/** Why `run` stopped: asked to, out of time or boots, nothing left to happen, or no image boots. */
export type RunEnd = "until" | "time" | "boots" | "stuck" | "dead";

export interface RunLimits {
  readonly untilMs: number;
  readonly bootsMax: number;
  /** Checked after every event. */
  readonly until: () => boolean;
}
