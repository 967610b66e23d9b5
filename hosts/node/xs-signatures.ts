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

const nameWidth = 46;
const widths = [6, 12, 5, 12, 10];

/** Numbers of one stretch between two feeds of the watchdog. */
interface Stretch {
  readonly instructions: number;
  readonly collections: number;
  readonly chunkBytes: number;
  readonly signatures: number;
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
    const marks = [...stdout.matchAll(/^mark (\S+) (\d+) \d+ (\d+) \d+ \d+ (\d+)/gm)];
    return marks.flatMap(([, phase, chunkBytes, collections, signatures], index) =>
      phase === "signature"
        ? [
            {
              instructions: totalOf(join(folder, `boot-1.${index + 1}`)),
              collections: Number(collections),
              chunkBytes: Number(chunkBytes),
              signatures: Number(signatures),
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
  const total = (field: keyof Stretch): number =>
    stretches.reduce((sum, stretch) => sum + stretch[field], 0);
  const most = (field: keyof Stretch): number =>
    Math.max(...stretches.map((stretch) => stretch[field]));
  const columns = [
    total("signatures"),
    total("instructions"),
    total("collections"),
    most("instructions"),
    // Not known where no chunk was collected.
    most("chunkBytes") || "-",
  ].map((value, index) => value.toLocaleString("en-US").padStart(widths[index]));
  return `${what.padEnd(nameWidth)} ${columns.join(" ")}`;
}

/** Prints the table: one row per machine and kind of work. */
export function printSignatures(): void {
  console.log("\none signature check, and one poll that brings nothing new");
  const heads = ["checks", "instructions", "GCs", "at a stretch", "live chunk"];
  const head = heads.map((name, index) => name.padStart(widths[index])).join(" ");
  console.log(`${"machine".padEnd(nameWidth)} ${head}`);
  const check = "dist/hosts/xs/parts/signature.js";
  const crowded = "dist/hosts/xs/parts/signature-crowded.js";
  for (const [name, creation] of machines) console.log(row(name, signature(check, creation)));
  for (const [name, creation] of machines) {
    if (creation === smallCreation) continue;
    console.log(row(`${name}, full`, signature(crowded, creation)));
  }
  for (const [name, creation] of machines) console.log(row(`poll, ${name}`, idlePoll(creation)));
}
