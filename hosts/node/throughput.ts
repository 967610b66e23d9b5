/**
 * `npm run throughput -- --old a.bin --new b.bin`: time of the agent's whole pipeline (download,
 * write, read-back digest) beside a plain loop that reads, writes and hashes, over the same
 * simulated network and flash. Medians of several runs; simulated waiting takes no real time in
 * either.
 */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { buildImage } from "../../src/author/esp-image.js";
import { Simulation } from "../simulator/simulation.js";
import { describeForServer } from "./describe.js";
import { nodeDigest } from "./digest.js";
import { cachedVerifier, makeRelease, nodeNatives, throwAwaySigner } from "./simulator.js";

const runs = 11;
const block = 4096;

function prepare(oldImage: Uint8Array, newImage: Uint8Array) {
  const signer = throwAwaySigner("throughput");
  const common = { signer, vendor: "example.com", deviceClass: "lamp-v2" };
  const installed = makeRelease({
    ...common,
    image: oldImage,
    sequenceNumber: 1,
    versionText: "1",
  });
  const next = makeRelease({ ...common, image: newImage, sequenceNumber: 2, versionText: "2" });
  const states: { state: string; atMs: number }[] = [];
  const simulation = new Simulation({
    natives: nodeNatives,
    describe: describeForServer,
    trustAnchor: signer.publicKey,
    vendor: common.vendor,
    deviceClass: common.deviceClass,
    chipId: newImage[12],
    installed,
    agent: { verifySignature: cachedVerifier() },
    onProgress: ({ state }) => {
      if (states.at(-1)?.state !== state) states.push({ state, atMs: performance.now() });
    },
  });
  return { simulation, installed, next, states };
}

/** Milliseconds from the accepted offer to the verified candidate. */
function agentRun(oldImage: Uint8Array, newImage: Uint8Array): number {
  const { simulation, installed, next, states } = prepare(oldImage, newImage);
  simulation.publish(installed);
  simulation.run(() => states.at(-1)?.state === "ready" && simulation.reports().length > 0, 1e7);
  simulation.publish(next);
  simulation.run(() => states.some(({ state }) => state === "candidate"), 1e7);
  const start = states.find(({ state }) => state === "writing");
  const end = states.find(({ state }) => state === "candidate");
  if (start === undefined || end === undefined) throw new Error("the update did not get through");
  return end.atMs - start.atMs;
}

/** Milliseconds of the loop that a user would otherwise write, with a digest of what arrives. */
function plainRun(oldImage: Uint8Array, newImage: Uint8Array): number {
  const { simulation, next } = prepare(oldImage, newImage);
  simulation.publish(next);
  const { world, network } = simulation;
  const Client = network.clientClass(
    (callback) => callback(),
    () => true,
  );
  const buffer = new Uint8Array(block);
  const digest = nodeDigest("SHA256");
  const slot = simulation.layout.partitions.find(({ label }) => label === "ota_1");
  if (slot === undefined) throw new Error("the layout has no ota_1");
  let fill = 0;
  let offset = 0;
  let isDone = false;
  const startMs = performance.now();
  const request = new Client({ host: "updates.example.com", port: 80 }).request({
    method: "GET",
    path: `/example.com/lamp-v2/${next.uri}`,
    headers: new Map(),
    onHeaders: () => {},
    onReadable: (count) => {
      let left = count;
      while (left > 0) {
        const got = request.read(buffer.subarray(fill, Math.min(block, fill + left))) ?? 0;
        fill += got;
        left -= got;
        if (fill < block && offset + fill < newImage.length) continue;
        simulation.flash.eraseBlock(slot.offset + offset);
        simulation.flash.write(slot.offset + offset, buffer, 0, fill);
        digest.write(buffer.subarray(0, fill));
        offset += fill;
        fill = 0;
      }
    },
    onDone: () => {
      isDone = true;
    },
  });
  while (!isDone) world.take()?.run();
  digest.close();
  return performance.now() - startMs;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

function image(path: string | undefined, fillSeed: number): Uint8Array {
  if (path !== undefined) return new Uint8Array(readFileSync(path));
  const version = `${fillSeed}.0.0`;
  const sizeBytes = 2_400_000;
  return buildImage(
    { chipId: 0, version, projectName: "throughput", sizeBytes, fillSeed },
    nodeDigest,
  );
}

const program = new Command("npm run throughput --")
  .description("the agent's pipeline beside a plain read, write and hash loop, on Node")
  .option("--old <image>", "ESP32 image that the device runs; default: 2.4 MB built here")
  .option("--new <image>", "ESP32 image of the new release; default: 2.4 MB built here")
  .option("--json", "print JSON")
  .parse();
const options = program.opts<{ old?: string; new?: string; json?: boolean }>();
const oldImage = image(options.old, 1);
const newImage = image(options.new, 2);
const agentTimes: number[] = [];
const plainTimes: number[] = [];
for (let i = 0; i < runs; i++) {
  agentTimes.push(agentRun(oldImage, newImage));
  plainTimes.push(plainRun(oldImage, newImage));
}
const agentMs = median(agentTimes);
const plainMs = median(plainTimes);
const ratio = agentMs / plainMs;
if (options.json === true) {
  console.log(JSON.stringify({ imageBytes: newImage.length, runs, agentMs, plainMs, ratio }));
} else {
  const rate = (ms: number): string => `${(newImage.length / 1e3 / ms).toFixed(0)} MB/s`;
  console.log(`image ${newImage.length} bytes, medians of ${runs} runs`);
  console.log(`agent, read-back included  ${agentMs.toFixed(2)} ms  ${rate(agentMs)}`);
  console.log(`plain loop with SHA-256    ${plainMs.toFixed(2)} ms  ${rate(plainMs)}`);
  console.log(`ratio                      ${ratio.toFixed(2)}`);
}
