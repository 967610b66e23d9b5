import { test } from "uvu";
import * as assert from "uvu/assert";
import { hex } from "../../src/bytes.js";
import { verifyEd25519 } from "../../src/crypto/ed25519.js";
import { isReason } from "../../src/reasons.js";
import {
  type AuthenticManifest,
  authenticate,
  keyIdOf,
  releaseDigest,
  type SignatureVerifier,
} from "../../src/suit/envelope.js";
import { parseManifest } from "../../src/suit/manifest.js";
import { cbor, concat, Entries, fromHex, head, type Item } from "../helpers/cbor.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { profileA, profileASeed } from "../helpers/profile-a.js";
import { refusalCases } from "../helpers/refusals.js";
import { randomBytes, randomFrom, seed } from "../helpers/seed.js";
import {
  blockOf,
  digestItemOf,
  envelopeOf,
  goodRelease,
  makeKey,
  manifestOf,
  nodeVerify,
  releaseKey,
  signed,
  strangerKey,
} from "../helpers/suit.js";

const ourVerify: SignatureVerifier = (publicKey, signature, message) =>
  verifyEd25519(publicKey, signature, message, nodeDigest);

function outcome(
  envelope: Uint8Array,
  verify = nodeVerify,
  anchors: Uint8Array[] = [releaseKey.publicKey],
): AuthenticManifest | string {
  return authenticate(envelope, envelope.length, anchors, nodeDigest, verify);
}

/** The reason of the refusal, "" for an authentic manifest that parses too. */
function refusalOf(envelope: Uint8Array, verify = nodeVerify): string {
  const manifest = outcome(envelope, verify);
  if (typeof manifest === "string") return manifest;
  const release = parseManifest(manifest);
  return typeof release === "string" ? release : "";
}

test("the published example is authentic and parses", () => {
  const anchors = [strangerKey.publicKey, makeKey(profileASeed).publicKey];
  const manifest = outcome(profileA, ourVerify, anchors);
  if (typeof manifest === "string") throw new Error(manifest);
  assert.is(profileA.length, 317);
  assert.is(manifest.trustAnchorIndex, 1);
  assert.is(manifest.end, 317);
  assert.is(
    hex(manifest.digest),
    "e047780471466f5b20278d9417a53a2d193489bd68379331c8010cafc714b471",
  );
  const release = parseManifest(manifest);
  if (typeof release === "string") throw new Error(release);
  assert.is(release.sequenceNumber, 1795132800);
  assert.is(release.versionText, "1.4.0");
  assert.is(release.uri, "https://ota.example.com/fw/1.4.0/fw.bin");
  assert.is(release.imageSizeBytes, 1_376_256);
  assert.is(hex(release.vendorId), "cfbff0d193755685968c48ce8b15ae17");
  assert.is(hex(release.classId), "22bed84ab91f5a6b95278d7eb8edc864");
  assert.equal(release.manifestDigest, manifest.digest);
  const kept = hex(release.imageDigest);
  const buffer = profileA.slice();
  const again = authenticate(buffer, buffer.length, anchors, nodeDigest, nodeVerify);
  const owned = typeof again === "string" ? again : parseManifest(again);
  buffer.fill(0);
  if (typeof owned === "string") throw new Error(owned);
  assert.is(hex(owned.imageDigest), kept, "a release owns its bytes");
  assert.is(hex(owned.manifestDigest), hex(manifest.digest));
});

test("the helpers' good envelopes are good", () => {
  assert.equal(signed(manifestOf()), goodRelease());
  assert.is(refusalOf(goodRelease(), ourVerify), "");
  assert.is(refusalOf(envelopeOf(), ourVerify), "");
});

test("an envelope may lie in a larger buffer", () => {
  const good = goodRelease();
  const buffer = concat(good, new Uint8Array(100).fill(0xff));
  const anchors = [releaseKey.publicKey];
  const inBuffer = (length: number) =>
    authenticate(buffer, length, anchors, nodeDigest, nodeVerify);
  assert.not.type(inBuffer(good.length), "string");
  assert.is(inBuffer(good.length + 1), "envelope-malformed");
  assert.is(inBuffer(buffer.length + 1), "envelope-malformed");
  assert.is(inBuffer(5000), "envelope-too-big");
  assert.is(inBuffer(-1), "envelope-malformed");
});

test("other blocks beside a good one do not matter", () => {
  const payload = digestItemOf(manifestOf());
  const good = blockOf(payload);
  const es256 = blockOf(payload, {
    protectedHeader: new Entries([1, -9]),
    signature: new Uint8Array(96),
  });
  const stranger = blockOf(payload, { key: strangerKey });
  const forged = blockOf(payload, {
    signature: new Uint8Array(64),
    unprotected: new Entries([4, keyIdOf(releaseKey.publicKey, nodeDigest)]),
  });
  const eddsa = blockOf(payload, { protectedHeader: new Entries([1, -8]) });
  const lists: Item[][] = [
    [es256, good],
    [good, es256],
    [stranger, good],
    [forged, good],
    [es256, stranger, forged, good],
    [eddsa],
    [good, good],
  ];
  for (const blocks of lists) assert.is(refusalOf(envelopeOf({ blocks }), ourVerify), "");
});

test("every refusal has its reason", () => {
  const cases = refusalCases();
  const names = new Set<string>();
  for (const { name, envelope, expected } of cases) {
    assert.ok(isReason(expected) && !names.has(name), name);
    names.add(name);
    assert.is(refusalOf(envelope, ourVerify), expected, name);
    if (!expected.startsWith("manifest-")) assert.type(outcome(envelope), "string", name);
  }
  console.log(`${cases.length} refusals`);
});

test("cut at every length, and never accepted", () => {
  const good = goodRelease();
  for (let length = 0; length < good.length; length++) {
    const refusal = refusalOf(good.slice(0, length));
    assert.is(refusal, "envelope-malformed", `cut at ${length}`);
  }
});

test("every other value of every byte is refused", () => {
  const good = goodRelease();
  let count = 0;
  for (let at = 0; at < good.length; at++) {
    const changed = good.slice();
    for (let value = 0; value < 256; value++) {
      if (value === good[at]) continue;
      changed[at] = value;
      count++;
      assert.type(outcome(changed), "string", `byte ${at} = ${value}`);
    }
    changed[at] = good[at] ^ (1 << (at % 8));
    assert.type(outcome(changed, ourVerify), "string", `byte ${at}`);
  }
  assert.is(count, good.length * 255);
  console.log(`${count} changed envelopes of ${good.length} bytes refused`);
});

/** Every CBOR head of `bytes`, also inside byte strings that hold CBOR: where and how deep. */
type Node = { major: number; value: number; content: Uint8Array; children: Node[] };

function parse(bytes: Uint8Array, at: { offset: number }): Node {
  const initial = bytes[at.offset++];
  const info = initial & 31;
  const size = info < 24 ? 0 : 1 << (info - 24);
  let value = info;
  if (size > 0) value = Number(`0x${hex(bytes.slice(at.offset, at.offset + size))}`);
  at.offset += size;
  const node: Node = { major: initial >> 5, value, content: new Uint8Array(0), children: [] };
  if (node.major === 2 || node.major === 3) {
    node.content = bytes.slice(at.offset, at.offset + value);
    at.offset += value;
    // In the profile, what is wrapped begins with an array, a map or a tag.
    if (node.major === 2 && [0x82, 0x83, 0x86, 0xa1, 0xa2, 0xa8, 0xd2].includes(node.content[0])) {
      const inner = { offset: 0 };
      node.children.push(parse(node.content, inner));
    }
  } else {
    const count = [0, 0, 0, 0, value, 2 * value, 1, 0][node.major];
    for (let i = 0; i < count; i++) node.children.push(parse(bytes, at));
  }
  return node;
}

const widths = [0, 1, 2, 4, 8];

/** Writes the tree again with the head of number `which` one size too wide. */
function rewrite(node: Node, which: number, counter: { heads: number }): Uint8Array {
  const wide = counter.heads++ === which;
  const inner = node.children.map((child) => rewrite(child, which, counter));
  const content = inner.length > 0 ? concat(...inner) : node.content;
  const value = node.major === 2 && inner.length > 0 ? content.length : node.value;
  const usual = head(node.major, value).length - 1;
  const size = wide ? widths[widths.indexOf(usual) + 1] : usual;
  return concat(head(node.major, value, size), content);
}

test("a head that is not the shortest is refused at every place", () => {
  let count = 0;
  const refuseAll = (bytes: Uint8Array, wrap: (changed: Uint8Array) => Uint8Array): void => {
    const tree = parse(bytes, { offset: 0 });
    const counter = { heads: 0 };
    assert.equal(rewrite(tree, -1, counter), bytes);
    for (let which = 0; which < counter.heads; which++, count++) {
      const changed = rewrite(tree, which, { heads: 0 });
      const refusal = refusalOf(wrap(changed));
      assert.ok(refusal.endsWith("-malformed") || refusal === "digest-mismatch", refusal);
      if (wrap !== same) assert.is(refusal, "manifest-malformed");
    }
  };
  const same = (changed: Uint8Array) => changed;
  refuseAll(goodRelease(), same);
  refuseAll(manifestOf(), (changed) => signed(changed));
  console.log(`${count} widened heads refused`);
});

test("random and mutated envelopes: never accepted, never an exception", () => {
  const random = randomFrom(seed);
  const good = goodRelease();
  for (let i = 0; i < 20_000; i++) {
    const bytes = i % 4 === 0 ? randomBytes(random, 80) : good.slice();
    for (let n = 0; n < 3; n++) {
      const at = Math.floor(random() * bytes.length);
      bytes[at] = (bytes[at] + 1 + Math.floor(random() * 255)) % 256;
    }
    if (hex(bytes) === hex(good)) continue;
    assert.type(outcome(bytes), "string", `seed ${seed} case ${i}`);
  }
  console.log(`seed ${seed}: 20000 random and mutated envelopes refused`);
});

/** Counts what it is asked, and believes nothing. */
function countingVerifier(): { calls: number; verify: SignatureVerifier; keys: string[] } {
  const counting = {
    calls: 0,
    keys: [] as string[],
    verify: (publicKey: Uint8Array): boolean => {
      counting.calls++;
      counting.keys.push(hex(publicKey));
      return false;
    },
  };
  return counting;
}

test("a block costs one verification at most, and a stranger's key id none", () => {
  const payload = digestItemOf(manifestOf());
  const anchors = Array.from({ length: 8 }, (_, i) => makeKey(100 + i).publicKey);
  const named = (index: number) =>
    blockOf(payload, { unprotected: new Entries([4, keyIdOf(anchors[index], nodeDigest)]) });
  const unnamed = blockOf(payload, { key: strangerKey });
  const counted = (blocks: Item[]): [string, string[]] => {
    const counting = countingVerifier();
    const refusal = outcome(envelopeOf({ blocks }), counting.verify, anchors);
    return [typeof refusal === "string" ? refusal : "", counting.keys];
  };
  const [first, third, last] = [anchors[0], anchors[2], anchors[7]].map((key) => hex(key));
  const four = [unnamed, unnamed, unnamed, unnamed];
  assert.equal(counted(four), ["signature-untrusted", [first, first, first, first]]);
  assert.equal(counted([named(7), named(2)]), ["signature-invalid", [last, third]]);
  assert.equal(counted([named(7), unnamed]), ["signature-invalid", [last, first]]);
  const stranger = blockOf(payload, {
    unprotected: new Entries([4, keyIdOf(strangerKey.publicKey, nodeDigest)]),
  });
  assert.equal(counted([stranger]), ["signature-untrusted", []]);
  assert.is(outcome(goodRelease(), nodeVerify, []), "signature-untrusted");
  assert.is(outcome(envelopeOf(), nodeVerify, []), "signature-untrusted");
});

test("a block without a key id is the first trust anchor's or nobody's", () => {
  const others = Array.from({ length: 7 }, (_, i) => makeKey(100 + i).publicKey);
  const index = (envelope: Uint8Array, anchors: Uint8Array[]): string | number => {
    const found = outcome(envelope, nodeVerify, anchors);
    return typeof found === "string" ? found : found.trustAnchorIndex;
  };
  assert.is(index(envelopeOf(), [releaseKey.publicKey, ...others]), 0);
  assert.is(index(envelopeOf(), [...others, releaseKey.publicKey]), "signature-untrusted");
  assert.is(index(goodRelease(), [...others, releaseKey.publicKey]), 7);
  assert.is(
    index(goodRelease(), [...others, strangerKey.publicKey, releaseKey.publicKey]),
    "signature-untrusted",
  );
});

test("what was authentic before needs no verification; another manifest does", () => {
  const anchors = [strangerKey.publicKey, releaseKey.publicKey];
  const known = outcome(goodRelease(), nodeVerify, anchors);
  if (typeof known === "string") throw new Error(known);
  const again = (envelope: Uint8Array): string | number => {
    const counting = countingVerifier();
    const found = authenticate(
      envelope,
      envelope.length,
      anchors,
      nodeDigest,
      counting.verify,
      known,
    );
    if (typeof found === "string") return `${found} ${counting.calls}`;
    assert.is(counting.calls, 0);
    return found.trustAnchorIndex;
  };
  assert.is(again(goodRelease()), 1);
  const payload = digestItemOf(manifestOf());
  const forged = blockOf(payload, { signature: new Uint8Array(64) });
  assert.is(again(envelopeOf({ blocks: [forged] })), 1, "the same manifest, whoever sends it");
  assert.is(again(goodRelease({ sequenceNumber: 8 })), "signature-invalid 1");
  // The digest that is compared is of the bytes that came, not the one that they name.
  const other = manifestOf({ sequenceNumber: 8 });
  assert.is(again(envelopeOf({ manifest: other, signedDigest: payload })), "digest-mismatch 0");
});

test("the digest of a release is that of the manifest that came", () => {
  const good = goodRelease();
  const manifest = outcome(good);
  if (typeof manifest === "string") throw new Error(manifest);
  const digestIn = (bytes: Uint8Array): string => {
    const found = releaseDigest(bytes, bytes.length, nodeDigest);
    return typeof found === "string" ? found : hex(found);
  };
  assert.is(digestIn(good), hex(manifest.digest));
  assert.is(digestIn(new Uint8Array(5000)), "envelope-too-big");
  assert.is(digestIn(good.subarray(1)), "envelope-malformed");
  const signedDigest = digestItemOf(manifestOf());
  const other = manifestOf({ sequenceNumber: 8 });
  assert.is(digestIn(envelopeOf({ manifest: other, signedDigest })), "digest-mismatch");
});

test("a verifier is asked for exactly the Sig_structure", () => {
  const messages: string[] = [];
  outcome(profileA, (_key, _signature, message) => messages.push(hex(message)) < 0, [
    makeKey(profileASeed).publicKey,
  ]);
  const header = cbor(new Entries([1, -19]));
  const payload = profileA.slice(9, 45);
  assert.equal(payload.slice(0, 4), fromHex("822f5820"));
  assert.equal(messages, [hex(cbor(["Signature1", header, new Uint8Array(0), payload]))]);
});

test.run();
