/** Keys, good releases and envelopes that must be refused; used by every test that needs them. */

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { Signer } from "../../src/author/envelope.js";
import { buildManifest, type ManifestInput, signEnvelope } from "../../src/author/envelope.js";
import type { SignatureVerifier } from "../../src/suit/envelope.js";
import { cbor, concat, Entries, fromHex, head, type Item, Raw, tagged, wrapped } from "./cbor.js";
import { nodeDigest } from "./node-digest.js";

export interface TestKey extends Signer {
  readonly privateKey: KeyObject;
}

const pkcs8Head = "302e020100300506032b657004220420";
const spkiHead = "302a300506032b6570032100";

/** A key of a seed: 32 bytes, or a number that fills them. The same seed makes the same key. */
export function makeKey(seed: Uint8Array | number = 1): TestKey {
  const bytes = typeof seed === "number" ? new Uint8Array(32).fill(seed) : seed;
  const der = Buffer.concat([fromHex(pkcs8Head), bytes]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return {
    privateKey,
    publicKey: Uint8Array.from(spki.subarray(-32)),
    sign: (message) => Uint8Array.from(sign(null, message, privateKey)),
  };
}

/** OpenSSL's Ed25519: 40 times as fast as ours, for tests that are not about the signature. */
export const nodeVerify: SignatureVerifier = (publicKey, signature, message) => {
  try {
    const der = Buffer.concat([fromHex(spkiHead), publicKey]);
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
};

/** The key that signs `goodRelease` and every refusal case: a device's only trust anchor. */
export const releaseKey: TestKey = makeKey(1);
/** A key that no device trusts. */
export const strangerKey: TestKey = makeKey(2);

/** Inputs of a release that is accepted; override any of them. */
export function goodInput(overrides: Partial<ManifestInput> = {}): ManifestInput {
  return {
    sequenceNumber: 7,
    versionText: "1.4.0",
    vendorId: fromHex("cfbff0d193755685968c48ce8b15ae17"),
    classId: fromHex("22bed84ab91f5a6b95278d7eb8edc864"),
    imageDigest: new Uint8Array(32).fill(0x5a),
    imageSizeBytes: 1_376_256,
    uri: "https://ota.example.com/fw/1.4.0/fw.bin",
    ...overrides,
  };
}

/** The envelope of a release that `releaseKey` signed. */
export function goodRelease(overrides: Partial<ManifestInput> = {}): Uint8Array {
  return signed(buildManifest(goodInput(overrides)));
}

/** An envelope around any manifest bytes, rightly signed. */
export function signed(manifestBytes: Uint8Array, signer: Signer = releaseKey): Uint8Array {
  return signEnvelope(manifestBytes, [signer], nodeDigest);
}

/** The pieces of the manifest of `goodRelease`; a piece may be any item. */
export interface ManifestPieces {
  version: Item;
  sequenceNumber: Item;
  components: Item;
  parameters: Entries;
  shared: Item[];
  /** Changes the entries 2 and 4 of the common map. */
  common: (entries: [Item, Item][]) => [Item, Item][];
  componentId: Item;
  setVersion: Item;
  validate: Item[];
  invoke: Item[];
  installParameters: Entries;
  install: Item[];
  /** Changes the entries of the manifest map. */
  entries: (entries: [Item, Item][]) => [Item, Item][];
}

export const fwComponent: Item = [fromHex("6677")];
/** Entries of the parameter map of the shared sequence. */
export function sharedEntries(): [Item, Item][] {
  const input = goodInput();
  return [
    [1, input.vendorId],
    [2, input.classId],
    [3, wrapped([-16, input.imageDigest])],
    [14, input.imageSizeBytes],
  ];
}

/** A manifest with some pieces replaced; without any, exactly the manifest of `goodRelease`. */
export function manifestOf(pieces: Partial<ManifestPieces> = {}): Uint8Array {
  const parameters = pieces.parameters ?? new Entries(...sharedEntries());
  const uri = pieces.installParameters ?? new Entries([21, goodInput().uri]);
  const same = (entries: [Item, Item][]) => entries;
  const common = (pieces.common ?? same)([
    [2, pieces.components ?? [fwComponent]],
    [4, wrapped(pieces.shared ?? [20, parameters, 1, 15, 2, 15])],
  ]);
  const entries: [Item, Item][] = [
    [1, pieces.version ?? 1],
    [2, pieces.sequenceNumber ?? 7],
    [3, wrapped(new Entries(...common))],
    [5, pieces.componentId ?? fwComponent],
    [6, pieces.setVersion ?? wrapped([1, 4, 0])],
    [7, wrapped(pieces.validate ?? [3, 15])],
    [9, wrapped(pieces.invoke ?? [23, 2])],
    [20, wrapped(pieces.install ?? [20, uri, 21, 2, 3, 15])],
  ];
  return cbor(new Entries(...(pieces.entries ?? same)(entries)));
}

/** The pieces of an envelope around `manifest`; a piece may be any item. */
export interface EnvelopePieces {
  manifest: Uint8Array;
  /** The encoded SUIT_Digest. */
  signedDigest: Uint8Array;
  /** Encoded COSE blocks, in place of one good one. */
  blocks: Item[];
  /** The whole authentication list, in place of digest and blocks. */
  authentication: Item;
  /** The envelope's map entries, in place of keys 2 and 3. */
  entries: (authentication: Item, manifest: Item) => [Item, Item][];
  tag: Raw;
}

export interface BlockPieces {
  key: Signer;
  protectedHeader: Item;
  unprotected: Item;
  payload: Item;
  signature: Item;
  tag: number;
}

/** SUIT_Digest of a manifest, encoded. */
export function digestItemOf(manifest: Uint8Array): Uint8Array {
  const running = nodeDigest("SHA256");
  const item = cbor(manifest);
  running.write(item);
  return cbor([-16, running.close()]);
}

/** One signature block over `signedDigest`, rightly signed whatever its header says. */
export function blockOf(signedDigest: Uint8Array, pieces: Partial<BlockPieces> = {}): Uint8Array {
  const { key = releaseKey, unprotected = new Entries(), payload = null, tag = 18 } = pieces;
  const header = cbor(pieces.protectedHeader ?? new Entries([1, -19]));
  const message = cbor(["Signature1", header, new Uint8Array(0), signedDigest]);
  const { signature = key.sign(message) } = pieces;
  return cbor(tagged(tag, [header, unprotected, payload, signature]));
}

export function envelopeOf(pieces: Partial<EnvelopePieces> = {}): Uint8Array {
  const manifest = pieces.manifest ?? manifestOf();
  const signedDigest = pieces.signedDigest ?? digestItemOf(manifest);
  const blocks = pieces.blocks ?? [blockOf(signedDigest)];
  const authentication = wrapped(pieces.authentication ?? [signedDigest, ...blocks]);
  const entries = pieces.entries?.(authentication, manifest) ?? [
    [2, authentication],
    [3, manifest],
  ];
  const tag = pieces.tag ?? new Raw(head(6, 107));
  return concat(cbor(tag), cbor(new Entries(...entries)));
}
