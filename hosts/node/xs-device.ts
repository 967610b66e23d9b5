/**
 * A firmware of the simulated board that runs on the XS engine: Node is the board, one XS process
 * is the CPU of one boot. Flash, key-value storage, clock and network are the board's; the process
 * holds what a device's heap would hold. A power cut kills the process.
 */
import type { AgentOptions } from "../../src/agent/options.js";
import type { Firmware } from "../simulator/board.js";
import type { Behaviour } from "../simulator/simulation.js";
import { type BootListener, XsBoot } from "./xs-boot.js";
import {
  type Creation,
  esp32Creation,
  XsProcess,
  xsArguments,
  xsModule,
  xsProgram,
} from "./xs-process.js";

/** The firmware with an agent. */
export const deviceModule = "dist/hosts/xs/device.js";

/** What one phase took, as the host reports it when the phase ends. */
export interface PhaseMark {
  readonly boot: number;
  readonly phase: string;
  /** The most that was live after a collection: of slots any, of chunks one that sweeps them. */
  readonly chunkBytes: number;
  readonly slots: number;
  readonly collections: number;
  /** XS metering units: one per byte code. */
  readonly meter: number;
  /** Property names made at run time since the boot, which are kept for ever. */
  readonly names: number;
  /** Signature checks that came as far as their digest. */
  readonly signatures: number;
}

export interface XsCpuOptions {
  readonly creation?: Creation;
  /** Compiled module of each boot, by its number; dist/hosts/xs/device.js by default. */
  readonly module?: (boot: number) => string;
  /**
   * Collect before every request: peaks are then the most that was live at a request. What is made
   * and dropped between two requests is seen only where XS itself collects. Slow.
   */
  readonly collectOften?: boolean;
  /**
   * The most that may pass between two requests of a boot: a module that loops ends so. 60 by
   * default; none with a `prefix`, as everything takes 50 times longer under valgrind.
   */
  readonly secondsMax?: number;
  /** Says nothing when the machine aborts. */
  readonly quiet?: boolean;
  /** Gives up after an abort: boots that follow crash at once. */
  readonly stopAtAbort?: boolean;
  /** Changes the heads of answers on their way. */
  readonly onHead?: BootListener["onHead"];
  /** Command in front of the host, for example valgrind, given the number of the boot. */
  readonly prefix?: (boot: number) => readonly string[];
}

/** Runs boots on XS; give `firmware` to a Simulation, and `close` it at the end. */
export class XsCpu implements BootListener {
  readonly marks: PhaseMark[] = [];
  /** Aborts of the machine that ended a boot: "memory full", or what was thrown. */
  readonly aborts: string[] = [];
  boots = 0;
  readonly onHead: BootListener["onHead"];
  readonly #options: XsCpuOptions;
  #process: XsProcess | null = null;

  constructor(options: XsCpuOptions = {}) {
    this.#options = options;
    this.onHead = options.onHead;
  }

  /** For SimulationOptions.firmware. */
  readonly firmware = (behaviour: Behaviour, options: AgentOptions): Firmware => {
    return (device) => {
      this.close();
      if (this.#options.stopAtAbort === true && this.aborts.length > 0) device.crash();
      this.boots++;
      const { creation = esp32Creation, collectOften = false, prefix } = this.#options;
      const { secondsMax = prefix === undefined ? 60 : 0 } = this.#options;
      const module = this.#options.module?.(this.boots) ?? deviceModule;
      const more = ["--board", "--seconds", `${secondsMax}`];
      if (collectOften) more.push("--collect-often");
      const line = [
        ...(prefix?.(this.boots) ?? []),
        xsProgram().path,
        ...xsArguments(creation, xsModule(module), more),
      ];
      const started = new XsProcess(line[0], line.slice(1), this.#options.quiet);
      this.#process = started;
      new XsBoot(started, device, behaviour, options, this).serve();
    };
  };

  /** Ends the boot that runs. */
  close(): void {
    this.#process?.kill();
    this.#process = null;
  }

  aborted(text: string): void {
    this.aborts.push(text);
  }

  marked(text: string): void {
    const [phase, ...numbers] = text.split(" ");
    const [chunkBytes, slots, collections, meter, names, signatures] = numbers.map(Number);
    const counts = { chunkBytes, slots, collections, meter, names, signatures };
    this.marks.push({ boot: this.boots, phase, ...counts });
  }
}
