/** Benches with Node's digests and throw-away keys: the stages that fault plans run on. */

import type { AgentOptions } from "../../src/agent/options.js";
import { buildImage } from "../../src/author/esp-image.js";
import { parseImageHeader } from "../../src/boot/image.js";
import type { Partition } from "../../src/boot/partitions.js";
import { firmwareFor } from "../simulator/behaviours.js";
import { Bench } from "../simulator/bench.js";
import { timersMax } from "../simulator/bounds.js";
import { blockBytes } from "../simulator/flash.js";
import { type Layout, layoutFor, partitionRow } from "../simulator/layout.js";
import {
  canBegin,
  defaultImageBytes,
  type Ending,
  isRefused,
  type Plan,
  parsePlan,
} from "../simulator/plan.js";
import type { BenchFirmware, BenchOptions } from "../simulator/rest.js";
import { type PlanResult, prepare, releaseRoles, runPlan } from "../simulator/run-plan.js";
import type { Behaviour } from "../simulator/simulation.js";
import type { Stage } from "../simulator/verdicts.js";
import { cachedNatives } from "./cached-natives.js";
import { describeForServer } from "./describe.js";
import { nodeDigest } from "./digest.js";
import { cachedVerifier, makeRelease, type ReleaseRequest, throwAwaySigner } from "./releases.js";

const vendor = "example.com";
const deviceClass = "lamp-v2";
const deviceChipId = 0;
/** An ESP32-C3. */
const otherChipId = 5;
/** The floor of every start but "fresh" lies above it. */
const firstSequence = 11;
const signer = throwAwaySigner("fault plans");
/** Names the trust anchor's key: a stranger's would be refused without verifying anything. */
const forger = { publicKey: signer.publicKey, sign: throwAwaySigner("somebody else").sign };

/** The images of an application developer, in the place of made-up ones. */
export interface StageImages {
  readonly oldImage: Uint8Array;
  readonly newImage: Uint8Array;
  readonly oldFirmware: BenchFirmware;
  readonly newFirmware: BenchFirmware;
  /** False when the new firmware must not be kept. */
  readonly newIsHealthy: boolean;
}

/** A partition beside the agent's own; where it lies is up to the stage. */
export type StagePartition = Omit<Partition, "offset" | "flags">;

export interface StageOptions {
  readonly images?: StageImages;
  /** Laid behind the slots. Default: none. */
  readonly partitions?: readonly StagePartition[];
  readonly agent?: Partial<AgentOptions>;
  /** Time of one signature check; default that of an ESP32. */
  readonly verificationMs?: number;
  readonly onLine?: BenchOptions["onLine"];
  readonly runJobs?: BenchOptions["runJobs"];
  readonly witness?: BenchOptions["witness"];
}

/**
 * Partitions of the published table for an image of that size which are neither the agent's nor
 * the platform's: those that an application may use.
 */
export function publishedPartitions(imageBytes: number): StagePartition[] {
  // The table for sweeps, of the smallest slots, has none: larger ones are the published ones.
  const { partitions } = layoutFor(Math.max(imageBytes, 65537));
  const taken = ["nvs", "otadata"];
  return partitions.filter((one) => one.type !== 0 && !taken.includes(one.label));
}

/**
 * Flash of two slots that just hold `imageBytes`, in pages of 64 KB, between the usual partitions
 * and `more`.
 */
function layoutOf(imageBytes: number, more: readonly StagePartition[]): Layout {
  const slotBytes = Math.ceil(imageBytes / 65536) * 65536;
  const partitions = [
    partitionRow("nvs", 1, 2, 0x9000, 0x4000),
    partitionRow("otadata", 1, 0, 0xd000, 0x2000),
    partitionRow("ota_0", 0, 0x10, 0x10000, slotBytes),
    partitionRow("ota_1", 0, 0x11, 0x10000 + slotBytes, slotBytes),
  ];
  let endBytes = 0x10000 + 2 * slotBytes;
  for (const { label, type, subtype, sizeBytes } of more) {
    partitions.push(partitionRow(label, type, subtype, endBytes, sizeBytes));
    endBytes += sizeBytes;
  }
  return { flashBytes: endBytes, partitions };
}

function behaviourOf(ending: Ending): Behaviour | "brown-out" {
  switch (ending) {
    case "crash":
    case "hang":
    case "fail-test":
    case "no-network":
    case "brown-out":
      return ending;
    default:
      return "healthy";
  }
}

function imageFor(version: number, sizeBytes: number, chipId = deviceChipId): Uint8Array {
  const text = `${version}`;
  const options = { chipId, version: text, projectName: "app", sizeBytes, fillSeed: version };
  return buildImage(options, nodeDigest);
}

const unseen = { bootloaderSkipValidate: true, appSkipValidate: true };

/** What is wrong with the release of an ending, beside its image. */
const foreign: Partial<Record<Ending, Partial<ReleaseRequest>>> = {
  refused: { signer: forger },
  older: { sequenceNumber: firstSequence - 1 },
  "other-vendor": { vendor: "example.org" },
  "other-class": { deviceClass: "lamp-v1" },
};

/** A developer's images may be for any chip; both are checked before to be images for one. */
function chipOf(image: Uint8Array): number {
  const header = parseImageHeader(image);
  return header.ok ? header.header.chipId : deviceChipId;
}

/** The image of the release in question. */
function offeredImage(ending: Ending, sizeBytes: number, layout: Layout): Uint8Array {
  const slotBytes = layout.partitions.find(({ label }) => label === "ota_0")?.sizeBytes ?? 0;
  if (ending === "too-big") return imageFor(3, slotBytes + blockBytes);
  return imageFor(3, sizeBytes, ending === "other-chip" ? otherChipId : deviceChipId);
}

/** Makes the bench of a plan and brings its device to the start. */
export function makeStage(
  plan: Omit<Plan, "faults" | "network">,
  options: StageOptions = {},
): Stage {
  const { ending } = plan;
  if (!canBegin(ending, plan.start)) throw new RangeError(`plan: no ${ending} on ${plan.start}`);
  const own = options.images;
  const size = plan.imageBytes;
  const oldImage = own?.oldImage ?? imageFor(1, defaultImageBytes);
  const olderImage = imageFor(2, defaultImageBytes);
  const thirdImage = imageFor(5, defaultImageBytes);
  const runs = { fresh: oldImage, known: oldImage, second: olderImage, third: thirdImage };
  const running = runs[plan.start];
  const newerImage = imageFor(4, size);
  const layout = layoutOf(
    Math.max(
      ...[oldImage, own?.newImage ?? newerImage].map((one) => one.length),
      defaultImageBytes,
    ),
    options.partitions ?? [],
  );
  const newImage =
    ending === "installed" ? running : (own?.newImage ?? offeredImage(ending, size, layout));
  const release = (image: Uint8Array, index: number, other: Partial<ReleaseRequest> = {}) => {
    const sequenceNumber = firstSequence + index;
    const versionText = `${sequenceNumber}`;
    const usual = { image, signer, sequenceNumber, versionText, vendor, deviceClass };
    return makeRelease({ ...usual, ...other });
  };
  const isKept = ending === "healthy" || isRefused(ending);
  const healthy = firmwareFor("healthy");
  const oldFirmware = own?.oldFirmware ?? healthy;
  const images = [
    { bytes: oldImage, isHealthy: true, firmware: oldFirmware },
    { bytes: olderImage, isHealthy: true, firmware: healthy },
    { bytes: thirdImage, isHealthy: true, firmware: healthy },
    ...(ending === "installed"
      ? []
      : [
          {
            bytes: newImage,
            isHealthy: own?.newIsHealthy ?? isKept,
            firmware: own?.newFirmware ?? firmwareFor(behaviourOf(ending)),
          },
        ]),
    { bytes: newerImage, isHealthy: true, firmware: healthy },
  ];
  const bench = new Bench({
    natives: cachedNatives,
    describe: describeForServer,
    trustAnchor: signer.publicKey,
    vendor,
    deviceClass,
    chipId: chipOf(oldImage),
    layout,
    seed: plan.seed,
    images,
    releases: [
      release(oldImage, 0),
      release(olderImage, 1),
      release(thirdImage, 2),
      release(newImage, 3, foreign[ending] ?? {}),
      release(newerImage, 4),
    ],
    agent: { verifySignature: verifier, ...options.agent },
    ...(own === undefined ? { timersMax } : {}),
    ...(options.verificationMs === undefined ? {} : { verificationMs: options.verificationMs }),
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    build: {
      ...(plan.skipsValidation === true ? unseen : {}),
      loopWatchdog: plan.loopUnwatched !== true,
    },
    ...(options.runJobs === undefined ? {} : { runJobs: options.runJobs }),
    ...(options.witness === undefined ? {} : { witness: options.witness }),
  });
  const start = prepare(bench, plan.start);
  if (start.offered !== releaseRoles.wanted) throw new RangeError("a plan is about one release");
  return { bench, ending, start };
}

const verifier = cachedVerifier();

/** Replays a plan line. Throws RangeError for a line that `printPlan` did not make. */
export function replay(line: string, options: StageOptions = {}): PlanResult {
  return runPlan(parsePlan(line), (plan) => makeStage(plan, options));
}
