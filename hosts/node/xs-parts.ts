/**
 * What each part of a device's software needs on XS: byte code, and RAM in differences of machines
 * that hold one part more.
 */
import { spawnSync } from "node:child_process";
import { standardRun } from "./simulator.js";
import { deviceModule, XsCpu } from "./xs-device.js";
import type { Phase } from "./xs-measure.js";
import { images } from "./xs-measure.js";
import { type Bits, esp32Creation, xsArguments, xsModule, xsProgram } from "./xs-process.js";

/** What is live in a machine: bytes of chunk, slots. */
export interface Live {
  readonly chunkBytes: number;
  readonly slots: number;
}

export interface PartCost {
  readonly part: string;
  /** What it includes, or what it was measured with. */
  readonly note: string;
  /** In flash, preloaded. */
  readonly codeBytes: number;
  /** After its modules were imported, before anything ran. */
  readonly loaded: Live;
  /** The most that was live while it worked. */
  readonly peak: Live;
}

export interface PartLimits {
  readonly codeBytes: number;
  readonly slots: number;
  readonly chunkBytes: number;
}

/**
 * Limits of each part in a machine of 32 bits, as on the device. For the agent's RAM they are the
 * design's goals. All others stand a little above what was reached, so that growth is seen when it
 * is made and not when it hurts. The test glue is on no device.
 */
const partLimits: Readonly<Record<string, PartLimits>> = Object.freeze({
  "boot entry": { codeBytes: 19_968, slots: 240, chunkBytes: 1024 },
  agent: { codeBytes: 71_600, slots: 600, chunkBytes: 8192 },
  entry: { codeBytes: 3260, slots: 8, chunkBytes: 64 },
  "ESP32 host": { codeBytes: 8930, slots: 130, chunkBytes: 64 },
  "Wi-Fi": { codeBytes: 540, slots: 64, chunkBytes: 64 },
  noble: { codeBytes: 11_500, slots: 100, chunkBytes: 2048 },
  "crc-32": { codeBytes: 2700, slots: 8, chunkBytes: 64 },
});

/**
 * The same for a machine of 64 bits, where byte code and chunks are larger: a little above what was
 * reached there. They stand for no device, but growth is seen where gcc cannot build the other.
 */
const partLimits64: Readonly<Record<string, PartLimits>> = Object.freeze({
  "boot entry": { codeBytes: 23_100, slots: 240, chunkBytes: 1024 },
  agent: { codeBytes: 83_500, slots: 600, chunkBytes: 8192 },
  entry: { codeBytes: 3380, slots: 8, chunkBytes: 64 },
  "ESP32 host": { codeBytes: 10_430, slots: 130, chunkBytes: 64 },
  "Wi-Fi": { codeBytes: 590, slots: 64, chunkBytes: 64 },
  noble: { codeBytes: 12_900, slots: 100, chunkBytes: 2600 },
  "crc-32": { codeBytes: 2900, slots: 8, chunkBytes: 64 },
});

/** The limits that hold in a machine of that size. */
export function partLimitsOf(bits: Bits): Readonly<Record<string, PartLimits>> {
  return bits === 32 ? partLimits : partLimits64;
}

/**
 * What may be live in the whole machine. 32 bits: the design's budgets. 64 bits: a little above
 * what is live when each head of an answer is as large as it may be.
 */
export function liveLimitsOf(bits: Bits): Live {
  return bits === 32 ? { chunkBytes: 16_384, slots: 1000 } : { chunkBytes: 16_896, slots: 1000 };
}

/** What is over its limit, one line each. */
export function partsOver(
  parts: readonly PartCost[],
  limits = partLimitsOf(xsProgram().bits),
): string[] {
  const over: string[] = [];
  for (const { part, codeBytes, peak } of parts) {
    const limit = limits[part];
    if (limit === undefined) continue;
    if (codeBytes > limit.codeBytes) over.push(`${part}: ${codeBytes} bytes of code`);
    if (peak.slots > limit.slots) over.push(`${part}: ${peak.slots} slots`);
    if (peak.chunkBytes > limit.chunkBytes) over.push(`${part}: ${peak.chunkBytes} bytes of chunk`);
  }
  return over;
}

/** A machine with some of the parts. */
interface Machine {
  readonly loaded: Live;
  readonly peak: Live;
}

const partModule = (name: string): string => `dist/hosts/xs/parts/${name}.js`;

/** Sizes of the modules that `module` loads, by path below dist or node_modules. */
export function moduleSizes(module: string): Map<string, number> {
  const parameters = xsArguments(esp32Creation, xsModule(module), ["--sizes"]);
  const { stdout, status } = spawnSync(xsProgram().path, parameters, { encoding: "utf8" });
  if (status !== 0) throw new Error(`the XS host could not list the modules of ${module}`);
  const sizes = new Map<string, number>();
  for (const [, bytes, path] of stdout.matchAll(/^code (\d+) (.*)$/gm)) {
    sizes.set(path.replace(/^.*\/(dist|node_modules)\//, ""), Number(bytes));
  }
  return sizes;
}

/** Bytes of the modules whose path begins so. */
export function codeBytes(sizes: ReadonlyMap<string, number>, start: string): number {
  let total = 0;
  for (const [path, bytes] of sizes) if (path.startsWith(start)) total += bytes;
  return total;
}

/** A part that needs no board. */
function alone(name: string): Machine {
  const parameters = xsArguments(esp32Creation, xsModule(partModule(name)), ["--collect-often"]);
  const { stdout, status } = spawnSync(xsProgram().path, parameters, { encoding: "utf8" });
  if (status !== 0) throw new Error(`part ${name} ended with ${status}`);
  const mark = (phase: string): Live => {
    const numbers = new RegExp(`^mark ${phase} (\\d+) (\\d+)`, "m").exec(stdout);
    if (numbers === null) throw new Error(`part ${name} has no mark ${phase}`);
    return { chunkBytes: Number(numbers[1]), slots: Number(numbers[2]) };
  };
  return { loaded: mark("load"), peak: mark("part") };
}

/** A part in the first boot of a new image: on trial, with an attempt in the journal. */
function onTrial(name: string): Machine {
  const module = (boot: number): string => (boot === 1 ? deviceModule : partModule(name));
  const cpu = new XsCpu({ module, collectOften: true });
  try {
    standardRun({
      ...images(20_000),
      behaviour: "healthy",
      seed: 7,
      more: { firmware: cpu.firmware },
    });
    const mark = (phase: string): Live => {
      const found = cpu.marks.find((one) => one.boot === 2 && one.phase === phase);
      if (found === undefined) throw new Error(`part ${name} has no mark ${phase}`);
      return found;
    };
    return { loaded: mark("load"), peak: mark("part") };
  } finally {
    cpu.close();
  }
}

function less(live: Live, base: Live): Live {
  return { chunkBytes: live.chunkBytes - base.chunkBytes, slots: live.slots - base.slots };
}

function cost(
  [part, note]: readonly [string, string],
  code: number,
  machine: Machine,
  base: Machine,
): PartCost {
  const loaded = less(machine.loaded, base.loaded);
  return { part, note, codeBytes: code, loaded, peak: less(machine.peak, base.peak) };
}

/** The most over all phases of an update. */
export function most(phases: readonly Phase[]): Live {
  return {
    chunkBytes: Math.max(...phases.map(({ chunkBytes }) => chunkBytes)),
    slots: Math.max(...phases.map(({ slots }) => slots)),
  };
}

/** Every part beside `update`, an update that was measured with `collectOften`. */
export function measureParts(update: readonly Phase[]): PartCost[] {
  const empty = alone("empty");
  const glue = onTrial("glue");
  const host = onTrial("host");
  const boot = onTrial("boot");
  const device = {
    loaded: most(update.filter(({ phase }) => phase === "load")),
    peak: most(update),
  };
  const sizes = moduleSizes(deviceModule);
  const core = codeBytes(sizes, "src/");
  const bootCode = codeBytes(moduleSizes(partModule("boot")), "src/");
  const entryCode = codeBytes(moduleSizes(partModule("entry")), "src/");
  const wifiCode = codeBytes(moduleSizes(partModule("wifi")), "hosts/esp32/");
  return [
    cost(["boot entry", ", on trial, no agent"], bootCode, boot, host),
    cost(["agent", ", with the boot entry"], core, device, host),
    cost(["entry", ", explain, trustAnchorOf"], entryCode - core, alone("entry"), empty),
    cost(["ESP32 host", ""], codeBytes(sizes, "hosts/esp32/"), host, glue),
    cost(["Wi-Fi", ""], wifiCode, alone("wifi"), empty),
    cost(["noble", ", one signature"], codeBytes(sizes, "@noble/"), alone("noble"), empty),
    cost(["crc-32", ", one record"], codeBytes(sizes, "crc-32/"), alone("crc"), empty),
    cost(["test glue", ""], codeBytes(sizes, "hosts/xs/"), glue, empty),
  ];
}
