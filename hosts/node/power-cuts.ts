/**
 * For application developers: boots a simulated board with your two images and your own firmware
 * code, cuts the power everywhere, and says whether the device always comes back upright.
 */
import { Agent } from "../../src/agent/agent.js";
import type { AgentOptions, SelfTest } from "../../src/agent/options.js";
import { parseImageHeader } from "../../src/boot/image.js";
import type { PromiseId, Violation } from "../simulator/checkers.js";
import { defaultImageBytes, type Ending, type Plan, type Start } from "../simulator/plan.js";
import type { BenchFirmware } from "../simulator/rest.js";
import type { Incident } from "../simulator/witness.js";
import { publishedPartitions, type StageOptions, type StagePartition } from "./bench.js";
import { createHal, FirmwareWatch, type PowerCutDevice } from "./firmware-watch.js";
import { PowerCutRun } from "./power-cut-run.js";

/**
 * A whole firmware: called once per boot of its image, with the options that its agent must get. It
 * may throw, crash or hang the device, and may be an async function.
 */
export type PowerCutFirmware = (device: PowerCutDevice, options: AgentOptions) => void;

export interface PowerCutTest {
  /** ESP32 image that the device runs before; whole, with its appended SHA-256. */
  readonly oldImage: Uint8Array;
  /** ESP32 image of the update, for the same chip. */
  readonly newImage: Uint8Array;
  /**
   * Your self-tests, made anew in each boot of the new image. They may be async functions, must
   * call `done`, and wait with `device.delay` or `device.timer`. A verdict names them by the names
   * of their functions. Default: none.
   */
  readonly selfTests?: (device: PowerCutDevice) => readonly SelfTest[];
  /** What the new image does. Default: an agent; `selfTests` are in its options. */
  readonly firmware?: PowerCutFirmware;
  /** What the old image does, before the update and after a revert. Default: an agent. */
  readonly oldFirmware?: PowerCutFirmware;
  /** How the update must end. Default "healthy": it is kept. */
  readonly expected?: Exclude<Ending, "refused" | "installed">;
  /** Default "known": the old image is confirmed. "fresh": straight from the factory. */
  readonly start?: Exclude<Start, "second">;
  /** True: also every second cut in every recovery; minutes instead of seconds. Default false. */
  readonly pairs?: boolean;
  /** Seed of all chance, 0 to 4294967295; default 1. */
  readonly seed?: number;
  /**
   * Data partitions of your own, beside those of the published table for images of that size, and
   * in the place of those with the same label. Sizes are multiples of 4096.
   */
  readonly partitions?: readonly { readonly label: string; readonly sizeBytes: number }[];
  /** Real time that one boot may take before it counts as an endless loop; default 10,000. */
  readonly loopTimeoutMs?: number;
}

export interface PowerCutViolation {
  /** The weightiest promise that is broken for this cause; without any cut, if it can be. */
  readonly promise: PromiseId;
  /** Where, what, and what comes of it, in one line. */
  readonly text: string;
  /** Covered histories that end in it. */
  readonly histories: number;
  /** The simplest of them that breaks that promise; `replayPowerCut` runs it again. */
  readonly line: string;
  /** What the firmware did wrong: message and stack. Null where nothing was seen. */
  readonly cause: Incident | null;
  /** That history from its start: all that happened, what was expected, what is broken. */
  readonly story: string;
}

export interface PowerCutVerdict {
  /** True when every promise held in every history. */
  readonly ok: boolean;
  /** Histories with one or two cuts that were covered. */
  readonly histories: number;
  /** Boots that were run, and those of them that lost their supply. */
  readonly boots: number;
  readonly interrupted: number;
  /**
   * What went wrong, at most ten, one for each cause: first what fails without any cut, then by the
   * weight of the promise.
   */
  readonly violations: readonly PowerCutViolation[];
  /** All of it for people. The first line names the first violation. */
  readonly text: string;
}

export interface PowerCutReplay {
  readonly line: string;
  readonly violations: readonly Violation[];
  readonly boots: number;
  readonly interrupted: number;
  /** What the firmware did wrong, in order. */
  readonly incidents: readonly Incident[];
}

const loopTimeoutMs = 10_000;

/**
 * Cuts the supply before, in and after every flash and key-value operation of one whole update, in
 * every way an operation can tear, and follows each recovery to its end. Deterministic, as long as
 * the firmware is. Rejects with RangeError for images or partitions that are not valid.
 */
export async function everyPowerCut(test: PowerCutTest): Promise<PowerCutVerdict> {
  const run = runOf(test);
  const found = await run.sweep(test.pairs === true);
  const { histories, boots, interrupted } = run;
  const violations = found.map(({ violation, text, histories, line, incident, story }) => {
    return { promise: violation.promise, text, histories, line, cause: incident, story };
  });
  const text = verdictText(violations, run);
  return { ok: violations.length === 0, histories, boots, interrupted, violations, text };
}

/** The first line names the first violation; then all in one line each, then their stories. */
function verdictText(violations: readonly PowerCutViolation[], run: PowerCutRun): string {
  const { histories, boots, causes, unfinished } = run;
  const counts = `${histories} histories with a cut, ${boots} boots`;
  if (violations.length === 0) return `every promise held in ${counts}`;
  const [first, ...others] = violations;
  const number = causes === 1 ? "1 cause" : `${causes} causes`;
  const told = causes > violations.length ? `, ${violations.length} of them told` : "";
  return [
    `${first.promise}: ${first.text}`,
    ...others.map(({ promise, text }) => `also ${promise}: ${text}`),
    "",
    ...violations.map(({ story }) => `${story}\n`),
    `${number}${told}, in ${counts}${unfinished === "" ? "" : `; ${unfinished}`}`,
  ].join("\n");
}

/**
 * Runs the one history that `line` names, as `everyPowerCut` reported it. `onLine` gets a line for
 * each thing that happens, with the milliseconds since its boot. Rejects with RangeError for a bad
 * line.
 */
export async function replayPowerCut(
  test: PowerCutTest,
  line: string,
  onLine?: (atMs: number, line: string) => void,
): Promise<PowerCutReplay> {
  const { violations, boots, interrupted, incidents } = await runOf(test).replay(line, onLine);
  return { line, violations, boots, interrupted, incidents };
}

function runOf(test: PowerCutTest): PowerCutRun {
  const plan: Plan = {
    ending: test.expected ?? "healthy",
    start: test.start ?? "known",
    seed: test.seed ?? 1,
    imageBytes: defaultImageBytes,
    faults: [],
    network: [],
  };
  const watch = new FirmwareWatch();
  return new PowerCutRun(
    plan,
    stageOptions(test, watch),
    watch,
    test.loopTimeoutMs ?? loopTimeoutMs,
  );
}

function stageOptions(test: PowerCutTest, watch: FirmwareWatch): StageOptions {
  const { oldImage, newImage, selfTests } = test;
  checkImageArgument("oldImage", oldImage);
  checkImageArgument("newImage", newImage);
  const plain: PowerCutFirmware = (device, options) => {
    new Agent(createHal(device.platform), options).start();
  };
  const { firmware = plain, oldFirmware = plain } = test;
  const newFirmware: BenchFirmware = (device, options) => {
    const given = watch.start("new", device);
    const tests = watch.watched(selfTests?.(given) ?? []);
    firmware(given, { ...options, selfTests: tests });
  };
  const images = {
    oldImage,
    newImage,
    oldFirmware: (device, options) => oldFirmware(watch.start("old", device), options),
    newFirmware,
    newIsHealthy: (test.expected ?? "healthy") === "healthy",
  } satisfies StageOptions["images"];
  return { images, partitions: partitionsOf(test) };
}

/** The partitions of the published table, with the test's own. Throws RangeError for wrong ones. */
function partitionsOf({ oldImage, newImage, partitions = [] }: PowerCutTest): StagePartition[] {
  const own = partitions.map(({ label, sizeBytes }) => {
    if (!/^[\x21-\x7e]{1,15}$/.test(label) || /^(?:nvs|otadata|ota_\d+)$/.test(label)) {
      throw new RangeError(`partitions: "${label}" is not a label for a data partition`);
    }
    if (!Number.isInteger(sizeBytes / 4096) || sizeBytes < 4096) {
      throw new RangeError(`partitions: ${label} must have a multiple of 4096 bytes`);
    }
    return { label, type: 1, subtype: 0x40, sizeBytes };
  });
  const published = publishedPartitions(Math.max(oldImage.length, newImage.length));
  return [...published.filter((one) => !own.some(({ label }) => label === one.label)), ...own];
}

/** Callers in JavaScript have no compiler: a missing image must not pass for a tested one. */
function checkImageArgument(name: string, bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) {
    throw new RangeError(`${name} must be the bytes of an ESP32 image (Uint8Array)`);
  }
  const header = parseImageHeader(bytes);
  if (!header.ok) throw new RangeError(`${name} is not an ESP32 image: ${header.code}`);
}
