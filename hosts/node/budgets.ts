/**
 * `npm run budgets`: what each part of a device's software needs on XS, beside its budget. Prints
 * tables; the exit code is 1 when anything is over.
 */

import { deviceModule, type XsCpuOptions } from "./xs-device.js";
import {
  blockBytes,
  growsWithImage,
  headAtBound,
  measureUpdate,
  type Phase,
  sum,
} from "./xs-measure.js";
import {
  liveLimitsOf,
  measureParts,
  moduleSizes,
  most,
  type PartCost,
  partLimitsOf,
  partsOver,
} from "./xs-parts.js";
import { type Creation, esp32Creation, xsProgram } from "./xs-process.js";

const smallBytes = 128 * 1024;
const largeBytes = 256 * 1024;

const { bits } = xsProgram();
const live = liveLimitsOf(bits);

/** Budgets of the machine with all parts in it. Budgets are limits; goals are wishes. */
const budgets = {
  chunkBytes: { limit: live.chunkBytes, goal: 8192 },
  slots: { limit: live.slots, goal: 600 },
  // Of the smallest build's 384 some is left for TLS, which lies deeper: a reserve, not measured.
  stackSlots: { limit: 352, goal: 320 },
  names: { limit: 0, goal: 0 },
};

/**
 * The design's figure for the core's byte code. It is not reached. Of 59.6 KB 73 % are the parts of
 * src/agent, 20 % SUIT, CBOR, signatures and images, 5 % the journal's records. By kind: 7.5 KB are
 * strings (events, actions, reasons, messages), 6.3 KB imports, exports and module frames, 9.5 KB
 * frames, parameters and captured names of 412 functions. Without a single string, import or
 * export 45.8 KB would be left. So the limit of the part "agent" is what was reached, and this
 * figure stays to be read beside it.
 */
const designCode = { limit: 24_576, goal: 20_480 };

/** Every head of the update as large as the guards let it be. */
const withHeads = (kind: "lines" | "line"): XsCpuOptions => ({
  onHead: (_path, head) => headAtBound(head, kind),
});

function survives(creation: Creation, more: XsCpuOptions): boolean {
  const options = { ...more, creation, quiet: true, stopAtAbort: true };
  return measureUpdate(smallBytes, false, options) !== null;
}

/** The smallest value of one dimension with which the update gets through, within `step`. */
function smallest(
  field: "chunkBytes" | "heapSlots" | "stackSlots",
  low: number,
  step: number,
  more: XsCpuOptions = {},
): number {
  let bad = low;
  let good = esp32Creation[field];
  while (good - bad > step) {
    const middle = Math.floor((good + bad) / 2);
    if (survives({ ...esp32Creation, [field]: middle }, more)) good = middle;
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

function printModules(): void {
  console.log("\nbyte code per module, bytes, preloaded: in flash, none of it in RAM");
  for (const [name, bytes] of [...moduleSizes(deviceModule)].sort(([, a], [, b]) => b - a)) {
    console.log(`${String(bytes).padStart(7)}  ${name}`);
  }
}

/** One value with its limit. */
function held(value: number, limit: number | undefined): string {
  const bound = limit === undefined ? "" : ` ${value > limit ? "OVER" : "of"} ${limit}`;
  return `${value}${bound}`.padStart(17);
}

function printParts(parts: readonly PartCost[]): void {
  console.log("\neach part on its own; RAM beyond the parts below it, loaded and at its peak");
  console.log(
    "part                            byte code, flash   slots, peak   chunk bytes, peak   loaded",
  );
  for (const { part, note, codeBytes, loaded, peak } of parts) {
    const limits = partLimitsOf(bits)[part];
    console.log(
      `${`${part}${note}`.padEnd(32)}${held(codeBytes, limits?.codeBytes)} ` +
        `${held(peak.slots, limits?.slots)} ${held(peak.chunkBytes, limits?.chunkBytes)}   ` +
        `${loaded.slots} slots, ${loaded.chunkBytes} bytes`,
    );
  }
  if (partsOver(parts).length > 0) process.exitCode = 1;
  const core = parts.find(({ part }) => part === "agent")?.codeBytes ?? 0;
  const times = (core / designCode.limit).toFixed(1);
  console.log(
    `the design's ${designCode.limit} bytes (goal ${designCode.goal}) for the core's byte code: ` +
      `${core <= designCode.limit ? "reached" : `NOT REACHED, ${times} times as much`}`,
  );
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

function printMachine(exact: readonly Phase[]): void {
  const stack = smallest("stackSlots", 64, 4);
  console.log("\nsmallest machine that survives, each with the other two as on the board:");
  console.log(`  chunk ${smallest("chunkBytes", 1024, 128)} bytes`);
  console.log(`  heap  ${smallest("heapSlots", 64, 8)} slots`);
  console.log(`  stack ${stack} slots`);
  const line = smallest("chunkBytes", 1024, 128, withHeads("line"));
  const lines = smallest("heapSlots", 64, 8, withHeads("lines"));
  console.log(`with heads at their bound: chunk ${line} bytes, heap ${lines} slots\n`);
  const peak = most(exact);
  const bounded = measureUpdate(smallBytes, false, { collectOften: true, ...withHeads("lines") });
  if (bounded === null) throw new Error("heads at their bound end the update");
  const worst = most(bounded);
  console.log("the whole machine: agent, ESP32 host, test glue");
  check("live chunk, peak, bytes", peak.chunkBytes, budgets.chunkBytes);
  check("live slots, peak", peak.slots, budgets.slots);
  check("chunk, heads at their bound", worst.chunkBytes, budgets.chunkBytes);
  check("slots, heads at their bound", worst.slots, budgets.slots);
  check("stack slots", stack, budgets.stackSlots);
  const names = Math.max(...exact.map((phase) => phase.names));
  check("property names made at run time", names, budgets.names);
}

function main(): void {
  console.log(`XS 13.3, ${bits} bit, one update of ${largeBytes / 1024} KB\n`);
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
  printModules();
  printParts(measureParts(exact));
  printMachine(exact);
  if (bits === 64) {
    console.log(
      "\nNo figure above is a device's: XS was built for 64 bits, and is held against limits of\n" +
        "its own. Install gcc-multilib and run this again for those of the design.",
    );
  }
}

main();
