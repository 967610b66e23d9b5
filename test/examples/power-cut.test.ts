/** What the README shows: a firmware developer's own test of an update under every power cut. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDigest } from "../../hosts/node/digest.js";
import {
  createHal,
  everyPowerCut,
  type PowerCutFirmware,
  replayPowerCut,
} from "../../hosts/node/simulator.js";
import { Agent } from "../../src/agent/agent.js";
import { buildImage } from "../../src/author/esp-image.js";

const image = (version: string, fillSeed: number) =>
  buildImage({ chipId: 0, version, projectName: "lamp", sizeBytes: 8192, fillSeed }, nodeDigest);
const images = { oldImage: image("1.0", 1), newImage: image("1.1", 2) };

test("the lamp survives every power cut during its update", async () => {
  const verdict = await everyPowerCut({
    ...images,
    selfTests: (device) => [(done) => done(device.slotLabel === "ota_1")],
  });
  assert.ok(verdict.ok, verdict.text);
  assert.ok(verdict.interrupted > 200);
});

const lamp: PowerCutFirmware = (device, options) => {
  new Agent(createHal(device.platform), options).start();
  const settings = device.platform.keyValue.open({ path: "lamp", format: "buffer" });
  if (settings.read("mode") === undefined) settings.write("mode", new Uint8Array([1]));
};

test("the lamp's whole firmware survives them too, and goes back to the old one", async () => {
  const test = {
    ...images,
    firmware: lamp,
    oldFirmware: lamp,
    selfTests: (device: Parameters<PowerCutFirmware>[0]) => [
      async function lampLights(done: (passed: boolean) => void) {
        await device.delay(500);
        done(true);
      },
    ],
  };
  const kept = await everyPowerCut(test);
  assert.ok(kept.ok, kept.text);
  const given = await everyPowerCut({
    ...test,
    expected: "fail-test",
    selfTests: () => [(done) => done(false)],
  });
  assert.ok(given.ok, given.text);
});

test("an update whose self-test fails is given back, whatever cuts the power", async () => {
  const selfTests = () => [(done: (passed: boolean) => void) => done(false)];
  const verdict = await everyPowerCut({ ...images, expected: "fail-test", selfTests });
  assert.ok(verdict.ok, verdict.text);
});

test("a verdict that is not ok names a line that replays it", async () => {
  const selfTests = () => [(done: (passed: boolean) => void) => done(false)];
  const verdict = await everyPowerCut({ ...images, selfTests });
  assert.not.ok(verdict.ok);
  const { line, promise } = verdict.violations[0];
  const again = await replayPowerCut({ ...images, selfTests }, line);
  assert.is(again.violations[0].promise, promise);
});

test("a missing or wrong image is refused by its name", async () => {
  const refusal = async (wrong: typeof images): Promise<string> => {
    try {
      await everyPowerCut(wrong);
      return "";
    } catch (error) {
      return String(error);
    }
  };
  const missing = { oldImage: images.oldImage } as typeof images;
  assert.match(await refusal(missing), /^RangeError: newImage must be/);
  const cut = { ...images, oldImage: images.oldImage.slice(1) };
  assert.match(await refusal(cut), /^RangeError: oldImage is not an ESP32 image/);
});

test.run();
