/** A device with release 1 and a server: the start of most tests of the agent. */

import { describeForServer } from "../../hosts/node/describe.js";
import {
  cachedVerifier,
  makeRelease,
  nodeNatives,
  throwAwaySigner,
} from "../../hosts/node/simulator.js";
import {
  type Behaviour,
  type SimulatedRelease,
  Simulation,
  type SimulationOptions,
} from "../../hosts/simulator/simulation.js";
import { buildImage } from "../../src/author/esp-image.js";
import { hex } from "../../src/bytes.js";
import { digest } from "./digest.js";

const names = { vendor: "example.com", deviceClass: "lamp-v2" };
const signer = throwAwaySigner("update-run");
const verifySignature = cachedVerifier();

/** A release of 64 KB with that number as its sequence number and version. */
export function releaseOf(sequenceNumber: number, behaviour: Behaviour): SimulatedRelease {
  const versionText = `${sequenceNumber}`;
  const image = buildImage(
    {
      chipId: 0,
      version: versionText,
      projectName: "run",
      sizeBytes: 65536,
      fillSeed: sequenceNumber,
    },
    digest,
  );
  return makeRelease({ ...names, image, signer, sequenceNumber, versionText, behaviour });
}

/** A simulation whose device runs release 1 and has reported so. */
export function settledDevice(options: Partial<SimulationOptions> = {}): Simulation {
  const installed = releaseOf(1, "healthy");
  const simulation = new Simulation({
    natives: nodeNatives,
    describe: describeForServer,
    trustAnchor: signer.publicKey,
    ...names,
    chipId: 0,
    installed,
    ...options,
    agent: { verifySignature, ...options.agent },
  });
  simulation.publish(installed);
  simulation.run(() => simulation.reports().length > 0, 600_000);
  return simulation;
}

/** "result: reason" of each report about a release, oldest first. */
export function resultsOf(simulation: Simulation, release: SimulatedRelease): string[] {
  const info = describeForServer(release.envelope);
  const manifestDigest = info === null ? "" : hex(info.manifestDigest);
  return simulation
    .reports()
    .filter((one) => one.manifestDigest === manifestDigest)
    .map((one) => `${one.result}: ${one.reason}`);
}

/** Makes the first journal write that `fails` names throw, once, as full storage does. */
export function failJournalOnce(
  simulation: Simulation,
  fails: (key: string, value: Uint8Array) => boolean,
): void {
  const { keyValue } = simulation;
  const write = keyValue.write.bind(keyValue);
  let failed = false;
  keyValue.write = (domain, key, value) => {
    if (!failed && fails(key, value)) {
      failed = true;
      throw new Error("storage is full");
    }
    write(domain, key, value);
  };
}
