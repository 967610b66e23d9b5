/** Wear of the flash by whole updates, counted on the simulated chip and in the journal. */
import { blockBytes } from "../simulator/flash.js";
import { cutFault, type Ending, type Fault, type Plan } from "../simulator/plan.js";
import { runPlan } from "../simulator/run-plan.js";
import { resumeImageBytes } from "../simulator/sweep-plans.js";
import { makeStage } from "./bench.js";

export interface Wear {
  readonly update: string;
  /** Of the slot's blocks that the image lies in. */
  readonly erases: Spread;
  readonly programs: Spread;
  /** Both sectors together. */
  readonly otadataErases: number;
  readonly keyValueWrites: number;
  readonly payloadBytes: number;
}

export interface Spread {
  readonly mean: number;
  readonly worst: number;
}

const cuts = 10;

/** A good update of a 300 KB image, the same with ten cuts spread over it, and a refused one. */
export function measureWear(seed: number): Wear[] {
  const spread = Array.from({ length: cuts }, (_, index): Fault => {
    const tear = { kind: "prefix", bytes: 2048 } as const;
    return cutFault({ operation: 10 + index * 17, tear });
  });
  return [
    wearOf("good", "healthy", [], seed),
    wearOf(`good, ${cuts} cuts`, "healthy", spread, seed),
    wearOf("refused", "refused", [], seed),
  ];
}

function wearOf(update: string, ending: Ending, faults: readonly Fault[], seed: number): Wear {
  const imageBytes = resumeImageBytes;
  const plan: Plan = { ending, start: "known", seed, imageBytes, faults, network: [] };
  const stage = makeStage(plan);
  const { rest, violations, interrupted } = runPlan(plan, () => stage);
  if (violations.length > 0 || interrupted !== faults.length) {
    throw new Error(
      `the wear of "${update}" cannot be counted: ${violations[0]?.text ?? "no cut"}`,
    );
  }
  const { partitions } = stage.bench.options.layout;
  const counts = (label: string, bytes: number, kind: "erases" | "programs"): number[] => {
    const offset = partitions.find((one) => one.label === label)?.offset ?? 0;
    return Array.from({ length: Math.ceil(bytes / blockBytes) }, (_, index) => {
      const block = offset / blockBytes + index;
      return rest.flash.blocks[block][kind] - stage.start.flash.blocks[block][kind];
    });
  };
  return {
    update,
    erases: spreadOf(counts("ota_1", imageBytes, "erases")),
    programs: spreadOf(counts("ota_1", imageBytes, "programs")),
    otadataErases: counts("otadata", 2 * blockBytes, "erases").reduce((sum, one) => sum + one, 0),
    keyValueWrites: rest.keyValueWrites,
    payloadBytes: rest.payloadBytes,
  };
}

function spreadOf(counts: readonly number[]): Spread {
  const sum = counts.reduce((total, one) => total + one, 0);
  return { mean: Math.round((sum * 1000) / counts.length) / 1000, worst: Math.max(...counts) };
}
