import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildImage } from "../../src/author/esp-image.js";
import { chipById, chipByName, chipNames } from "../../src/boot/chips.js";
import {
  checkChip,
  type ImageError,
  type ImageResult,
  parseImageHeader,
  verifyImage,
} from "../../src/boot/image.js";
import { writeU32 } from "../../src/bytes.js";
import { digest } from "../helpers/digest.js";
import { type ImageKind, imageOf } from "../helpers/images.js";

const test = suite("image");

function verify(
  image: Uint8Array,
  options: { skipValidate?: boolean; limit?: number; address?: number } = {},
  chipId = 0,
  chipRevision = 300,
): ImageResult {
  const limit = options.limit ?? image.length;
  const { skipValidate = false, address = 0 } = options;
  return verifyImage(
    (offset, into, start, length) => {
      assert.ok(offset + length <= limit, "never reads past the limit");
      into.set(image.subarray(offset, offset + length), start);
    },
    limit,
    { chipId, chipRevision },
    digest,
    { work: new Uint8Array(288), skipValidate, address },
  );
}

const kinds: [ImageKind, ImageError | null, ImageError | null][] = [
  ["ok", null, null],
  ["nohash", null, null],
  ["blank", "bad-magic", "bad-magic"],
  ["magic", "bad-magic", "bad-magic"],
  ["flip", "checksum-mismatch", null],
  ["flip2", "hash-mismatch", null],
  ["sha", "hash-mismatch", null],
  ["sum", "checksum-mismatch", null],
  ["trunc", "checksum-mismatch", null],
  ["chip", "wrong-chip", null],
  ["minrev", "chip-revision", null],
  ["segs", "too-many-segments", "too-many-segments"],
];

for (const [kind, expected, unvalidated] of kinds) {
  test(`an image "${kind}" is ${expected ?? "good"}; unvalidated ${unvalidated ?? "good"}`, () => {
    const result = verify(imageOf(kind));
    assert.is(result.ok ? null : result.code, expected);
    const loose = verify(imageOf(kind), { skipValidate: true });
    assert.is(loose.ok ? null : loose.code, unvalidated);
  });
}

test("a good image tells its length and its digest, wherever it ends in the partition", () => {
  const image = imageOf("ok");
  const partition = new Uint8Array(8192).fill(0xff);
  partition.set(image);
  const result = verify(partition);
  assert.ok(result.ok);
  assert.is(result.imageBytes, image.length);
  assert.equal(result.digest, image.slice(-32));
  assert.is(result.header.descriptor?.projectName, "vector");
});

test("an image that is one byte longer than its partition is too long", () => {
  const image = imageOf("ok");
  for (const limit of [image.length - 1, image.length - 33, 100, 30, 23, 0]) {
    assert.equal(verify(image, { limit }), { ok: false, code: "too-long" });
  }
  assert.equal(verify(image, { limit: 0x1000001 }), { ok: false, code: "partition-too-big" });
});

test("segment headers are held to their rules", () => {
  const odd = imageOf("ok");
  writeU32(odd, 28, 1001);
  assert.equal(verify(odd), { ok: false, code: "bad-segment" });
  const huge = imageOf("ok");
  writeU32(huge, 28, 0x1000000);
  assert.equal(verify(huge), { ok: false, code: "bad-segment" });
  const shifted = imageOf("ok");
  writeU32(shifted, 24, 0x3f400024);
  assert.equal(verify(shifted), { ok: false, code: "bad-segment" });
  assert.equal(verify(imageOf("ok"), { address: 0x1000 }), { ok: false, code: "bad-segment" });
});

test("revisions outside the image's range are refused, unset ones never", () => {
  const image = {
    chipId: 0,
    version: "1",
    projectName: "p",
    minChipRevision: 100,
    maxChipRevision: 199,
  };
  const header = parseImageHeader(buildImage(image, digest));
  assert.ok(header.ok);
  assert.is(checkChip(header.header, { chipId: 0, chipRevision: 99 }), "chip-revision");
  assert.is(checkChip(header.header, { chipId: 0, chipRevision: 150 }), null);
  assert.is(checkChip(header.header, { chipId: 0, chipRevision: 200 }), "chip-revision");
  assert.is(checkChip(header.header, { chipId: 5, chipRevision: 150 }), "wrong-chip");
});

test("any single bit flip is found, but for the flag that says whether a hash is there", () => {
  const image = imageOf("ok");
  fc.assert(
    fc.property(fc.nat(image.length * 8 - 1), (bit) => {
      const flipped = image.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      // Byte 23, bit 0: ESP-IDF then trusts the checksum alone. The signed digest covers this.
      assert.is(verify(flipped).ok, bit === 23 * 8);
    }),
    { numRuns: 3000 },
  );
});

test("verifying is total: any bytes give a result", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      if (bytes.length > 13) bytes.set([0xe9], 0);
      verify(bytes);
      verify(bytes, { skipValidate: true });
    }),
  );
});

test("the head of an image is read without the rest", () => {
  const image = imageOf("ok");
  assert.equal(parseImageHeader(image.subarray(0, 23)), { ok: false, code: "too-short" });
  assert.equal(parseImageHeader(imageOf("blank")), { ok: false, code: "bad-magic" });
  assert.equal(parseImageHeader(imageOf("segs")), { ok: false, code: "too-many-segments" });
  const short = parseImageHeader(image.subarray(0, 24));
  assert.ok(short.ok && short.header.descriptor === null);
  const full = parseImageHeader(image.subarray(0, 288));
  assert.ok(full.ok && full.header.descriptor?.version === "1.0.0");
});

test("a work buffer that cannot be used is refused", () => {
  const chip = { chipId: 0, chipRevision: 300 };
  const call = (work: Uint8Array) => () => verifyImage(() => {}, 4096, chip, digest, { work });
  assert.throws(call(new Uint8Array(100)), RangeError);
  assert.throws(call(new Uint8Array(400).subarray(1, 301)), RangeError);
});

test("chips are found by name and by id", () => {
  for (const name of chipNames()) assert.is(chipById(chipByName(name)?.id ?? -1)?.name, name);
  assert.is(chipByName("esp8266"), null);
  assert.is(chipById(0xffff), null);
});

// Real images are not part of the project: whoever has some names their folder.
const firmware = process.env.DARUMA_FIRMWARE;
if (firmware !== undefined) {
  test("real images in DARUMA_FIRMWARE are good, and one changed byte makes them bad", () => {
    const files = readdirSync(firmware, { recursive: true, encoding: "utf8" });
    const images = files.filter((file) => file.endsWith(".bin"));
    assert.ok(images.length > 0, `${firmware} holds no .bin file`);
    for (const file of images) {
      const image = new Uint8Array(readFileSync(join(firmware, file)));
      const head = parseImageHeader(image);
      assert.ok(head.ok, file);
      const chip = chipById(head.header.chipId);
      assert.ok(chip, file);
      const result = verify(image, {}, chip.id, chip.revision);
      assert.ok(result.ok, `${file}: ${result.ok ? "" : result.code}`);
      assert.is(result.imageBytes, image.length, file);
      image[image.length >> 1] ^= 1;
      assert.not.ok(verify(image, {}, chip.id, chip.revision).ok, file);
    }
  });
}

test.run();
