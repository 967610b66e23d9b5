/** Runs on XS that are measured: phases of an update, with instructions counted by callgrind. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildImage } from "../../src/author/esp-image.js";
import { limits } from "../../src/limits.js";
import { Simulation } from "../simulator/simulation.js";
import { describeForServer } from "./describe.js";
import { nodeDigest } from "./digest.js";
import { makeRelease, nodeNatives, standardRun, throwAwaySigner } from "./simulator.js";
import { type PhaseMark, XsCpu, type XsCpuOptions } from "./xs-device.js";

export const blockBytes = 4096;

export interface Phase extends PhaseMark {
  /** i386 instructions of the device's machine, without board, pipes, digests; 0 if not counted. */
  readonly instructions: number;
}

/** Two images of one chip, of exactly that size. */
export function images(sizeBytes: number): {
  readonly oldImage: Uint8Array;
  readonly newImage: Uint8Array;
} {
  const make = (version: string, fillSeed: number): Uint8Array =>
    buildImage({ chipId: 0, version, projectName: "bench", sizeBytes, fillSeed }, nodeDigest);
  return { oldImage: make("1", 1), newImage: make("2", 2) };
}

/** callgrind in front of the host; one file per phase and boot in `folder`. */
export function callgrind(folder: string): (boot: number) => readonly string[] {
  return (boot) => [
    "valgrind",
    "--quiet",
    "--tool=callgrind",
    "--collect-atstart=no",
    `--callgrind-out-file=${join(folder, `boot-${boot}`)}`,
  ];
}

/** Callgrind numbers the dumps of a process from 1, as its marks come. */
function withInstructions(marks: readonly PhaseMark[], folder: string | null): Phase[] {
  const counts = new Map<number, number>();
  return marks.map((mark) => {
    const index = (counts.get(mark.boot) ?? 0) + 1;
    counts.set(mark.boot, index);
    if (folder === null) return { ...mark, instructions: 0 };
    return { ...mark, instructions: totalOf(join(folder, `boot-${mark.boot}.${index}`)) };
  });
}

/** Instructions that a dump of callgrind counts. */
export function totalOf(path: string): number {
  const totals = /^(?:totals|summary): (\d+)/m.exec(readFileSync(path, "latin1"));
  if (totals === null) throw new Error(`callgrind wrote no total to ${path}`);
  return Number(totals[1]);
}

/** What `run` takes on XS, phase by phase; null when it fails. */
export function measured(
  counted: boolean,
  options: XsCpuOptions,
  run: (cpu: XsCpu) => boolean,
): Phase[] | null {
  const folder = counted ? mkdtempSync(join(tmpdir(), "daruma-callgrind-")) : null;
  const cpu = new XsCpu({ ...options, ...(folder === null ? {} : { prefix: callgrind(folder) }) });
  try {
    const ok = run(cpu) && cpu.aborts.length === 0;
    return ok ? withInstructions(cpu.marks, folder) : null;
  } finally {
    cpu.close();
    if (folder !== null) rmSync(folder, { recursive: true });
  }
}

/**
 * A whole update (a forged offer, then the good one) with images of `sizeBytes`; null when it does
 * not get through in that machine.
 */
export function measureUpdate(
  sizeBytes: number,
  counted: boolean,
  options: XsCpuOptions = {},
): Phase[] | null {
  return measured(counted, options, (cpu) => {
    const run = { ...images(sizeBytes), behaviour: "healthy" as const, seed: 7 };
    return standardRun({ ...run, more: { firmware: cpu.firmware } }).passed;
  });
}

/**
 * A head as large as the guards let it be: in as many lines as they take, which costs slots and
 * most of what is live, or mostly in one, whose copies need most room for a moment.
 */
export function headAtBound(head: string, kind: "lines" | "line"): string {
  const room = limits.headBytesMax - head.length;
  const count = kind === "line" ? 1 : limits.headLinesMax - head.split("\r\n").length + 1;
  let more = "";
  for (let i = 0; i < count; i++) {
    const name = `x-${i}: `;
    const bytes = Math.floor((room * (i + 1)) / count) - more.length;
    more += `${name}${"y".repeat(bytes - name.length - 2)}\r\n`;
  }
  return head.replace("\r\n", `\r\n${more}`);
}

/** Modules of the loops that the agent is measured against. */
const loops = {
  plain: "dist/hosts/xs/plain-loop.js",
  lean: "dist/hosts/xs/lean-loop.js",
} as const;

/** A loop over the same image and network. */
export function measureLoop(
  sizeBytes: number,
  counted: boolean,
  kind: keyof typeof loops,
): Phase[] | null {
  return measured(counted, { module: () => loops[kind] }, (cpu) => {
    const { oldImage, newImage } = images(sizeBytes);
    const signer = throwAwaySigner("bench");
    const common = { signer, vendor: "example.com", deviceClass: "lamp-v2" };
    const release = (image: Uint8Array, sequenceNumber: number) =>
      makeRelease({ ...common, image, sequenceNumber, versionText: `${sequenceNumber}` });
    const installed = release(oldImage, 1);
    const next = release(newImage, 2);
    const simulation = new Simulation({
      natives: nodeNatives,
      describe: describeForServer,
      trustAnchor: signer.publicKey,
      vendor: common.vendor,
      deviceClass: common.deviceClass,
      chipId: 0,
      installed,
      serverUrl: `http://updates.example.com/${common.vendor}/${common.deviceClass}/${next.uri}`,
      firmware: cpu.firmware,
    });
    simulation.publish(next);
    const isOver = (): boolean => cpu.marks.some(({ phase }) => phase === "loop");
    simulation.run(isOver, 1e7);
    const slot = simulation.layout.partitions.find(({ label }) => label === "ota_1");
    const start = slot?.offset ?? 0;
    const written = simulation.flash.bytes.subarray(start, start + newImage.length);
    return isOver() && Buffer.compare(written, newImage) === 0;
  });
}

/**
 * Phases whose cost grows with the image: download, read-backs, the digest of an adopted image at
 * boot. The others verify signatures, whose cost varies with the signature by some per cent.
 */
export function growsWithImage({ phase }: Phase): boolean {
  return phase === "boot" || phase.endsWith(":download") || phase.endsWith(":read-back");
}

/** Sum of a field over phases that a predicate takes. */
export function sum(
  phases: readonly Phase[],
  field: "instructions" | "meter" | "collections",
  takes: (phase: Phase) => boolean = () => true,
): number {
  let total = 0;
  for (const phase of phases) if (takes(phase)) total += phase[field];
  return total;
}
