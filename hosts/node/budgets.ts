/**
 * `npm run budgets`: what the device part needs on XS, beside the budgets.
 * Prints tables; the exit code is 1 when anything is over.
 */
import { spawnSync } from "node:child_process";
import { blockBytes, growsWithImage, measureUpdate, type Phase, sum } from "./xs-measure.js";
import { type Creation, esp32Creation, xsArguments, xsModule, xsProgram } from "./xs-process.js";

const smallBytes = 128 * 1024;
const largeBytes = 256 * 1024;

/** Budgets are limits; goals are wishes. */
const budgets = {
  chunkBytes: { limit: 16_384, goal: 8192 },
  slots: { limit: 1000, goal: 600 },
  stackSlots: { limit: 384, goal: 384 },
  coreCodeBytes: { limit: 24_576, goal: 20_480 },
  names: { limit: 0, goal: 0 },
};

/** Code of each module, in bytes, as it lies in flash. */
function moduleSizes(): Map<string, number> {
  const parameters = xsArguments(esp32Creation, xsModule("dist/hosts/xs/device.js"), ["--sizes"]);
  const { stdout, status } = spawnSync(xsProgram().path, parameters, { encoding: "utf8" });
  if (status !== 0) throw new Error("the XS host could not list the modules");
  const sizes = new Map<string, number>();
  for (const [, bytes, path] of stdout.matchAll(/^code (\d+) (.*)$/gm)) {
    const name = path.replace(/^.*\/(dist|node_modules)\//, "");
    sizes.set(name, Number(bytes));
  }
  return sizes;
}

function survives(creation: Creation): boolean {
  const options = { creation, quiet: true, stopAtAbort: true };
  return measureUpdate(smallBytes, false, options) !== null;
}

/** The smallest value of one dimension with which the update gets through, within `step`. */
function smallest(field: keyof Creation, low: number, step: number): number {
  let bad = low;
  let good = esp32Creation[field];
  while (good - bad > step) {
    const middle = Math.floor((good + bad) / 2);
    if (survives({ ...esp32Creation, [field]: middle })) good = middle;
    else bad = middle;
  }
  return good;
}

function printPhases(exact: readonly Phase[], usual: readonly Phase[]): void {
  console.log("boot phase                 live chunk  live slots  names   GCs      meter");
  exact.forEach(({ boot, phase, chunkBytes, slots, names }, index) => {
    const { collections, meter } = usual[index];
    console.log(
      `${String(boot).padEnd(4)} ${phase.padEnd(20)} ${String(chunkBytes).padStart(11)} ` +
        `${String(slots).padStart(11)} ${String(names).padStart(6)} ` +
        `${String(collections).padStart(5)} ${String(meter).padStart(10)}`,
    );
  });
}

function printModules(sizes: ReadonlyMap<string, number>): Record<string, number> {
  const groups: Record<string, number> = { core: 0, noble: 0, "crc-32": 0, "test glue": 0 };
  for (const [name, bytes] of sizes) {
    const group = name.startsWith("@noble")
      ? "noble"
      : name.startsWith("crc-32")
        ? "crc-32"
        : name.startsWith("hosts/xs")
          ? "test glue"
          : "core";
    groups[group] += bytes;
  }
  console.log("\nbyte code per module, bytes, preloaded: in flash, none of it in RAM");
  for (const [name, bytes] of [...sizes].sort(([, a], [, b]) => b - a)) {
    console.log(`${String(bytes).padStart(7)}  ${name}`);
  }
  for (const [group, bytes] of Object.entries(groups)) {
    console.log(`${String(bytes).padStart(7)}  = ${group}`);
  }
  return groups;
}

function check(
  what: string,
  value: number,
  { limit, goal }: { limit: number; goal: number },
): void {
  const isOver = value > limit;
  const verdict = isOver
    ? "OVER"
    : value > goal
      ? "within budget, over the goal"
      : "within the goal";
  console.log(
    `${what.padEnd(34)} ${String(value).padStart(7)}  budget ${String(limit).padStart(6)}, ` +
      `goal ${String(goal).padStart(6)}  ${verdict}`,
  );
  if (isOver) process.exitCode = 1;
}

function main(): void {
  console.log(`XS 13.3, ${xsProgram().bits} bit, one update of ${largeBytes / 1024} KB\n`);
  const exact = measureUpdate(largeBytes, false, { collectOften: true });
  const usual = measureUpdate(largeBytes, false);
  const small = measureUpdate(smallBytes, false);
  if (exact === null || usual === null || small === null) {
    throw new Error("the update does not get through in the machine of the budgets");
  }
  printPhases(exact, usual);
  const blocks = (largeBytes - smallBytes) / blockBytes;
  const grown = sum(usual, "meter", growsWithImage) - sum(small, "meter", growsWithImage);
  const meter = grown / blocks;
  console.log(`\nmetering units per further block of 4 KB: ${meter.toFixed(0)}`);
  const sizes = moduleSizes();
  const groups = printModules(sizes);
  const most = (field: "chunkBytes" | "slots" | "names"): number =>
    Math.max(...exact.map((phase) => phase[field]));
  const stack = smallest("stackSlots", 64, 4);
  console.log("\nsmallest machine that survives, each with the other two as on the board:");
  console.log(`  chunk ${smallest("chunkBytes", 1024, 128)} bytes`);
  console.log(`  heap  ${smallest("heapSlots", 64, 8)} slots`);
  console.log(`  stack ${stack} slots\n`);
  check("live chunk, peak, bytes", most("chunkBytes"), budgets.chunkBytes);
  check("live slots, peak", most("slots"), budgets.slots);
  check("stack slots", stack, budgets.stackSlots);
  check("property names made at run time", most("names"), budgets.names);
  check("byte code of the core, bytes", groups.core, budgets.coreCodeBytes);
}

main();
