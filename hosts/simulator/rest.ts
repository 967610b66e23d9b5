/** What a bench is made of, and what outlives a boot on it. */
import type { AgentOptions } from "../../src/agent/options.js";
import type { DescribeEnvelope } from "../../src/server/catalog.js";
import type { StoredReport } from "../../src/server/report.js";
import type { BootedDevice } from "./board.js";
import type { BoardBuild } from "./board-build.js";
import type { CheckersState, Violation } from "./checkers.js";
import type { FlashSnapshot } from "./flash.js";
import type { Layout } from "./layout.js";
import type { BootEnd } from "./reset-reasons.js";
import type { SimulatedRelease, SimulationNatives } from "./simulation.js";
import type { OperationSeen } from "./tears.js";

/** What an image does; gets the agent's options, which it hands on to the agent as they are. */
export type BenchFirmware = (device: BootedDevice, options: AgentOptions) => void;

/** An image that some release carries, and what it does when it runs. */
export interface BenchImage {
  readonly bytes: Uint8Array;
  /** False for one that must not be kept. */
  readonly isHealthy: boolean;
  readonly firmware: BenchFirmware;
}

export interface BenchOptions {
  readonly natives: SimulationNatives;
  readonly describe: DescribeEnvelope;
  readonly trustAnchor: Uint8Array;
  readonly vendor: string;
  readonly deviceClass: string;
  readonly chipId: number;
  readonly layout: Layout;
  readonly seed: number;
  /** The first one is in ota_0 from the factory. */
  readonly images: readonly BenchImage[];
  /** What the server offers one after the other; a rest says how many are published. */
  readonly releases: readonly SimulatedRelease[];
  readonly agent?: Partial<AgentOptions>;
  /** Timers that the firmware of its images may have at once, where that is known. */
  readonly timersMax?: number;
  readonly build?: BoardBuild;
  /** Time of one signature check; default that of an ESP32 (durations.ts). */
  readonly verificationMs?: number;
  /** A line for each thing that happens. */
  readonly onLine?: (atMs: number, line: string) => void;
}

/** All that is left of a device, its server and its checkers between two boots. */
export interface Rest {
  readonly flash: FlashSnapshot;
  readonly keyValue: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;
  readonly reports: readonly StoredReport[];
  readonly checkers: CheckersState;
  /** Index of the newest release on the server; -1 when it offers none. */
  readonly offered: number;
  /** Why the next boot begins. */
  readonly reason: BootEnd;
  /** Counted since the plan began. */
  readonly boots: number;
  readonly operations: number;
  readonly atMs: number;
  readonly payloadBytes: number;
  /** The same by path: a resume may only go on where the device has come to. */
  readonly fetched: ReadonlyMap<string, number>;
  readonly keyValueWrites: number;
}

/** "reset": the boot ended; "settled": nothing is left to do; "time": too long; "dead": no boot. */
export type BenchEnd = "reset" | "settled" | "time" | "dead";

export interface BootOutcome {
  readonly end: BenchEnd;
  /** True when the supply was cut in this boot: an interrupted boot. */
  readonly interrupted: boolean;
  readonly rest: Rest;
  /** Operations of this boot, in order. */
  readonly operations: readonly OperationSeen[];
  readonly violations: readonly Violation[];
  /** The image that ran; "" when none did. */
  readonly imageHex: string;
}
