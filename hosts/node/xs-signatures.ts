/**
 * What a signature check costs on XS, and what a poll that brings nothing new does, in the machines
 * of the SDK's targets: instructions by callgrind, and collections.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { networkTargetOf } from "../simulator/network-faults.js";
import { standardRun } from "./simulator.js";
import { callgrind, images, measured, totalOf } from "./xs-measure.js";
import {
  type Creation,
  esp32Creation,
  esp32c3Creation,
  smallCreation,
  xsArguments,
  xsModule,
  xsProgram,
} from "./xs-process.js";

const machines: readonly (readonly [string, Creation])[] = [
  ["esp32c3: chunk 1536 + 512, heap 512 + 64", esp32c3Creation],
  ["chunk 32768, heap 2048", smallCreation],
  ["esp32: chunk 78848, heap 4928", esp32Creation],
];

/** A number of each stretch between two feeds of the watchdog. */
interface Stretch {
  readonly instructions: number;
  readonly collections: number;
  readonly chunkBytes: number;
}

/** One verification, stretch by stretch. */
function signature(module: string, creation: Creation): Stretch[] {
  const folder = mkdtempSync(join(tmpdir(), "daruma-callgrind-"));
  try {
    const [command, ...prefix] = callgrind(folder)(1);
    const host = xsArguments(creation, xsModule(module), ["--seconds", "0"]);
    const parameters = [...prefix, xsProgram().path, ...host];
    const { stdout, status } = spawnSync(command, parameters, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${module} ended with ${status}`);
    const marks = [...stdout.matchAll(/^mark (\S+) (\d+) \d+ (\d+)/gm)];
    return marks.flatMap(([, phase, chunkBytes, collections], index) =>
      phase === "signature"
        ? [
            {
              instructions: totalOf(join(folder, `boot-1.${index + 1}`)),
              collections: Number(collections),
              chunkBytes: Number(chunkBytes),
            },
          ]
        : [],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The work of one idle poll, from one request to the next, after an update was confirmed. */
function idlePoll(creation: Creation): Stretch[] {
  const module = (boot: number): string =>
    boot === 1 ? "dist/hosts/xs/device.js" : "dist/hosts/xs/polls.js";
  // How many phases had ended when the offer was asked for.
  const requests: number[] = [];
  const phases = measured(true, { module, creation }, (cpu) => {
    const intercept = ({ path }: { readonly path: string }): void => {
      if (networkTargetOf(path) === "offer") requests.push(cpu.marks.length);
    };
    const run = { ...images(20_000), behaviour: "healthy" as const, seed: 7 };
    return standardRun({ ...run, more: { firmware: cpu.firmware, intercept } }).passed;
  });
  if (phases === null) throw new Error("the update did not get through");
  // The run ends with polls that bring nothing new.
  return phases.slice(requests.at(-2), requests.at(-1));
}

function row(what: string, stretches: readonly Stretch[]): string {
  let instructions = 0;
  let collections = 0;
  let longest = 0;
  let chunkBytes = 0;
  for (const stretch of stretches) {
    instructions += stretch.instructions;
    collections += stretch.collections;
    longest = Math.max(longest, stretch.instructions);
    chunkBytes = Math.max(chunkBytes, stretch.chunkBytes);
  }
  const number = (value: number): string => value.toLocaleString("en-US").padStart(12);
  const counts = `${number(instructions)} ${String(collections).padStart(6)} ${number(longest)}`;
  return `${what.padEnd(46)} ${counts} ${number(chunkBytes)}`;
}

/** Prints the table: one row per machine and kind of work. */
export function printSignatures(): void {
  console.log("\none signature check, and one poll that brings nothing new");
  const heads = "instructions   GCs   at a stretch  live chunk";
  console.log(`${"machine".padEnd(46)} ${heads}`);
  const check = "dist/hosts/xs/parts/signature.js";
  const crowded = "dist/hosts/xs/parts/signature-crowded.js";
  for (const [name, creation] of machines) console.log(row(name, signature(check, creation)));
  for (const [name, creation] of machines) {
    if (creation === smallCreation) continue;
    console.log(row(`${name}, full`, signature(crowded, creation)));
  }
  for (const [name, creation] of machines) console.log(row(`poll, ${name}`, idlePoll(creation)));
}
