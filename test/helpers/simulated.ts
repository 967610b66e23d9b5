/** A simulated device with two releases, for tests of the device's own parts. */

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
import { imageOf } from "./images.js";

const vendor = "example.com";
const deviceClass = "lamp-v2";
const signer = throwAwaySigner("device tests");
const verifySignature = cachedVerifier();

export function release(
  sequenceNumber: number,
  behaviour: Behaviour = "healthy",
  image = imageOf("ok", sequenceNumber),
): SimulatedRelease {
  return makeRelease({
    image,
    signer,
    sequenceNumber,
    versionText: `${sequenceNumber}`,
    vendor,
    deviceClass,
    behaviour,
  });
}

/** A device that runs release 1 from the factory. */
export function simulated(options: Partial<SimulationOptions> = {}): Simulation {
  return new Simulation({
    natives: nodeNatives,
    describe: describeForServer,
    trustAnchor: signer.publicKey,
    vendor,
    deviceClass,
    chipId: 0,
    installed: release(1),
    seed: 1,
    ...options,
    agent: { verifySignature, ...options.agent },
  });
}

/** Publishes release 2 and runs until a report on it arrives, at most two virtual hours. */
export function update(simulation: Simulation, behaviour: Behaviour = "healthy") {
  const reported = simulation.reports().length;
  simulation.publish(release(2, behaviour));
  const isTold = (): boolean =>
    simulation
      .reports()
      .slice(reported)
      .some((one) => one.sequenceNumber === 2);
  const end = simulation.run(isTold, 7_200_000);
  const report = simulation.reports().find((one) => one.sequenceNumber === 2) ?? null;
  return { end, report };
}
