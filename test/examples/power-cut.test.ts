/** What the README shows: a firmware developer's own test of an update under every power cut. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDigest } from "../../hosts/node/digest.js";
import { everyPowerCut, replayPowerCut } from "../../hosts/node/simulator.js";
import { buildImage } from "../../src/author/esp-image.js";

const image = (version: string, fillSeed: number) =>
  buildImage({ chipId: 0, version, projectName: "lamp", sizeBytes: 8192, fillSeed }, nodeDigest);
const images = { oldImage: image("1.0", 1), newImage: image("1.1", 2) };

test("the lamp survives every power cut during its update", () => {
  const verdict = everyPowerCut({
    ...images,
    selfTests: (device) => [(done) => done(device.slotLabel === "ota_1")],
  });
  assert.ok(verdict.ok, verdict.violations[0]?.line);
  assert.ok(verdict.interrupted > 200);
});

test("an update whose self-test fails is given back, whatever cuts the power", () => {
  const selfTests = () => [(done: (passed: boolean) => void) => done(false)];
  const verdict = everyPowerCut({ ...images, expected: "fail-test", selfTests });
  assert.ok(verdict.ok, verdict.violations[0]?.line);
});

test("a verdict that is not ok names a line that replays it", () => {
  const selfTests = () => [(done: (passed: boolean) => void) => done(false)];
  const verdict = everyPowerCut({ ...images, selfTests });
  assert.not.ok(verdict.ok);
  const { line, promise } = verdict.violations[0];
  const again = replayPowerCut({ ...images, selfTests }, line);
  assert.is(again.violations[0].promise, promise);
});

test("a missing or wrong image is refused by its name", () => {
  const wrong = { oldImage: images.oldImage } as typeof images;
  assert.throws(() => everyPowerCut(wrong), /^RangeError: newImage|newImage must be/);
  const cut = { ...images, oldImage: images.oldImage.slice(1) };
  assert.throws(() => everyPowerCut(cut), /oldImage is not an ESP32 image/);
});

test.run();
