/**
 * Envelopes that must be refused before anything is fetched or written, each with its reason. A
 * device that trusts `releaseKey` alone gives exactly these reasons.
 */

import { digestOf } from "../../src/crypto/digest.js";
import { limits } from "../../src/limits.js";
import type { Reason } from "../../src/reasons.js";
import { keyIdOf } from "../../src/suit/envelope.js";
import { cbor, concat, Entries, fromHex, head, type Item, Raw, tagged, wrapped } from "./cbor.js";
import { manifestCases } from "./manifest-refusals.js";
import { nodeDigest } from "./node-digest.js";
import {
  type BlockPieces,
  blockOf,
  digestItemOf,
  envelopeOf,
  goodRelease,
  manifestOf,
  releaseKey,
  signed,
  strangerKey,
} from "./suit.js";

export interface RefusalCase {
  readonly name: string;
  readonly envelope: Uint8Array;
  readonly expected: Reason;
}

export function refusalCases(): RefusalCase[] {
  return [
    ...signatureCases(),
    ...blockCases(),
    ...authenticationCases(),
    ...envelopeCases(),
    ...manifestCases(),
  ];
}

const signedDigest = digestItemOf(manifestOf());
const hint = (publicKey: Uint8Array) => new Entries([4, keyIdOf(publicKey, nodeDigest)]);
const ourHint = hint(releaseKey.publicKey);

function signatureCases(): RefusalCase[] {
  const good = goodRelease();
  const changed = good.slice();
  changed[good.length - 1] ^= 1;
  const withBlock = (pieces: Partial<BlockPieces>) =>
    envelopeOf({ blocks: [blockOf(signedDigest, pieces)] });
  const otherDigest = digestItemOf(manifestOf({ sequenceNumber: 8 }));
  const cases: [string, Uint8Array, Reason][] = [
    ["unsigned", envelopeOf({ blocks: [] }), "signature-missing"],
    [
      "only an ES256 signature",
      withBlock({ protectedHeader: new Entries([1, -7]) }),
      "signature-missing",
    ],
    ["signed by a stranger", signed(manifestOf(), strangerKey), "signature-untrusted"],
    ["signed by a stranger, no key id", withBlock({ key: strangerKey }), "signature-untrusted"],
    [
      "signed by a stranger under our key id",
      withBlock({ key: strangerKey, unprotected: ourHint }),
      "signature-invalid",
    ],
    [
      "signed by us under a stranger's key id",
      withBlock({ unprotected: hint(strangerKey.publicKey) }),
      "signature-untrusted",
    ],
    [
      "our signature of another release",
      envelopeOf({ blocks: [blockOf(otherDigest, { unprotected: ourHint })] }),
      "signature-invalid",
    ],
    [
      "our -19 signature under -8",
      withBlock({
        protectedHeader: new Entries([1, -8]),
        signature: signatureAs(-19),
        unprotected: ourHint,
      }),
      "signature-invalid",
    ],
    ["last byte changed", changed, "digest-mismatch"],
    [
      "digest of the manifest without the byte string's header",
      envelopeOf({ signedDigest: cbor([-16, digestOf(nodeDigest, "SHA256", manifestOf())]) }),
      "digest-mismatch",
    ],
  ];
  return cases.map(([name, envelope, expected]) => ({ name, envelope, expected }));
}

function signatureAs(algorithm: number): Uint8Array {
  const header = cbor(new Entries([1, algorithm]));
  return releaseKey.sign(cbor(["Signature1", header, new Uint8Array(0), signedDigest]));
}

/** Our signature in a block whose shape is wrong; the signature itself is right. */
function blockCases(): RefusalCase[] {
  const key = releaseKey.publicKey;
  const shapes: [string, Partial<BlockPieces>][] = [
    ["protected header with a key id too", { protectedHeader: new Entries([1, -19], [4, key]) }],
    ["protected header empty", { protectedHeader: new Entries() }],
    ["protected header with crit", { protectedHeader: new Entries([1, -19], [2, [4]]) }],
    ["algorithm as text", { protectedHeader: new Entries([1, "Ed25519"]) }],
    ["algorithm twice", { protectedHeader: new Entries([1, -19], [1, -19]) }],
    ["algorithm not shortest", { protectedHeader: new Raw("a1013812") }],
    ["protected header label not shortest", { protectedHeader: new Raw("a1180132") }],
    ["protected header indefinite", { protectedHeader: new Raw("bf0132ff") }],
    ["protected header with trailing bytes", { protectedHeader: new Raw("a1013200") }],
    ["key id of 7 bytes", { unprotected: new Entries([4, key.subarray(0, 7)]) }],
    ["key id of 32 bytes", { unprotected: new Entries([4, key]) }],
    ["algorithm in the unprotected header", { unprotected: new Entries([1, -19]) }],
    ["key id and more", { unprotected: new Entries([4, key.subarray(0, 8)], [5, key]) }],
    ["unprotected header is null", { unprotected: null }],
    ["payload not detached", { payload: signedDigest }],
    ["payload empty", { payload: new Uint8Array(0) }],
    ["payload undefined", { payload: new Raw("f7") }],
    ["signature of 63 bytes", { signature: new Uint8Array(63) }],
    ["signature of 65 bytes", { signature: new Uint8Array(65) }],
    ["signature is null", { signature: null }],
    ["tagged COSE_Mac0", { tag: 17 }],
    ["tagged COSE_Sign", { tag: 98 }],
  ];
  const cases = shapes.map(([name, pieces]) => refused(name, blockOf(signedDigest, pieces)));
  const good = blockOf(signedDigest);
  cases.push(refused("block without its tag", good.slice(1)));
  cases.push(refused("block with trailing bytes", concat(good, fromHex("00"))));
  cases.push(refused("tag not shortest", concat(head(6, 18, 1), good.slice(1))));
  const parts: Item[] = [cbor(new Entries([1, -19])), new Entries(), null];
  cases.push(refused("block of three items", cbor(tagged(18, parts))));
  return cases;
}

function refused(name: string, block: Uint8Array): RefusalCase {
  return { name, envelope: envelopeOf({ blocks: [block] }), expected: "envelope-malformed" };
}

function authenticationCases(): RefusalCase[] {
  const good = blockOf(signedDigest);
  const digest = digestOf(nodeDigest, "SHA256", cbor(manifestOf()));
  const listed = (authentication: Item) => envelopeOf({ authentication });
  const digested = (item: Item) => envelopeOf({ signedDigest: cbor(item) });
  const cases: [string, Uint8Array][] = [
    ["5 signatures", envelopeOf({ blocks: [good, good, good, good, good] })],
    ["authentication list empty", listed([])],
    ["authentication is a map", listed(new Entries([0, signedDigest]))],
    ["authentication indefinite", listed(new Raw("9f", cbor(signedDigest), cbor(good), "ff"))],
    ["authentication with trailing bytes", listed(new Raw(cbor([signedDigest, good]), "00"))],
    ["good block, then one that is malformed", envelopeOf({ blocks: [good, new Uint8Array(3)] })],
    ["block not wrapped", listed([signedDigest, new Raw(good)])],
    ["SHA-384 digest", digested([-43, concat(digest, digest.subarray(0, 16))])],
    ["SHA-512/256 digest", digested([-17, digest])],
    ["digest of 31 bytes", digested([-16, digest.subarray(0, 31)])],
    ["digest with a third item", digested([-16, digest, 0])],
    ["digest as an array of one", digested(new Raw("812f", cbor(digest)))],
    ["digest algorithm not shortest", digested([new Raw("380f"), digest])],
    [
      "digest with trailing bytes",
      envelopeOf({ signedDigest: concat(signedDigest, fromHex("00")) }),
    ],
  ];
  return cases.map(([name, envelope]) => ({ name, envelope, expected: "envelope-malformed" }));
}

function envelopeCases(): RefusalCase[] {
  const good = goodRelease();
  const body = good.slice(2);
  const withEntries = (order: (a: [Item, Item], m: [Item, Item]) => [Item, Item][]) =>
    envelopeOf({ entries: (auth, manifest) => order([2, auth], [3, manifest]) });
  const nested = (depth: number) => new Uint8Array(depth).fill(0x81);
  const cases: [string, Uint8Array][] = [
    ["empty", new Uint8Array(0)],
    ["no tag", body],
    ["tag 55799 before it", concat(fromHex("d9d9f7"), good)],
    ["tag 108", envelopeOf({ tag: new Raw(head(6, 108)) })],
    ["tag not shortest", envelopeOf({ tag: new Raw(head(6, 107, 2)) })],
    ["trailing byte", concat(good, fromHex("00"))],
    ["two envelopes", concat(good, good)],
    ["no authentication", withEntries((_a, m) => [m])],
    ["no manifest", withEntries((a) => [a])],
    ["manifest first", withEntries((a, m) => [m, a])],
    ["authentication twice", withEntries((a, m) => [a, a, m])],
    ["manifest twice", withEntries((a, m) => [a, m, m])],
    ["delegation", withEntries((a, m) => [[1, wrapped([])], a, m])],
    ["severed install", withEntries((a, m) => [a, m, [20, wrapped([3, 15])]])],
    ["severed text", withEntries((a, m) => [a, m, [23, wrapped(new Entries())]])],
    ["integrated payload", withEntries((a, m) => [a, m, ["#fw", new Uint8Array(16)]])],
    ["negative key", withEntries((a, m) => [a, m, [-1, new Uint8Array(1)]])],
    ["key not shortest", withEntries((a, m) => [[new Raw("1802"), a[1]], m])],
    ["key as text", withEntries((a, m) => [["2", a[1]], m])],
    ["authentication not wrapped", withEntries((a, m) => [[2, [a[1]]], m])],
    ["manifest not wrapped", withEntries((a, m) => [a, [3, [m[1]]]])],
    ["map indefinite", concat(fromHex("d86bbf"), body.slice(1), fromHex("ff"))],
    ["map count not shortest", concat(fromHex("d86bb802"), body.slice(1))],
    ["map of 2^32 entries", concat(fromHex("d86bbb0000000100000000"), body.slice(1))],
    ["nested 10 levels", nested(10)],
    ["nested 4000 levels", nested(4000)],
    [
      "nested 4000 levels in the authentication",
      envelopeOf({ authentication: new Raw(nested(3900)) }),
    ],
    ["all 0x00", new Uint8Array(300)],
    ["all 0xff", new Uint8Array(300).fill(0xff)],
  ];
  const refusals: RefusalCase[] = cases.map(([name, envelope]) => ({
    name: `envelope: ${name}`,
    envelope,
    expected: "envelope-malformed",
  }));
  const tooBig = signedPadding(limits.envelopeBytesMax + 1);
  refusals.push({ name: "4097 bytes", envelope: tooBig, expected: "envelope-too-big" });
  return refusals;
}

/** An envelope of exactly `lengthBytes`, rightly signed around a manifest of zeros. */
function signedPadding(lengthBytes: number): Uint8Array {
  const fixed = envelopeOf({ manifest: new Uint8Array(1000) }).length - 1000;
  return envelopeOf({ manifest: new Uint8Array(lengthBytes - fixed) });
}
