/** `daruma simulate`: one whole update on the simulated board, judged by the promises. */
import { existsSync, statSync } from "node:fs";
import type { Command } from "commander";
import { isOtaPartition } from "../../../src/boot/partitions.js";
import type { Layout } from "../../simulator/layout.js";
import type { Behaviour, TimelineLine } from "../../simulator/simulation.js";
import { checkImages } from "../app-image.js";
import { replay } from "../bench.js";
import { CliError } from "../errors.js";
import { writeWhole } from "../files.js";
import { printResult, renderSimulation } from "../render.js";
import { standardRun } from "../simulator.js";
import { replayWeeks } from "../weeks.js";

const behaviours: readonly Behaviour[] = ["healthy", "crash", "hang", "fail-test", "no-network"];

export interface SimulateOptions {
  readonly old: string;
  readonly new: string;
  readonly firmware: string;
  readonly seed: number;
  readonly flashOut?: string;
}

export interface SimulateResult {
  readonly passed: boolean;
  readonly firmware: string;
  readonly seed: number;
  /** The flash that was simulated, and each of its two slots. */
  readonly flashBytes: number;
  readonly slotBytes: number;
  readonly imageBytes: number;
  /** Tables of manifests/partitions whose slots hold both images. */
  readonly fitsTables: readonly string[];
  readonly result: string;
  readonly reason: string;
  readonly newImageRuns: boolean;
  readonly boots: number;
  readonly durationMs: number;
  readonly payloadBytes: number;
  readonly keyValueWrites: number;
  readonly promises: readonly { promise: string; held: boolean; text: string }[];
  readonly timeline: readonly TimelineLine[];
}

/** The tables of manifests/partitions; a test compares them. */
const publishedTables: readonly { readonly name: string; readonly slotBytes: number }[] = [
  { name: "4mb.csv", slotBytes: 1856 * 1024 },
  { name: "8mb.csv", slotBytes: 3904 * 1024 },
];

/** Names of the published tables whose slots hold an image of that size. */
export function tablesFor(imageBytes: number): string[] {
  return publishedTables.filter((one) => one.slotBytes >= imageBytes).map((one) => one.name);
}

function slotBytesOf(layout: Layout): number {
  return layout.partitions.find(isOtaPartition)?.sizeBytes ?? 0;
}

/** Runs it. Throws CliError for images that cannot be used. */
export function simulate(options: SimulateOptions): SimulateResult {
  const behaviour = behaviours.find((one) => one === options.firmware);
  if (behaviour === undefined) {
    const known = behaviours.join(", ");
    throw new CliError("usage", `--firmware ${options.firmware} is none of ${known}`, 2);
  }
  const { old: oldImage, new: newImage } = checkImages(options.old, options.new);
  const run = standardRun({
    oldImage: oldImage.bytes,
    newImage: newImage.bytes,
    behaviour,
    seed: options.seed,
  });
  if (options.flashOut !== undefined) {
    const { bytes } = run.simulation.flash;
    if (existsSync(options.flashOut) && statSync(options.flashOut).size !== bytes.length) {
      throw new CliError("out-exists", `${options.flashOut} is no flash file and is not replaced`);
    }
    writeWhole(options.flashOut, bytes);
  }
  const imageBytes = Math.max(oldImage.bytes.length, newImage.bytes.length);
  return {
    passed: run.passed,
    firmware: behaviour,
    seed: options.seed,
    flashBytes: run.simulation.layout.flashBytes,
    slotBytes: slotBytesOf(run.simulation.layout),
    imageBytes,
    fitsTables: tablesFor(imageBytes),
    result: run.result,
    reason: run.reason,
    newImageRuns: run.newImageRuns,
    boots: run.boots,
    durationMs: run.durationMs,
    payloadBytes: run.payloadBytes,
    keyValueWrites: run.keyValueWrites,
    promises: run.verdicts,
    timeline: run.simulation.timeline,
  };
}

interface SimulateArguments {
  readonly firmware: string;
  readonly seed: number;
  readonly plan?: string;
  readonly json?: boolean;
}

/** A fault plan, or a run of weeks under one bad habit. */
function replayed(line: string, onLine: (atMs: number, text: string) => void) {
  if (!line.startsWith("weeks ")) return replay(line, { onLine });
  const { boots, violations } = replayWeeks(line, onLine);
  return { line, boots, interrupted: 0, violations };
}

/** Replays a plan with the images that sweeps use, and tells all that happens. */
function simulatePlan(line: string, json: boolean): void {
  const lines: string[] = [];
  const onLine = (atMs: number, text: string): void => {
    lines.push(`${(atMs / 1000).toFixed(3).padStart(9)} s  ${text}`);
  };
  let run: ReturnType<typeof replayed>;
  try {
    run = replayed(line, onLine);
  } catch (error) {
    if (error instanceof RangeError) throw new CliError("usage", error.message, 2);
    throw error;
  }
  const { violations, boots, interrupted } = run;
  const result = { passed: violations.length === 0, line: run.line, boots, interrupted };
  printResult({ ...result, violations, timeline: lines }, json, () =>
    [
      ...lines,
      ...violations.map((one) => `${one.promise} broken: ${one.text}`),
      result.passed ? "every promise held" : "a promise was broken",
    ].join("\n"),
  );
  if (!result.passed) process.exitCode = 1;
}

export function registerSimulate(program: Command): void {
  program
    .command("simulate")
    .description("run a whole update on the simulated board, in virtual time")
    .option("--old <image>", "image that the device runs")
    .option("--new <image>", "image of the new release")
    .option("--plan <line>", "replay a fault plan, as a sweep or a test printed it")
    .option("--firmware <kind>", `what the new image does: ${behaviours.join(", ")}`, "healthy")
    .option("--seed <number>", "seed of all chance in the run", seedOf, 1)
    .option("--flash-out <file>", "write the flash as it is at the end")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ daruma simulate --old v1.bin --new v2.bin
  $ daruma simulate --old v1.bin --new v2.bin --firmware crash --flash-out flash.bin
  $ daruma boot flash.bin
`,
    )
    .action((options: Partial<SimulateOptions> & SimulateArguments, command: Command) => {
      if (options.plan !== undefined) {
        const others = ["old", "new", "firmware", "seed", "flashOut"];
        if (others.some((name) => command.getOptionValueSource(name) === "cli")) {
          const why = "--plan replays the firmware and the images of sweeps";
          throw new CliError("usage", `${why}; leave out all other options but --json`, 2);
        }
        return simulatePlan(options.plan, options.json === true);
      }
      if (options.old === undefined || options.new === undefined) {
        throw new CliError("usage", "give --old and --new, or --plan", 2);
      }
      const { old, firmware, seed } = options;
      const flashOut = options.flashOut === undefined ? {} : { flashOut: options.flashOut };
      const images = { old, new: options.new };
      const result = simulate({ ...images, firmware, seed, ...flashOut });
      printResult(result, options.json === true, renderSimulation);
      if (!result.passed) process.exitCode = 1;
    });
}

function seedOf(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 0xffffffff) return value;
  throw new CliError("usage", `--seed ${text} is not a whole number from 0 to 4294967295`, 2);
}
