/** Group C of the catalogue: trust, as it was misplaced in the field. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { throwAwaySigner } from "../../hosts/node/simulator.js";
import { networkFault } from "../../hosts/simulator/network-faults.js";
import { Agent } from "../../src/agent/agent.js";
import type { Hal } from "../../src/hal.js";
import { runRefusals } from "../helpers/agent-refusals.js";
import {
  Bench,
  benchImage,
  benchRelease,
  benchSigner,
  deviceClass,
  traceOf,
  vendor,
} from "../helpers/bench.js";

const second = benchRelease({ sequenceNumber: 2 });
const stranger = throwAwaySigner("stranger");
const rows = runRefusals();

/** All rows with a name that holds `text` were refused, at no cost; there is at least one. */
function refusedAll(...texts: string[]): void {
  for (const text of texts) {
    const found = rows.filter(({ name }) => name.includes(text));
    assert.ok(found.length > 0, text);
    for (const { name, expected, reasons, flashOperations, payloadBytes } of found) {
      assert.is(reasons, expected, name);
      assert.equal([flashOperations, payloadBytes], [0, 0], name);
    }
  }
}

// C1 (CVE-2026-34155)
test("C1 the signature reaches the last byte, and sizes of 2^31 and more are numbers", () => {
  refusedAll("of 2^32 - 1 bytes", "last byte changed");
  const bench = new Bench().settleFirst();
  const image = second.image.slice();
  image[image.length - 1] ^= 1;
  // The server sends the right length with another last byte, for ever.
  bench.simulation.publish({ ...second, image });
  bench.untilTold(second);
  assert.equal(bench.told(second), ["failed: image-digest-mismatch"]);
  assert.ok(bench.simulation.runs(bench.installed.image));
});

// C2 (CVE-2020-25860)
test("C2 what is staged is what was read back, even when flash changed after the check", () => {
  // Cut before the boot record is written: all bytes are in the slot and were verified once.
  const stage = traceOf("healthy").find(({ address }) => address >= 0xd000 && address < 0xf000);
  assert.ok(stage !== undefined);
  const bench = new Bench().settleFirst();
  bench.simulation.power.plan([{ operation: stage.index, tear: { kind: "before" } }]);
  bench.simulation.publish(second);
  bench.until(() => bench.simulation.boots.length === 2, "the cut");
  bench.damageSlot(1);
  bench.untilTold(second);
  assert.is(bench.simulation.payloadBytes(), 2 * second.image.length, "found and fetched again");
  assert.ok(bench.simulation.runs(second.image));
  bench.assertPromises();
});

// C3 (mcuboot#506, #1894)
test("C3 nothing outside the signature is believed: trailing bytes, unknown or double keys", () => {
  refusedAll("trailing byte", "authentication twice", "manifest twice", "severed", "unknown key");
});

// C4 (CVE-2022-29173)
test("C4 the stored floor is compared after the signature and raised after the confirm", () => {
  const bench = new Bench().settleFirst();
  const forged = benchRelease({ sequenceNumber: 1000, image: benchImage(9), signer: stranger });
  bench.simulation.publish(forged);
  bench.until(
    () => bench.simulation.reports().some(({ result }) => result === "refused"),
    "refusal",
  );
  assert.is(bench.floor, 1);
  bench.simulation.withdraw(forged.name);
  bench.install(second).assertPromises();
  assert.is(bench.floor, 2);
});

// C5 (CVE-2020-10759, aeroftp#874)
test("C5 no signature, an unknown algorithm or a verifier that fails is a refusal", () => {
  refusedAll("unsigned", "only an ES256 signature", "authentication list empty");
  const server = { serverUrl: "http://h", vendor, deviceClass };
  assert.throws(() => new Agent({} as Hal, { ...server, trustAnchors: [] }), RangeError);
  assert.throws(
    () => new Agent({} as Hal, { ...server, trustAnchors: [new Uint8Array(31)] }),
    RangeError,
  );
  let isBroken = false;
  const verifySignature = (): boolean => {
    if (isBroken) throw new Error("the accelerator is off");
    return true;
  };
  const bench = new Bench({ agent: { verifySignature } }).settleFirst();
  bench.pass(0.1);
  isBroken = true;
  const before = bench.cost;
  bench.simulation.publish(second);
  bench.pass(60);
  assert.equal(bench.cost, before, "nothing was believed");
  isBroken = false;
  bench.untilTold(second);
  assert.ok(bench.simulation.runs(second.image), "and nothing is stuck");
});

// C6 (lnurl-vault#58)
test("C6 old releases, and releases of other boards, are refused although they are signed", () => {
  refusedAll("lower", "another vendor", "another device class", "another chip", "used sequence");
});

// C7 (mcuboot#628)
test("C7 the floor is apart from the slots: no loss of boot record or slot lowers it", () => {
  const bench = new Bench().settleFirst().install(second);
  bench.simulation.withdraw(second.name);
  bench.damageSlot(1);
  bench.setOtadata([null, null]);
  bench.powerCycle();
  bench.pass(30);
  assert.ok(bench.simulation.runs(bench.installed.image));
  assert.is(bench.floor, 2);
  // Release 1 is what the server offers; its image runs, but as a release it is below the floor.
  assert.equal(bench.told(bench.installed).at(-1), "refused: sequence-too-low");
});

test("C8 a device that fell back to an older image still demands signatures (midad#160)", () => {
  const bench = new Bench().settleFirst().install(second);
  bench.simulation.withdraw(second.name);
  bench.damageSlot(1);
  bench.powerCycle();
  bench.pass(10);
  assert.ok(bench.simulation.runs(bench.installed.image));
  const before = bench.cost;
  const forged = benchRelease({ sequenceNumber: 3, signer: stranger });
  bench.offer = forged.envelope;
  bench.pass(10);
  bench.offer = null;
  assert.equal([bench.cost.flash, bench.cost.payload], [before.flash, before.payload]);
  bench.install(benchRelease({ sequenceNumber: 3, signer: benchSigner }));
});

// C11 (aosc-os-abbs#2197)
test("C11 forged from the right host is refused, good from another host is taken", () => {
  refusedAll("signed by a stranger");
  const bench = new Bench().settleFirst();
  bench.faults.plan([
    networkFault("redirect-host", { target: "offer" }),
    networkFault("redirect-host", { target: "payload" }),
  ]);
  bench.install(second).assertPromises();
  assert.ok(bench.simulation.wire().some(({ hostname }) => hostname === "cdn.example.net"));
});

test.run();
