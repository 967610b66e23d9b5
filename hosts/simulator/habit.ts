/** What a bad habit of network, offers, supply or release is; habits.ts has the table of them. */
import type { ServerRequest } from "../../src/server/handler.js";
import type { Delivery } from "./network.js";
import type { Prng } from "./prng.js";
import type { SimulatedRelease, Simulation } from "./simulation.js";
import type { WearBounds } from "./wear-watch.js";

/** What a habit acts on. */
export interface Scene {
  readonly simulation: Simulation;
  readonly random: Prng;
  /** Releases by sequence number, from 2 on; made when they are asked for. */
  release(sequenceNumber: number): SimulatedRelease;
  /** Publishes that one and withdraws all others. */
  offer(sequenceNumber: number): void;
  /** An envelope whose manifest no trust anchor has signed: another one each time, or the same. */
  forgery(isSame?: boolean): Uint8Array;
  /** The state that the agent told last. */
  readonly state: string;
  /** Steps made so far. */
  readonly steps: number;
}

export interface Habit {
  /** In one line, for tables. */
  readonly about: string;
  /** What the releases do that are offered meanwhile; default "healthy". */
  readonly behaviour?: SimulatedRelease["behaviour"];
  /** Changes an answer on its way. */
  answer?(request: ServerRequest, delivery: Delivery, scene: Scene): void;
  /** When the next step is due: after so long, or when `when` holds. */
  readonly stepMs?: number;
  when?(scene: Scene): boolean;
  step?(scene: Scene): void;
  /** A newer release comes at the end, as one always does for those that can never be kept. */
  readonly isFollowed?: boolean;
  /** Boots of release 2 that are allowed in 30 days. */
  readonly trialsMax?: number;
  /** True where release 2 is itself to blame, and must be remembered as bad. */
  readonly isOwnFault?: boolean;
  /** Bounds that are not the usual ones. */
  readonly wear?: Partial<WearBounds>;
  /** Time of one signature check, and the watchdog of a trial; those of an ESP32 otherwise. */
  readonly verificationMs?: number;
  readonly watchdogTimeoutMs?: number;
  /** True on a board whose bootloader does not revert, and an application that allows that. */
  readonly isUnguarded?: boolean;
  /** The release that is offered first; default 2. */
  readonly first?: number;
  /** The newest release must run although the habit goes on. */
  readonly keepsUp?: boolean;
  /** The server must have heard that release 2 has failed. */
  readonly isTold?: boolean;
  /** After a day no result may wait any more: nobody takes it. */
  readonly isDropped?: boolean;
  /** Hours of uptime after which the device must be up to date; default 24. */
  readonly recoveryHours?: number;
}
