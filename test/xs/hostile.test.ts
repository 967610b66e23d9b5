/**
 * Hostile input on XS in an ESP32's heap: no envelope and no HTTP answer aborts the machine. A
 * share runs in every test; HOSTILE=100000 npm run test:xs runs that many of both.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { describeForServer } from "../../hosts/node/describe.js";
import { makeRelease, nodeNatives, throwAwaySigner } from "../../hosts/node/simulator.js";
import { XsCpu } from "../../hosts/node/xs-device.js";
import { esp32Creation } from "../../hosts/node/xs-process.js";
import type { Delivery } from "../../hosts/simulator/network.js";
import { type SimulatedRelease, Simulation } from "../../hosts/simulator/simulation.js";
import { buildImage } from "../../src/author/esp-image.js";
import { isReason } from "../../src/reasons.js";
import { bytesBody } from "../../src/server/body.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { refusalCases } from "../helpers/refusals.js";
import { randomBytes, randomFrom, seed } from "../helpers/seed.js";
import { goodRelease, releaseKey } from "../helpers/suit.js";
import { askXs, type Question } from "../helpers/xs.js";
import { kinds } from "./device/evaluate.js";

const full = Number(process.env.HOSTILE ?? 0);
if (process.env.HOSTILE !== undefined && !(Number.isSafeInteger(full) && full > 0)) {
  throw new RangeError(`HOSTILE=${process.env.HOSTILE} is no whole number from 1 on`);
}
const envelopeCount = full > 0 ? full : 4000;
const answerCount = full > 0 ? full : 1000;

/** Replaced, inserted, removed or repeated bytes; or a head that promises too much. */
function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  let list = [...bytes];
  const at = (): number => Math.floor(random() * list.length);
  for (let i = 1 + Math.floor(random() * 4); i > 0; i--) {
    const kind = random();
    if (kind < 0.4) list[at()] = Math.floor(random() * 256);
    else if (kind < 0.5) list.splice(at(), 1 + Math.floor(random() * 8));
    else if (kind < 0.6) list.splice(at(), 0, ...randomBytes(random, 1 + Math.floor(random() * 8)));
    else if (kind < 0.7) list = list.slice(0, at());
    else if (kind < 0.8) list.splice(at(), 5, 0x9b, 0xff, 0xff, 0xff, 0xff);
    else if (kind < 0.9) list.splice(at(), 0, ...new Array(600).fill(0x81));
    else list.push(...list.slice(at(), at()));
    if (list.length === 0) list = [0];
  }
  return Uint8Array.from(list.slice(0, 4096));
}

test(`${envelopeCount} mutated envelopes: each is refused for a reason (SEED=${seed})`, () => {
  const random = randomFrom(seed);
  const originals = [goodRelease(), ...refusalCases().map(({ envelope }) => envelope)];
  function* questions(): Generator<Question> {
    for (let i = 0; i < envelopeCount; i++) {
      const original = originals[random() < 0.5 ? 0 : Math.floor(random() * originals.length)];
      yield { kind: kinds.envelope, inputs: [mutate(original, random), releaseKey.publicKey] };
    }
  }
  const good = Buffer.from(goodRelease());
  const reasons = new Map<string, number>();
  let answers = 0;
  askXs(questions(), ({ inputs }, answer) => {
    answers++;
    // A key id is a hint that no signature covers: an envelope with another one is still good.
    const isGood = answer.includes("sequenceNumber:7,") && inputs[0].length >= good.length - 16;
    const where = `SEED=${seed}: ${answer} for ${Buffer.from(inputs[0]).toString("hex")}`;
    assert.ok(isReason(answer) || isGood, where);
    reasons.set(answer, (reasons.get(answer) ?? 0) + 1);
  });
  assert.is(answers, envelopeCount);
  assert.ok(reasons.size > 4, `${[...reasons.keys()]}`);
});

function image(version: string, fillSeed: number): Uint8Array {
  const header = { chipId: 0, version, projectName: "lamp" };
  return buildImage({ ...header, sizeBytes: 20_000, fillSeed }, nodeDigest);
}

const statuses = [200, 200, 200, 204, 206, 301, 302, 304, 404, 416, 429, 500, 503, 0, 999];
const values = [
  "",
  "0",
  "-1",
  "99999999999999999999",
  "bytes 0-",
  "http://x/",
  "/",
  "a\u0001b",
  "1e9",
];

/** Changes an answer on its way. */
function spoil(delivery: Delivery, random: () => number): void {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
  const { response } = delivery;
  const headers = new Map(response.headers);
  for (const name of ["content-length", "content-range", "location", "retry-after", "etag", "x"]) {
    if (random() < 0.3) headers.set(name, pick(values));
    if (random() < 0.02) headers.set(name, "v".repeat(Math.floor(random() * 100_000)));
  }
  const body = new Uint8Array(response.body.lengthBytes);
  response.body.read(0, body, 0, body.length);
  const kind = random();
  const spoiled =
    kind < 0.3 && body.length > 0
      ? mutate(body, random)
      : kind < 0.5
        ? randomBytes(random, Math.floor(random() * 9000))
        : body;
  delivery.response = {
    ...response,
    status: random() < 0.5 ? response.status : pick(statuses),
    headers,
    body: bytesBody(spoiled),
  };
  if (random() < 0.15) delivery.breakAfterBytes = Math.floor(random() * 3000);
  else if (random() < 0.05) delivery.stallAfterBytes = Math.floor(random() * 3000);
}

/** Less than the smallest build has: the SDK's own client and TLS need more stack than ours. */
const creation = { ...esp32Creation, stackSlots: 352 };

/** What ended each boot, as the board saw it, must be a restart that the agent asked for. */
function restartsOnly({ timeline }: Simulation): void {
  const ends = timeline.map(({ text }) => text).filter((text) => text.startsWith("reset "));
  assert.ok(ends.length > 0);
  for (const end of ends) assert.is(end, "reset (software): restart", `SEED=${seed}`);
}

/** Why offers were refused and updates ended, as reports say; a fault fails the test. */
function reasonsOf(simulation: Simulation): Map<string, number> {
  for (const { text } of simulation.timeline) assert.not.match(text, /fault/, `SEED=${seed}`);
  const reasons = new Map<string, number>();
  for (const { reason } of simulation.reports()) {
    assert.ok(isReason(reason), `SEED=${seed}: ${reason}`);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const counts = [...reasons].map(([reason, count]) => `${reason} ${count}`);
  console.log(`${simulation.board.boots} boots; reports: ${counts.join(", ")}`);
  return reasons;
}

test(`${answerCount} spoiled HTTP answers: no abort, no fault (SEED=${seed})`, () => {
  const random = randomFrom(seed);
  const signer = throwAwaySigner("hostile");
  const release = (sequenceNumber: number): SimulatedRelease =>
    makeRelease({
      signer,
      vendor: "example.com",
      deviceClass: "lamp-v2",
      image: image(`${sequenceNumber}`, sequenceNumber),
      sequenceNumber,
      versionText: `${sequenceNumber}`,
    });
  const cpu = new XsCpu({ creation });
  let spoiled = 0;
  let sequence = 1;
  let newest = release(sequence);
  const simulation = new Simulation({
    natives: nodeNatives,
    describe: describeForServer,
    trustAnchor: signer.publicKey,
    vendor: "example.com",
    deviceClass: "lamp-v2",
    chipId: 0,
    installed: newest,
    firmware: cpu.firmware,
    intercept: ({ path }, delivery) => {
      // Some offers are left alone: without them no download would begin.
      if (spoiled >= answerCount || (path.endsWith(".suit") && random() < 0.3)) return;
      spoiled++;
      spoil(delivery, random);
    },
  });
  let read = 0;
  /** True once the newest release has its result. */
  const hasResult = (): boolean => {
    const reports = simulation.reports();
    while (read < reports.length) {
      const { sequenceNumber, result } = reports[read++];
      if (sequenceNumber === sequence && result !== "refused") return true;
    }
    return false;
  };
  // A release after the other, so that downloads are spoiled too and not offers only.
  while (spoiled < answerCount) {
    newest = release(++sequence);
    simulation.publish(newest);
    const end = simulation.run(() => spoiled >= answerCount || hasResult(), 1e12, 1000);
    assert.equal(cpu.aborts, []);
    assert.is(end, "until", `${spoiled} answers`);
  }
  const reasons = reasonsOf(simulation);
  assert.ok(reasons.size > 3, `${[...reasons.keys()]}`);
  // With honest answers again it still does its work.
  newest = release(++sequence);
  simulation.publish(newest);
  assert.is(
    simulation.run(() => simulation.runs(newest.image), 1e9, 1000),
    "until",
  );
  cpu.close();
  assert.equal(cpu.aborts, []);
  restartsOnly(simulation);
  assert.equal(simulation.violations(), []);
});

test.run();
