/** What a device reads of an image's header is what the whole format says. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseImageHeader } from "../../src/boot/image.js";
import { chipIdOfHead } from "../../src/boot/image-head.js";
import { imageOf } from "../helpers/images.js";
import { randomFrom, seed } from "../helpers/seed.js";

test("the chip id is that of the header", () => {
  const head = imageOf("ok").slice(0, 24);
  head[12] = 0x09;
  head[13] = 0x01;
  assert.is(chipIdOfHead(head), 0x109);
});

test(`no chip id where no image begins, as the whole parser says (SEED=${seed})`, () => {
  const random = randomFrom(seed);
  const image = imageOf("ok").slice(0, 64);
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = image.slice(0, Math.floor(random() * 64));
    if (bytes.length > 0) bytes[Math.floor(random() * 2)] = Math.floor(random() * 256);
    const parsed = parseImageHeader(bytes);
    if (!parsed.ok) refused++;
    assert.is(chipIdOfHead(bytes), parsed.ok ? parsed.header.chipId : -1, `run ${i}`);
  }
  assert.ok(refused > 500 && refused < 2000, `${refused}`);
});

test.run();
