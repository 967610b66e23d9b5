/**
 * Older agents live on: a device of manifest profile 1 comes to a release of profile 2 over one
 * that it can read. The newer agent is today's with its profile number raised, in a copy of the
 * compiled code.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createHal } from "../../hosts/esp32/hal.js";
import { nodeDigest } from "../../hosts/node/digest.js";
import { throwAwaySigner } from "../../hosts/node/simulator.js";
import type { WireRecord } from "../../hosts/simulator/network.js";
import type { SimulatedRelease, Simulation } from "../../hosts/simulator/simulation.js";
import { Agent } from "../../src/agent/agent.js";
import { packRelease } from "../../src/author/envelope.js";
import { digestOf } from "../../src/crypto/digest.js";
import { limits } from "../../src/limits.js";
import { bytesBody } from "../../src/server/body.js";
import { imageOf } from "../helpers/images.js";
import { release, simulated } from "../helpers/simulated.js";
import { copied } from "../mutation/harness.js";

interface AgentModule {
  readonly Agent: typeof Agent;
}

const raised = {
  file: "src/limits.js",
  find: `profileMax: ${limits.profileMax},`,
  replace: `profileMax: ${limits.profileMax + 1},`,
};

const newer = await copied("profile 2", [raised], async (folder): Promise<AgentModule> => {
  return import(pathToFileURL(join(folder, "dist", "src", "agent", "agent.js")).href);
});

/** Releases 2 and 3, whose images hold the newer agent; only the first can be read by the older. */
const stone = release(2);
const beyond = ofProfile(2, 3);

function ofProfile(profile: number, sequenceNumber: number): SimulatedRelease {
  const image = imageOf("ok", sequenceNumber);
  const uri = `app-${sequenceNumber}.bin`;
  const input = {
    profile,
    sequenceNumber,
    versionText: `${sequenceNumber}`,
    vendor: "example.com",
    className: "lamp-v2",
    imageDigest: digestOf(nodeDigest, "SHA256", image),
    imageSizeBytes: image.length,
    chipId: 0,
    uri,
  };
  const envelope = packRelease(input, [throwAwaySigner("device tests")], nodeDigest);
  return { name: `app-${sequenceNumber}.suit`, envelope, image, uri, behaviour: "healthy" };
}

/** A device that runs release 1 and its older agent, with whatever `offer` does to offers. */
function device(offer: (path: string) => Uint8Array | null = () => null): Simulation {
  const simulation: Simulation = simulated({
    application: (board, options) => {
      const isNewer = simulation.runs(stone.image) || simulation.runs(beyond.image);
      const { Agent: Running } = isNewer ? newer : { Agent };
      new Running(createHal(board.platform), options).start();
    },
    intercept: ({ path }, delivery) => {
      const envelope = offer(path);
      if (envelope === null) return;
      delivery.response = { ...delivery.response, status: 200, body: bytesBody(envelope) };
      delivery.response.headers.set("content-length", `${envelope.length}`);
    },
  });
  return simulation;
}

const polls = (simulation: Simulation): WireRecord[] =>
  simulation.wire().filter(({ path }) => path.endsWith("/latest.suit"));

const profilesOf = (records: readonly WireRecord[]): Set<string | undefined> =>
  new Set(records.map(({ headers }) => headers.get("daruma-profile")));

const results = (simulation: Simulation): (readonly [number, string, string])[] =>
  simulation
    .reports()
    .map(({ sequenceNumber, result, reason }) => [sequenceNumber, result, reason] as const);

test("every poll tells the agent's profile", () => {
  const simulation = device();
  simulation.run(() => polls(simulation).length === 3, 1e6);
  assert.equal([...profilesOf(polls(simulation))], ["1"]);
});

test("a device of profile 1 takes the stepping stone, and its new agent the release beyond", () => {
  const simulation = device();
  simulation.publish(stone);
  simulation.publish(beyond);
  const end = simulation.run(() => simulation.reports().length === 2, 7_200_000);
  assert.is(end, "until");
  assert.equal(results(simulation), [
    [2, "updated", "confirmed"],
    [3, "updated", "confirmed"],
  ]);
  assert.ok(simulation.runs(beyond.image));
  assert.equal(simulation.violations(), []);
  // The older agent asked until release 2 was fetched; whoever asked after that is the newer one.
  const wire = simulation.wire();
  const fetched = wire.findIndex(({ path }) => path.endsWith(stone.uri));
  const isPoll = ({ path }: WireRecord): boolean => path.endsWith("/latest.suit");
  assert.equal([...profilesOf(wire.slice(0, fetched).filter(isPoll))], ["1"]);
  assert.equal([...profilesOf(wire.slice(fetched).filter(isPoll))], ["2"]);
});

test("without a stepping stone a device of profile 1 is offered nothing", () => {
  const simulation = device();
  simulation.publish(beyond);
  simulation.run(() => polls(simulation).length === 5, 7_200_000);
  assert.equal(results(simulation), []);
  assert.equal(
    polls(simulation).map(({ status }) => status),
    [404, 404, 404, 404, 404],
  );
});

test("a host that offers a newer profile all the same is refused, once, by its number", () => {
  const simulation = device((path) => (path.endsWith("/latest.suit") ? beyond.envelope : null));
  simulation.publish(beyond);
  simulation.run(() => polls(simulation).length === 5, 7_200_000);
  assert.equal(results(simulation), [[3, "refused", "manifest-unsupported"]]);
  assert.is(simulation.payloadBytes(), 0);
});

test.run();
