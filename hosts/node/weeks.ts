/** Runs of weeks with Node's digests, made-up images and throw-away keys. */
import { buildImage } from "../../src/author/esp-image.js";
import { Simulation } from "../simulator/simulation.js";
import {
  parseWeeks,
  runWeeks,
  type WeeksHost,
  type WeeksPlan,
  type WeeksResult,
} from "../simulator/weeks.js";
import { cachedNatives } from "./cached-natives.js";
import { describeForServer } from "./describe.js";
import { nodeDigest } from "./digest.js";
import { cachedVerifier, makeRelease, throwAwaySigner } from "./releases.js";

const vendor = "example.com";
const deviceClass = "lamp-v2";
/** Two whole units of progress and a bit. */
const imageBytes = 140_000;
const signer = throwAwaySigner("weeks");
const forger = { publicKey: signer.publicKey, sign: throwAwaySigner("forged weeks").sign };

function release(
  sequenceNumber: number,
  behaviour: Parameters<WeeksHost["release"]>[1],
  by = signer,
) {
  const version = `${sequenceNumber}`;
  const image = buildImage(
    { chipId: 0, version, projectName: "lamp", sizeBytes: imageBytes, fillSeed: sequenceNumber },
    nodeDigest,
  );
  const usual = { image, signer: by, sequenceNumber, versionText: version, vendor, deviceClass };
  return makeRelease({ ...usual, behaviour });
}

function host(): WeeksHost {
  const verifySignature = cachedVerifier();
  const forged = release(1_000_000, "healthy", forger).envelope;
  return {
    release: (sequenceNumber, behaviour) => release(sequenceNumber, behaviour),
    // Another signature each time, so that nothing can be remembered of it.
    forgery: (seed) => {
      const bytes = forged.slice();
      for (let i = 0; i < 4; i++) bytes[120 + i] ^= seed >>> (8 * i);
      return bytes;
    },
    simulation: (options) =>
      new Simulation({
        natives: cachedNatives,
        describe: describeForServer,
        trustAnchor: signer.publicKey,
        vendor,
        deviceClass,
        chipId: 0,
        installed: release(1, "healthy"),
        ...options,
        agent: { verifySignature, trialServerMs: 3_600_000, ...options.agent },
      }),
  };
}

/** Runs one plan. */
export function weeks(plan: WeeksPlan, onLine?: (atMs: number, line: string) => void): WeeksResult {
  return runWeeks(plan, host(), onLine);
}

/** Replays the line of `printWeeks`. Throws RangeError for any other text. */
export function replayWeeks(
  line: string,
  onLine?: (atMs: number, line: string) => void,
): WeeksResult {
  return weeks(parseWeeks(line), onLine);
}
