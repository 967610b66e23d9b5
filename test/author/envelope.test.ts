import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { describeEnvelope } from "../../src/author/describe.js";
import {
  buildManifest,
  PackError,
  type PackErrorCode,
  packRelease,
  type ReleaseInput,
  signEnvelope,
} from "../../src/author/envelope.js";
import { hex } from "../../src/bytes.js";
import { authenticate, keyIdOf } from "../../src/suit/envelope.js";
import { parseManifest, type Release, readManifest } from "../../src/suit/manifest.js";
import { classIdOf, vendorIdOf } from "../../src/suit/uuid5.js";
import { fromHex } from "../helpers/cbor.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { profileA, profileASeed } from "../helpers/profile-a.js";
import { refusalCases } from "../helpers/refusals.js";
import { seed } from "../helpers/seed.js";
import {
  goodInput,
  goodRelease,
  makeKey,
  nodeVerify,
  releaseKey,
  strangerKey,
} from "../helpers/suit.js";

const input: ReleaseInput = {
  sequenceNumber: 7,
  versionText: "1.4.0-rc.2",
  vendor: "example.com",
  className: "sensor-1",
  imageDigest: new Uint8Array(32).fill(9),
  imageSizeBytes: 1000,
  uri: "/fw.bin",
};

function read(envelope: Uint8Array, key = releaseKey): Release {
  const { length } = envelope;
  const manifest = authenticate(envelope, length, [key.publicKey], nodeDigest, nodeVerify);
  const release = typeof manifest === "string" ? manifest : parseManifest(manifest);
  if (typeof release === "string") throw new Error(release);
  return release;
}

test("writes the published example byte for byte", () => {
  const manifest = buildManifest({
    sequenceNumber: 1795132800,
    versionText: "1.4.0",
    vendorId: vendorIdOf("example.com", nodeDigest),
    classId: fromHex("22bed84ab91f5a6b95278d7eb8edc864"),
    imageDigest: fromHex("7ed33c0102b183d9062394302157ed86a382a0c71bdafe2b3fb81fb8fa52dd1c"),
    imageSizeBytes: 1_376_256,
    uri: "https://ota.example.com/fw/1.4.0/fw.bin",
  });
  assert.equal(signEnvelope(manifest, [makeKey(profileASeed)], nodeDigest), profileA);
});

test("what is packed reads back", () => {
  const vendorId = vendorIdOf("example.com", nodeDigest);
  const release = read(packRelease(input, [releaseKey], nodeDigest));
  assert.is(release.versionText, "1.4.0-rc.2");
  assert.equal(release.vendorId, vendorId);
  assert.equal(release.classId, classIdOf(vendorId, "sensor-1", nodeDigest));
  assert.is(release.uri, "/fw.bin");
});

test("any valid input reads back", () => {
  const positive = fc.oneof(
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    fc.constantFrom(23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
  );
  const numbers = fc.array(fc.nat(), { minLength: 1, maxLength: 3 });
  const suffix = fc.constantFrom("", "-rc", "-beta.0", "-alpha.12", "-rc.1");
  fc.assert(
    fc.property(
      fc.record({
        profile: fc.constant(1),
        sequenceNumber: positive,
        imageSizeBytes: positive,
        chipId: fc.constantFrom(-1, 0, 5, 23, 24, 255, 256, 0xffff),
        versionText: fc
          .tuple(numbers, suffix)
          .map(([list, end]) => `${list.join(".")}${end}`)
          .filter((text) => text.length <= 32),
        imageDigest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        vendorId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
        classId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
        uri: fc
          .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 1, maxLength: 256 })
          .map((codes) => String.fromCharCode(...codes)),
      }),
      (wanted) => {
        const release = read(signEnvelope(buildManifest(wanted), [releaseKey], nodeDigest));
        const { manifestDigest, ...rest } = release;
        assert.is(manifestDigest.length, 32);
        assert.equal({ ...rest }, { ...wanted });
      },
    ),
    { seed, numRuns: 1000 },
  );
  console.log(`seed ${seed}: 1000 releases packed and read back`);
});

test("profile 1 is not written; a higher one is the last key, and tools read it", () => {
  const manifest = buildManifest(goodInput());
  assert.equal(buildManifest(goodInput({ profile: 1 })), manifest);
  for (const [profile, number] of [
    [2, "02"],
    [23, "17"],
    [24, "1818"],
    [2 ** 53 - 1, "1b001fffffffffffff"],
  ] as const) {
    const newer = buildManifest(goodInput({ profile }));
    // A map of nine entries: the eight, then -259 and the number.
    assert.is(hex(newer), `a9${hex(manifest).slice(2)}390102${number}`);
    const release = readManifest(newer, 0, newer.length, new Uint8Array(32));
    assert.is(typeof release === "string" ? release : release.profile, profile);
    const described = describeEnvelope(goodRelease({ profile }), nodeDigest);
    assert.is(described.problem, "manifest-unsupported");
    assert.is(described.manifest?.release?.profile, profile);
  }
});

test("several signers, and -8 on request", () => {
  const signers = [strangerKey, releaseKey, makeKey(3), makeKey(4)];
  const envelope = packRelease(input, signers, nodeDigest, { algorithm: -8 });
  for (const key of signers) assert.is(read(envelope, key).sequenceNumber, 7);
  const { signatures } = describeEnvelope(envelope, nodeDigest);
  assert.equal(
    signatures.map((block) => block.algorithm),
    [-8, -8, -8, -8],
  );
});

test("refuses what is no release, by name", () => {
  const cases: [PackErrorCode, Partial<ReleaseInput>][] = [
    ["sequence-number", { sequenceNumber: 0 }],
    ["sequence-number", { sequenceNumber: -1 }],
    ["sequence-number", { sequenceNumber: 1.5 }],
    ["sequence-number", { sequenceNumber: 2 ** 53 }],
    ["sequence-number", { sequenceNumber: Number.NaN }],
    ...["", "v1", "1.", "1..2", "01.2", "1.2.3.4", "1.2.3-rc1", "1.2.3-dev", "1.2.3+5", "1 "].map(
      (versionText): [PackErrorCode, Partial<ReleaseInput>] => ["version", { versionText }],
    ),
    ["version", { versionText: "1.2.3-rc.1.2" }],
    ["version", { versionText: "9007199254740992" }],
    ["version", { versionText: "4503599627370496.4503599627370496" }],
    ...["", "example", "Example.com", "ex ample.com", "-a.com", "b\u00fccher.de", "a..b"].map(
      (vendor): [PackErrorCode, Partial<ReleaseInput>] => ["vendor", { vendor }],
    ),
    ["vendor", { vendor: `${"a".repeat(250)}.com` }],
    ...["", "two words", "a/b", "\u00e9", "c".repeat(65)].map(
      (className): [PackErrorCode, Partial<ReleaseInput>] => ["class", { className }],
    ),
    ["digest", { imageDigest: new Uint8Array(31) }],
    ["size", { imageSizeBytes: 0 }],
    ["size", { imageSizeBytes: 2 ** 53 }],
    ...[0, -1, 1.5, 2 ** 53, Number.NaN].map((profile): [PackErrorCode, Partial<ReleaseInput>] => [
      "profile",
      { profile },
    ]),
    ["chip", { chipId: 0x10000 }],
    ["chip", { chipId: -2 }],
    ["chip", { chipId: 1.5 }],
    ...["", "http://a/b c", "http://a/\u00e9", "http://a/\n", "x".repeat(257)].map(
      (uri): [PackErrorCode, Partial<ReleaseInput>] => ["uri", { uri }],
    ),
  ];
  for (const [code, wrong] of cases) {
    const problem = caught(() => packRelease({ ...input, ...wrong }, [releaseKey], nodeDigest));
    assert.is(problem.code, code, JSON.stringify(wrong));
    assert.is(problem.name, "PackError");
    assert.ok(problem.message.length > 10);
  }
  console.log(`${cases.length} inputs refused`);
});

function caught(act: () => void): PackError {
  try {
    act();
  } catch (error) {
    if (error instanceof PackError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("refuses bad signers, bad ids and too much", () => {
  const manifest = buildManifest(goodInput());
  const short = { publicKey: new Uint8Array(31), sign: () => new Uint8Array(64) };
  const broken = { publicKey: new Uint8Array(32), sign: () => new Uint8Array(63) };
  const five = [1, 2, 3, 4, 5].map((n) => makeKey(n));
  for (const signers of [[], five, [releaseKey, releaseKey], [short], [broken]]) {
    assert.is(caught(() => signEnvelope(manifest, signers, nodeDigest)).code, "signers");
  }
  const big = new Uint8Array(4000);
  assert.is(caught(() => signEnvelope(big, [releaseKey], nodeDigest)).code, "too-big");
  const noId = new Uint8Array(15);
  assert.is(caught(() => buildManifest(goodInput({ vendorId: noId }))).code, "vendor");
  assert.is(caught(() => buildManifest(goodInput({ classId: noId }))).code, "class");
});

test("describes the chip: its id, and its name where that is known", () => {
  for (const [chipId, chip] of [
    [5, "esp32c3"],
    [0xffff, null],
  ] as const) {
    const envelope = packRelease({ ...input, chipId }, [releaseKey], nodeDigest);
    const release = describeEnvelope(envelope, nodeDigest).manifest?.release;
    assert.is(release?.chipId, chipId);
    assert.is(release?.chip, chip);
  }
});

test("describes without keys", () => {
  const description = describeEnvelope(goodRelease(), nodeDigest);
  const { sequenceNumber, versionText, imageSizeBytes, uri, ...bytes } = goodInput();
  assert.is(description.problem, null);
  assert.equal(description.manifest?.release, {
    profile: 1,
    sequenceNumber,
    versionText,
    vendorId: hex(bytes.vendorId),
    classId: hex(bytes.classId),
    imageDigest: hex(bytes.imageDigest),
    imageSizeBytes,
    chipId: null,
    chip: null,
    uri,
  });
  assert.is(description.manifest?.digestMatches, true);
  const keyId = hex(keyIdOf(releaseKey.publicKey, nodeDigest));
  assert.equal(description.signatures, [{ algorithm: -19, supported: true, keyId }]);
  assert.equal(JSON.parse(JSON.stringify(description)), description);
  assert.is(describeEnvelope(new Uint8Array(5000), nodeDigest).problem, "envelope-too-big");
});

test("describes every refused envelope, with the device's reason where no key is needed", () => {
  for (const { name, envelope, expected } of refusalCases()) {
    const { problem } = describeEnvelope(envelope, nodeDigest);
    const needsKey = expected === "signature-untrusted" || expected === "signature-invalid";
    assert.is(problem, needsKey ? null : expected, name);
  }
});

test.run();
