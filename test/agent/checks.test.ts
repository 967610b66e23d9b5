import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DeviceFacts, isKnownBad, type Judgement, judge } from "../../src/agent/checks.js";
import { digestPrefix } from "../../src/journal/records.js";
import type { Release } from "../../src/suit/manifest.js";

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const facts: DeviceFacts = {
  vendorId: filled(16, 1),
  classId: filled(16, 2),
  chipId: 5,
  slotSizeBytes: 65_536,
  sequenceFloor: 7,
  confirmedManifest: filled(32, 3),
  confirmedImage: filled(32, 4),
  knownBad: { sequenceBelow: 0, digests: [] },
  targetIsConfirmed: false,
};
const good = {
  vendorId: filled(16, 1),
  classId: filled(16, 2),
  chipId: 5,
  sequenceNumber: 8,
  imageSizeBytes: 65_536,
  manifestDigest: filled(32, 9),
  imageDigest: filled(32, 8),
  uri: "app.bin",
  versionText: "8",
} as Release;

const rows: [string, Judgement, Partial<Release>, Partial<DeviceFacts>][] = [
  ["a good release", "accept", {}, {}],
  ["another vendor", "vendor-mismatch", { vendorId: filled(16, 9) }, {}],
  ["another class", "class-mismatch", { classId: filled(16, 9) }, {}],
  ["another chip", "chip-mismatch", { chipId: 0 }, {}],
  ["no chip named", "accept", { chipId: -1 }, {}],
  ["one byte too many", "image-too-big", { imageSizeBytes: 65_537 }, {}],
  ["2^31 bytes", "image-too-big", { imageSizeBytes: 2 ** 31 }, {}],
  ["2^32 - 1 bytes", "image-too-big", { imageSizeBytes: 2 ** 32 - 1 }, {}],
  ["the smallest image", "accept", { imageSizeBytes: 80 }, {}],
  ["smaller than that", "image-too-small", { imageSizeBytes: 79 }, {}],
  ["below the floor", "sequence-too-low", { sequenceNumber: 6 }, {}],
  [
    "the confirmed release",
    "nothing-new",
    { sequenceNumber: 7, manifestDigest: filled(32, 3) },
    {},
  ],
  ["its number on another release", "sequence-reused", { sequenceNumber: 7 }, {}],
  [
    "the floor's number when nobody knows who set it",
    "accept",
    { sequenceNumber: 7 },
    { confirmedManifest: new Uint8Array(32) },
  ],
  ["the image that runs, in a newer release", "installed", { imageDigest: filled(32, 4) }, {}],
  [
    "a release that failed here",
    "known-bad",
    {},
    { knownBad: { sequenceBelow: 0, digests: [digestPrefix(filled(32, 9))] } },
  ],
  [
    "a good release while the confirmed image lies in the other slot",
    "repair-first",
    {},
    { targetIsConfirmed: true },
  ],
  [
    "the confirmed image in a newer release while another image runs",
    "repair-first",
    { imageDigest: filled(32, 4) },
    { targetIsConfirmed: true },
  ],
  ["older than all that failed", "known-bad", {}, { knownBad: { sequenceBelow: 9, digests: [] } }],
];
for (const [name, expected, release, device] of rows) {
  test(`${name}: ${expected}`, () => {
    assert.is(judge({ ...good, ...release }, { ...facts, ...device }), expected);
  });
}

test("sequence numbers compare exactly up to 2^53 - 1", () => {
  const most = 2 ** 53 - 1;
  const device = { ...facts, sequenceFloor: most - 1 };
  assert.is(judge({ ...good, sequenceNumber: most }, device), "accept");
  assert.is(judge({ ...good, sequenceNumber: most - 2 }, device), "sequence-too-low");
});

test("a release is known as bad by the first 16 bytes of its digest", () => {
  const near = filled(32, 9);
  near[15] = 8;
  assert.is(isKnownBad(good, { sequenceBelow: 0, digests: [digestPrefix(near)] }), false);
});

test.run();
