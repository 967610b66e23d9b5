/** What the parts of the agent share during one boot. */
import type { Hal } from "../hal.js";
import type { Reason } from "../reasons.js";
import type { Release } from "../suit/manifest.js";
import type { Device } from "./device.js";
import type { Journal } from "./journal.js";
import type { Ledger } from "./ledger.js";
import type { AgentEvent, AgentState } from "./machine.js";
import type { AgentOptions, Progress } from "./options.js";
import type { Servers } from "./servers.js";
import type { HttpTarget } from "./url.js";

export interface AgentContext {
  readonly hal: Hal;
  readonly options: AgentOptions;
  readonly journal: Journal;
  readonly ledger: Ledger;
  /** Bits of `capabilities`. */
  readonly capabilities: number;
  /** False where a bad update could not be taken back, and the application did not allow that. */
  readonly mayInstall: boolean;
  readonly device: Device;
  readonly servers: Servers;
  /** Where this device's offers, payloads and reports are now: ends with "/". */
  readonly server: HttpTarget;
  /** The one work buffer: held by one of offer, download and read-back at a time. */
  readonly buffer: Uint8Array;
  readonly state: AgentState;
  /** Why the last event came; "" when nothing needs a reason. */
  readonly reason: Reason | "";
  /** The release of the last accepted offer; null after a restart until it is offered again. */
  release: Release | null;
  /** The least pause before the next try that the server asked for. */
  retryAfterMs: number;
  /** Tries in a row that failed; the pause before the next one grows with it. */
  failures: number;
  /** Hands an event to the state machine. */
  post(event: AgentEvent, reason?: Reason | ""): void;
  /** Runs a callback from outside; no exception gets out of it. */
  enter(run: () => void): void;
  /** Tells the application how far the work on the image is. */
  tell(activity: Progress["activity"], bytes: number, totalBytes: number): void;
}
