/** Runs of weeks with Node's digests, made-up images and throw-away keys. */
import { buildImage } from "../../src/author/esp-image.js";
import { habitNames } from "../simulator/habits.js";
import { type SimulatedRelease, Simulation } from "../simulator/simulation.js";
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
): SimulatedRelease {
  const version = `${sequenceNumber}`;
  const image = buildImage(
    { chipId: 0, version, projectName: "lamp", sizeBytes: imageBytes, fillSeed: sequenceNumber },
    nodeDigest,
  );
  const usual = { image, sequenceNumber, versionText: version, vendor, deviceClass };
  return makeRelease({ ...usual, signer: by, behaviour });
}

function host(): WeeksHost {
  const verifySignature = cachedVerifier();
  const forged = release(1_000_000, "healthy", forger).envelope;
  // After the payload of the first COSE_Sign1, which is null, a byte string of 64 (RFC 9052 4.2).
  const at = Buffer.from(forged).indexOf(Buffer.from([0xf6, 0x58, 0x40])) + 3;
  return {
    release: (sequenceNumber, behaviour) => release(sequenceNumber, behaviour),
    // Another signature each time, so that nothing can be remembered of it.
    forgery: (seed) => {
      const bytes = forged.slice();
      for (let i = 0; i < 4; i++) bytes[at + i] ^= seed >>> (8 * i);
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

/** The runs of a sweep: each habit for 30 days of hourly polls, and 3 days of a poll a minute. */
export function sweptWeeks(seed: number): WeeksPlan[] {
  return habitNames.flatMap((habit) => [
    { habit, seed, hours: 720, pollMinutes: 60 },
    { habit, seed, hours: 72, pollMinutes: 1 },
  ]);
}
