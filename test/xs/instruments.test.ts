/** What the host measures is what a machine holds: modules whose needs are known, and a leak. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { describeForServer } from "../../hosts/node/describe.js";
import { makeRelease, nodeNatives, throwAwaySigner } from "../../hosts/node/simulator.js";
import { XsCpu } from "../../hosts/node/xs-device.js";
import { xsProgram } from "../../hosts/node/xs-process.js";
import { Simulation } from "../../hosts/simulator/simulation.js";
import { buildImage } from "../../src/author/esp-image.js";
import { bytesBody } from "../../src/server/body.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { type Mark, marksOf } from "../helpers/xs.js";

const instruments = "dist/test/xs/device/instruments";

type Held = Pick<Mark, "names" | "slots" | "chunkBytes">;

/** What phase `name` held more than phase `base`. */
function more(marks: ReadonlyMap<string, Mark>, name: string, base: string): Held {
  const [of, than] = [marks.get(name), marks.get(base)];
  assert.ok(of !== undefined && than !== undefined, `${[...marks.keys()]}`);
  return {
    chunkBytes: of.chunkBytes - than.chunkBytes,
    slots: of.slots - than.slots,
    names: of.names - than.names,
  };
}

/** Bytes of chunk have another size in a machine of 64 bits: there each chunk has a larger head. */
const chunkBytesOf = (of32: number, of64: number): number =>
  xsProgram().bits === 32 ? of32 : of64;

test("marks tell names, slots and bytes of chunk, each to the one", () => {
  const marks = marksOf(`${instruments}/marks.js`, 0, []);
  // An object with three properties; for each name a slot, and a string of 8 bytes in its chunk.
  const namesBytes = chunkBytesOf(48, 72);
  assert.equal(more(marks, "names", "start"), { names: 3, slots: 7, chunkBytes: namesBytes });
  assert.equal(more(marks, "slots", "names"), { names: 0, slots: 200, chunkBytes: 0 });
  const bufferBytes = chunkBytesOf(1008, 1016);
  assert.equal(more(marks, "bytes", "slots"), { names: 0, slots: 7, chunkBytes: bufferBytes });
  assert.equal(more(marks, "dropped", "names"), { names: 0, slots: 0, chunkBytes: 0 });
  assert.is(marks.get("start")?.names, 0);
});

test("a mark tells the most of its phase, not what is left at its end", () => {
  const marks = marksOf(`${instruments}/marks.js`, 0, []);
  const nothingMore = { names: 0, slots: 0, chunkBytes: 0 };
  assert.equal(more(marks, "peak", "bytes"), nothingMore);
});

test("with collect-often a mark tells what was live at a request and at a wait for events", () => {
  const often = marksOf(`${instruments}/between.js`, 2, ["--collect-often"]);
  const slots = (phase: string): number => often.get(phase)?.slots ?? 0;
  assert.ok(slots("waited") >= 200 && slots("waited") < 300, `${slots("waited")} slots`);
  assert.ok(slots("requested") >= 400 && slots("requested") < 500, `${slots("requested")} slots`);
  const seldom = marksOf(`${instruments}/between.js`, 2, []);
  assert.equal([seldom.get("waited")?.slots, seldom.get("requested")?.slots], [0, 0]);
});

test("garbage in the chunks is no peak where XS collects for want of slots", () => {
  const marks = marksOf(`${instruments}/slot-collections.js`, 0, []);
  const dropped = marks.get("dropped");
  assert.ok(dropped !== undefined && dropped.collections > 1);
  assert.is(dropped.chunkBytes, 0);
});

/** What is live before each of `count` offers, most of them of no use. */
function livePerOffer(count: number): Mark[] {
  const signer = throwAwaySigner("steady");
  const { sign } = throwAwaySigner("forger");
  const image = (version: string): Uint8Array =>
    buildImage({ chipId: 0, version, projectName: "lamp", sizeBytes: 20_000 }, nodeDigest);
  const common = { vendor: "example.com", deviceClass: "lamp-v2" };
  const installed = { ...common, signer, image: image("1"), sequenceNumber: 1, versionText: "1" };
  const forger = { publicKey: signer.publicKey, sign };
  const forged = { ...installed, signer: forger, image: image("2"), sequenceNumber: 2 };
  const cpu = new XsCpu({ module: () => `${instruments}/polling.js` });
  const live: Mark[] = [];
  const simulation = new Simulation({
    ...common,
    natives: nodeNatives,
    describe: describeForServer,
    trustAnchor: signer.publicKey,
    chipId: 0,
    installed: makeRelease(installed),
    firmware: cpu.firmware,
    // Refusals are told a quarter of an hour apart.
    agent: { pollIntervalMs: 1_200_000 },
    intercept: ({ path }, delivery) => {
      if (!path.endsWith(".suit")) return;
      const last = cpu.marks.at(-1);
      if (last !== undefined) live.push(last);
      const { response } = delivery;
      const kind = live.length % 4;
      if (kind === 1) delivery.response = { ...response, status: 404, body: bytesBody(nothing) };
      else if (kind === 2) delivery.response = { ...response, body: bytesBody(noEnvelope) };
      else if (kind === 3) delivery.breakAfterBytes = 100;
    },
  });
  simulation.publish(makeRelease(forged));
  const end = simulation.run(() => live.length > count, 1e10);
  cpu.close();
  assert.is(end, "until");
  assert.equal(cpu.aborts, []);
  assert.is(cpu.boots, 1);
  // Nothing that answers, nothing to refuse: two of four offers are envelopes.
  assert.is(simulation.reports().filter(({ result }) => result === "refused").length, count / 2);
  return live;
}

const nothing = new Uint8Array(0);
const noEnvelope = new Uint8Array(600).fill(0x81);

test("an agent that is offered forgeries, nothing and nonsense 100 times keeps none of it", () => {
  const live = livePerOffer(100);
  const at = (offer: number): number[] => [live[offer].slots, live[offer].chunkBytes];
  // But what was wrong with the last one, in a line for people: four kinds take turns.
  for (let offer = 24; offer < 100; offer++) {
    assert.equal(at(offer), at(20 + (offer % 4)), `offer ${offer}`);
  }
});

test.run();
