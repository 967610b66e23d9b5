/**
 * `npm run bench`: what the agent costs on XS beside the loop that a user would otherwise write, in
 * i386 instructions counted by callgrind: same engine, same image, same network. Digest, flash and
 * sockets are native on a device and count for neither side.
 */
import { spawnSync } from "node:child_process";
import {
  blockBytes,
  growsWithImage,
  measureLoop,
  measureUpdate,
  type Phase,
  sum,
} from "./xs-measure.js";
import { xsProgram } from "./xs-process.js";
import { printSignatures } from "./xs-signatures.js";

const smallBytes = 128 * 1024;
const largeBytes = 256 * 1024;
const repeats = 3;
/** The agent may cost this much of the loop, as one usually writes it, for each block. */
const ratioMax = 2;
/**
 * CoreMark under callgrind against CoreMark on one ESP32 core of 240 MHz gives 166 to 172 million
 * i386 instructions a second from cache; code in QIO flash runs 1.5 to 2.8 times slower.
 */
const esp32PerSecond = { slow: 60e6, fast: 115e6 };

function need(phases: Phase[] | null, what: string): Phase[] {
  if (phases === null) throw new Error(`${what} did not get through`);
  return phases;
}

function milliseconds(instructions: number): string {
  const fast = (1000 * instructions) / esp32PerSecond.fast;
  const slow = (1000 * instructions) / esp32PerSecond.slow;
  const digits = slow < 10 ? 2 : 0;
  return `${fast.toFixed(digits)}..${slow.toFixed(digits)} ms`;
}

const number = (value: number): string => Math.round(value).toLocaleString("en-US");

function sameThreeTimes(): Phase[] {
  const runs = Array.from({ length: repeats }, () =>
    need(measureUpdate(smallBytes, true), "the update"),
  );
  const texts = runs.map((phases) => phases.map(({ instructions }) => instructions).join(" "));
  const isSame = texts.every((text) => text === texts[0]);
  console.log(`callgrind counts of ${repeats} runs: ${isSame ? "equal" : "DIFFERENT"}`);
  if (!isSame) {
    console.log(texts.join("\n"));
    process.exitCode = 1;
  }
  return runs[0];
}

function printPhases(phases: readonly Phase[]): void {
  console.log(`\none update of ${largeBytes / 1024} KB, phase by phase; a phase may come again`);
  console.log("boot phase                 instructions     meter  GCs  ESP32 240 MHz, estimate");
  for (const { boot, phase, instructions, meter, collections } of phases) {
    const counts = `${number(instructions).padStart(13)} ${number(meter).padStart(9)}`;
    const tail = `${String(collections).padStart(4)}  ${milliseconds(instructions)}`;
    console.log(`${String(boot).padEnd(4)} ${phase.padEnd(20)} ${counts} ${tail}`);
  }
  const largest = [...phases].sort((a, b) => b.instructions - a.instructions).slice(0, 3);
  const all = sum(phases, "instructions");
  const costs = largest.map(
    ({ boot, phase, instructions }) =>
      `${phase} of boot ${boot} (${((100 * instructions) / all).toFixed(0)} %)`,
  );
  console.log(`the three largest costs: ${costs.join(", ")}`);
}

/**
 * Says that counts of a 64-bit machine are none of a device's. Returns the exit code: CI must have
 * a 32-bit compiler.
 */
function refuseFigures(): number {
  console.log(
    "\nNONE OF THESE FIGURES COUNTS: XS was built for 64 bits, whose slots have 32 bytes.\n" +
      "Install gcc-multilib and run this again. In CI this is a failure.",
  );
  return process.env.CI === undefined ? 0 : 1;
}

function main(): void {
  if (spawnSync("valgrind", ["--version"]).status !== 0) {
    throw new Error("the bench counts with valgrind (Debian: apt-get install valgrind)");
  }
  console.log(`XS 13.3, ${xsProgram().bits} bit; instructions without digest, flash and sockets`);
  const smallUpdate = sameThreeTimes();
  const largeUpdate = need(measureUpdate(largeBytes, true), "the update");
  const loopOf = (bytes: number, kind: "plain" | "lean"): Phase[] =>
    need(measureLoop(bytes, true, kind), "the loop");
  const largeLoop = loopOf(largeBytes, "plain");
  printPhases(largeUpdate);

  const blocks = (largeBytes - smallBytes) / blockBytes;
  const isLoop = ({ phase }: Phase): boolean => phase === "loop";
  const isDownload = ({ phase }: Phase): boolean => phase === "writing:download";
  const isReadBack = ({ phase }: Phase): boolean => phase.endsWith(":read-back");
  const perBlock = (
    large: readonly Phase[],
    small: readonly Phase[],
    takes: (phase: Phase) => boolean,
  ): number => (sum(large, "instructions", takes) - sum(small, "instructions", takes)) / blocks;
  const loop = perBlock(largeLoop, loopOf(smallBytes, "plain"), isLoop);
  const largeLean = loopOf(largeBytes, "lean");
  const lean = perBlock(largeLean, loopOf(smallBytes, "lean"), isLoop);
  const download = perBlock(largeUpdate, smallUpdate, isDownload);
  const readBack = perBlock(largeUpdate, smallUpdate, isReadBack);
  const whole = perBlock(largeUpdate, smallUpdate, growsWithImage);
  console.log("\nper further block of 4 KB         instructions   ratio  ESP32, estimate");
  for (const [what, count] of [
    ["plain loop", loop],
    ["the same at its leanest", lean],
    ["agent: download and write", download],
    ["agent: read-back, twice", readBack],
    ["agent: all of an update", whole],
  ] as const) {
    const ratio = `${(count / loop).toFixed(2)}x`.padStart(7);
    console.log(
      `${what.padEnd(30)} ${number(count).padStart(15)} ${ratio}  ${milliseconds(count)}`,
    );
  }
  const wholeLoop = sum(largeLoop, "instructions", isLoop);
  const wholeUpdate = sum(largeUpdate, "instructions");
  const kilobytes = largeBytes / 1024;
  console.log(
    `\nwhole run: loop ${number(wholeLoop / kilobytes)} instructions per KB, agent ` +
      `${number(wholeUpdate / kilobytes)} (${(wholeUpdate / wholeLoop).toFixed(1)}x: signatures ` +
      "are verified per offer, whatever the size of the image)",
  );
  console.log(`download and write per block: ${(download / lean).toFixed(2)}x the leanest loop`);
  const isMet = download / loop <= ratioMax;
  console.log(`download and write per block <= ${ratioMax}x the loop: ${isMet ? "met" : "MISSED"}`);
  if (!isMet) process.exitCode = 1;
  printSignatures();
  if (xsProgram().bits === 64) process.exitCode = refuseFigures();
}

main();
