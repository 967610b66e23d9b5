/**
 * Public entry "daruma-ota/simulator": the simulated board with Node's digests, and releases made
 * on the spot with a throw-away key.
 */
import { parseImageHeader } from "../../src/boot/image.js";
import { runScenario, type ScenarioOptions } from "../simulator/scenario.js";
import type { Behaviour } from "../simulator/simulation.js";
import { describeForServer } from "./describe.js";
import { cachedVerifier, makeRelease, nodeNatives, throwAwaySigner } from "./releases.js";

export interface StandardRun {
  readonly oldImage: Uint8Array;
  readonly newImage: Uint8Array;
  readonly behaviour: Behaviour;
  readonly seed: number;
  readonly onTimeline?: ScenarioOptions["onTimeline"];
  /** Faults, and another CPU for the firmware. */
  readonly more?: Pick<ScenarioOptions, "cuts" | "firmware" | "intercept" | "serverUrl">;
  /** Overrides of the agent's options, for example a verifier. */
  readonly agent?: ScenarioOptions["agent"];
}

/** The run of `daruma simulate`. Throws RangeError for images that cannot be used. */
export function standardRun(run: StandardRun): ReturnType<typeof runScenario> {
  const vendor = "example.com";
  const deviceClass = "lamp-v2";
  const signer = throwAwaySigner(`seed ${run.seed}`);
  // Names the trust anchor's key: a stranger's would be refused without verifying anything.
  const { sign } = throwAwaySigner(`forger ${run.seed}`);
  const forger = { publicKey: signer.publicKey, sign };
  const header = parseImageHeader(run.oldImage);
  if (!header.ok) throw new RangeError(`the old image is not an ESP32 image: ${header.code}`);
  const common = { vendor, deviceClass };
  const next = { ...common, image: run.newImage, behaviour: run.behaviour, versionText: "2" };
  const forged = makeRelease({ ...next, signer: forger, sequenceNumber: 3 });
  return runScenario({
    natives: nodeNatives,
    describe: describeForServer,
    trustAnchor: signer.publicKey,
    vendor,
    deviceClass,
    chipId: header.header.chipId,
    seed: run.seed,
    installed: makeRelease({
      ...common,
      image: run.oldImage,
      signer,
      sequenceNumber: 1,
      versionText: "1",
    }),
    next: makeRelease({ ...next, signer, sequenceNumber: 2 }),
    forged,
    agent: { verifySignature: cachedVerifier(), ...run.agent },
    ...(run.onTimeline === undefined ? {} : { onTimeline: run.onTimeline }),
    ...run.more,
  });
}

export type { AgentOptions, SelfTest } from "../../src/agent/options.js";
export type { Hal } from "../../src/hal.js";
export type { KeyValueDomain, Platform, TimerModule } from "../esp32/platform.js";
export type { BootedDevice } from "../simulator/board.js";
export type { Incident } from "../simulator/witness.js";
export { createHal, type PowerCutDevice } from "./firmware-watch.js";
export {
  everyPowerCut,
  type PowerCutFirmware,
  type PowerCutReplay,
  type PowerCutTest,
  type PowerCutVerdict,
  type PowerCutViolation,
  replayPowerCut,
} from "./power-cuts.js";
export {
  cachedVerifier,
  makeRelease,
  nodeNatives,
  type ReleaseRequest,
  throwAwaySigner,
} from "./releases.js";
