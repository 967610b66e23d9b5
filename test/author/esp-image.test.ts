import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildImage } from "../../src/author/esp-image.js";
import { chipById, chipByName, chipNames } from "../../src/boot/chips.js";
import { verifyImage } from "../../src/boot/image.js";
import { hex } from "../../src/bytes.js";
import { digest } from "../helpers/digest.js";

const test = suite("image builder");
const base = { chipId: 0, version: "2.1.0", projectName: "lamp" };

test("builds good images of the asked size for every chip", () => {
  for (const name of chipNames()) {
    for (const sizeBytes of [352, 1024, 65536 + 16]) {
      for (const hashAppended of [true, false]) {
        const chipId = chipByName(name)?.id ?? -1;
        const image = buildImage({ ...base, chipId, sizeBytes, hashAppended }, digest);
        assert.is(image.length, sizeBytes);
        const result = verifyImage(
          (at, into, start, length) => into.set(image.subarray(at, at + length), start),
          image.length,
          { chipId, chipRevision: chipById(chipId)?.revision ?? 0 },
          digest,
          { work: new Uint8Array(4096) },
        );
        assert.ok(result.ok, `${name} ${sizeBytes} ${hashAppended}`);
        assert.is(result.imageBytes, sizeBytes);
        assert.is(result.header.descriptor?.version, "2.1.0");
        assert.is(result.header.descriptor?.projectName, "lamp");
      }
    }
  }
});

test("further segments are appended and verified", () => {
  const segments = [{ loadAddress: 0x40080000, data: new Uint8Array(20).fill(9) }];
  const image = buildImage({ ...base, segments }, digest);
  assert.is(image[1], 2);
  const result = verifyImage(
    (at, into, start, length) => into.set(image.subarray(at, at + length), start),
    image.length,
    { chipId: 0, chipRevision: 300 },
    digest,
    { work: new Uint8Array(4096) },
  );
  assert.ok(result.ok);
  assert.is(result.imageBytes, image.length);
});

test("the same options give the same bytes, another seed or payload gives others", () => {
  const build = (fillSeed: number) => hex(buildImage({ ...base, fillSeed }, digest));
  assert.is(build(1), build(1));
  assert.is.not(build(1), build(2));
  const payload = Uint8Array.of(1, 2, 3);
  const image = buildImage({ ...base, payload }, digest);
  assert.equal(image.slice(288, 291), payload);
});

test("sizes and texts that no image can have are refused", () => {
  assert.throws(() => buildImage({ ...base, sizeBytes: 1000 }, digest), RangeError);
  assert.throws(() => buildImage({ ...base, sizeBytes: 320 }, digest), RangeError);
  assert.throws(() => buildImage({ ...base, version: "x".repeat(32) }, digest), RangeError);
  const payload = new Uint8Array(2000);
  assert.throws(() => buildImage({ ...base, payload }, digest), RangeError);
  const odd = [{ loadAddress: 0, data: new Uint8Array(3) }];
  assert.throws(() => buildImage({ ...base, segments: odd }, digest), RangeError);
});

test.run();
