import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildManifest } from "../../src/author/envelope.js";
import { isReason } from "../../src/reasons.js";
import { readManifest } from "../../src/suit/manifest.js";
import { Entries, fromHex, type Item, wrapped } from "../helpers/cbor.js";
import { randomFrom, seed } from "../helpers/seed.js";
import { goodInput, manifestOf, sharedEntries } from "../helpers/suit.js";

const digest = new Uint8Array(32);
const read = (bytes: Uint8Array) => readManifest(bytes, 0, bytes.length, digest);

test("accepts only what the writer would write", () => {
  const random = randomFrom(seed);
  const manifests = [
    manifestOf(),
    manifestOf({ sequenceNumber: 2 ** 40, setVersion: wrapped([2, -2, 7]) }),
    buildManifest(goodInput({ uri: "/f", imageSizeBytes: 300, versionText: "1" })),
    buildManifest(goodInput({ uri: "app.bin", chipId: 5 })),
    buildManifest(goodInput({ uri: "app.bin", chipId: 5, profile: 300 })),
  ];
  let accepted = 0;
  for (let i = 0; i < 200_000; i++) {
    const bytes = manifests[i % manifests.length].slice();
    const changes = 1 + Math.floor(random() * 3);
    for (let n = 0; n < changes; n++) {
      const at = Math.floor(random() * bytes.length);
      bytes[at] = random() < 0.5 ? bytes[at] ^ (1 << (i % 8)) : Math.floor(random() * 256);
    }
    const release = read(bytes);
    if (typeof release === "string") {
      assert.ok(isReason(release) && release.startsWith("manifest-"));
      continue;
    }
    accepted++;
    assert.equal(buildManifest(release), bytes, `seed ${seed} case ${i}`);
  }
  assert.ok(accepted > 1000);
  console.log(`seed ${seed}: ${accepted} of 200000 mutated manifests fit, all in one shape`);
});

test("version texts", () => {
  const versions: [Item[], string][] = [
    [[1], "1"],
    [[0, 0], "0.0"],
    [[1, 4, 0], "1.4.0"],
    [[2025, 12, 6], "2025.12.6"],
    [[1, 2, -1, 3], "1.2-rc.3"],
    [[1, 2, -2], "1.2-beta"],
    [[1, 2, 3, -3, 4], "1.2.3-alpha.4"],
  ];
  for (const [numbers, text] of versions) {
    const bytes = manifestOf({ setVersion: wrapped(numbers) });
    const release = read(bytes);
    assert.is(typeof release === "string" ? release : release.versionText, text);
    assert.equal(buildManifest(goodInput({ versionText: text })), bytes);
  }
});

test("limits are met exactly", () => {
  const uri = `http://a/${"b".repeat(247)}`;
  const fits = read(manifestOf({ installParameters: new Entries([21, uri]) }));
  assert.is(typeof fits === "string" ? fits : fits.uri, uri);
  const last = 2 ** 53 - 1;
  const parameters = new Entries(...sharedEntries().slice(0, 3), [14, last]);
  const most = read(manifestOf({ sequenceNumber: last, parameters }));
  assert.is(typeof most === "string" ? most : most.sequenceNumber, last);
  assert.is(typeof most === "string" ? most : most.imageSizeBytes, last);
});

test("a range outside the bytes is malformed", () => {
  const bytes = manifestOf();
  for (const [start, end] of [
    [1, bytes.length],
    [0, bytes.length + 1],
    [5, 2],
    [0, 0],
  ]) {
    assert.is(readManifest(bytes, start, end, digest), "manifest-malformed");
  }
  assert.is(read(fromHex("a0")), "manifest-malformed");
});

test.run();
