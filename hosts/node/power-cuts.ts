/**
 * For application developers: boots a simulated board with your two images and your own firmware
 * code, cuts the power everywhere, and says whether the device always comes back upright.
 */
import { Agent } from "../../src/agent/agent.js";
import type { SelfTest } from "../../src/agent/options.js";
import { parseImageHeader } from "../../src/boot/image.js";
import { createHal } from "../esp32/hal.js";
import type { BootedDevice } from "../simulator/board.js";
import type { PromiseId } from "../simulator/checkers.js";
import { defaultImageBytes, type Ending, type Start } from "../simulator/plan.js";
import type { BenchFirmware } from "../simulator/rest.js";
import type { PlanResult } from "../simulator/run-plan.js";
import { Sweep } from "../simulator/sweep.js";
import { makeStage, replay, type StageOptions } from "./bench.js";

export interface PowerCutTest {
  /** ESP32 image that the device runs before; whole, with its appended SHA-256. */
  readonly oldImage: Uint8Array;
  /** ESP32 image of the update, for the same chip. */
  readonly newImage: Uint8Array;
  /** Your self-tests, made anew in each boot of the new image. Default: none. */
  readonly selfTests?: (device: BootedDevice) => readonly SelfTest[];
  /**
   * Your whole firmware in the place of `selfTests`: called once per boot of the new image, with
   * the options that its agent must get. It may throw, crash or hang the device.
   */
  readonly firmware?: BenchFirmware;
  /** How the update must end. Default "healthy": it is kept. */
  readonly expected?: Exclude<Ending, "refused" | "installed">;
  /** Default "known": the old image is confirmed. "fresh": straight from the factory. */
  readonly start?: Exclude<Start, "second">;
  /** True: also every second cut in every recovery; minutes instead of seconds. Default false. */
  readonly pairs?: boolean;
  /** Seed of all chance, 0 to 4294967295; default 1. */
  readonly seed?: number;
}

export interface PowerCutVerdict {
  /** True when every promise held in every history. */
  readonly ok: boolean;
  /** Histories with one or two cuts that were covered. */
  readonly histories: number;
  /** Boots that were run, and those of them that lost their supply. */
  readonly boots: number;
  readonly interrupted: number;
  /** What went wrong, at most ten; `line` replays it with `replayPowerCut`. */
  readonly violations: readonly {
    readonly promise: PromiseId;
    readonly text: string;
    readonly line: string;
  }[];
}

const violationsMax = 10;

/**
 * Cuts the supply before, in and after every flash and key-value operation of one whole update, in
 * every way an operation can tear, and follows each recovery to its end. Deterministic.
 * Throws RangeError for images that are not valid, or an old image whose device does not settle.
 */
export function everyPowerCut(test: PowerCutTest): PowerCutVerdict {
  const plan = {
    ending: test.expected ?? "healthy",
    start: test.start ?? "known",
    seed: test.seed ?? 1,
    imageBytes: defaultImageBytes,
    faults: [],
    network: [],
  };
  const sweep = new Sweep(makeStage(plan, stageOptions(test)), plan, violationsMax);
  const firsts = sweep.singles().length;
  if (test.pairs === true) sweep.pairs(0, firsts);
  return {
    ok: sweep.failures.length === 0,
    histories: sweep.counts.plans,
    boots: sweep.counts.executed,
    interrupted: sweep.counts.interrupted,
    violations: sweep.failures.map(({ line, violation }) => ({
      promise: violation.promise,
      text: violation.text,
      line,
    })),
  };
}

/**
 * Runs the one history that `line` names, as `everyPowerCut` reported it. `onLine` gets a line for
 * each thing that happens, with the milliseconds since its boot. Throws RangeError for a bad line.
 */
export function replayPowerCut(
  test: PowerCutTest,
  line: string,
  onLine?: (atMs: number, line: string) => void,
): PlanResult {
  return replay(line, { ...stageOptions(test), ...(onLine === undefined ? {} : { onLine }) });
}

function stageOptions(test: PowerCutTest): StageOptions {
  const { oldImage, newImage, selfTests, firmware } = test;
  checkImageArgument("oldImage", oldImage);
  checkImageArgument("newImage", newImage);
  const withTests: BenchFirmware = (device, options) => {
    const tests = selfTests?.(device) ?? [];
    new Agent(createHal(device.platform), { ...options, selfTests: tests }).start();
  };
  const oldFirmware: BenchFirmware = (device, options) => {
    new Agent(createHal(device.platform), options).start();
  };
  const newIsHealthy = (test.expected ?? "healthy") === "healthy";
  const newFirmware = firmware ?? withTests;
  return { images: { oldImage, newImage, oldFirmware, newFirmware, newIsHealthy } };
}

/** Callers in JavaScript have no compiler: a missing image must not pass for a tested one. */
function checkImageArgument(name: string, bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) {
    throw new RangeError(`${name} must be the bytes of an ESP32 image (Uint8Array)`);
  }
  const header = parseImageHeader(bytes);
  if (!header.ok) throw new RangeError(`${name} is not an ESP32 image: ${header.code}`);
}
