/** Releases made on the spot with throw-away keys, and Node's digests for simulated boards. */
import { createHash, createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { packRelease, type Signer } from "../../src/author/envelope.js";
import { parseImageHeader } from "../../src/boot/image.js";
import { digestOf } from "../../src/crypto/digest.js";
import { verifyEd25519 } from "../../src/crypto/ed25519.js";
import type { DigestInstance } from "../esp32/platform.js";
import type { Behaviour, SimulatedRelease, SimulationNatives } from "../simulator/simulation.js";
import { nodeDigest, nodeMd5 } from "./digest.js";

/** Moddable's crypt Digest over node:crypto. */
class NodeDigest implements DigestInstance {
  readonly #hash;

  constructor(algorithm: string) {
    this.#hash = createHash(algorithm.toLowerCase());
  }

  write(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  close(): ArrayBuffer {
    return new Uint8Array(this.#hash.digest()).buffer;
  }
}

export const nodeNatives: SimulationNatives = Object.freeze({
  digest: NodeDigest,
  digestFactory: nodeDigest,
  md5: nodeMd5,
});

/** PKCS#8 header of an Ed25519 key: the 32 secret bytes follow (RFC 8410 section 7). */
const pkcs8Prefix = "302e020100300506032b657004220420";

/**
 * A signer of a key made from `seedText`, or of a random one: for tests and demonstrations only.
 */
export function throwAwaySigner(seedText?: string): Signer {
  const privateKey =
    seedText === undefined
      ? generateKeyPairSync("ed25519").privateKey
      : createPrivateKey({
          key: Buffer.concat([
            Buffer.from(pkcs8Prefix, "hex"),
            createHash("sha256").update(seedText).digest(),
          ]),
          format: "der",
          type: "pkcs8",
        });
  const jwk = privateKey.export({ format: "jwk" });
  return {
    publicKey: new Uint8Array(Buffer.from(String(jwk.x), "base64url")),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

export interface ReleaseRequest {
  readonly image: Uint8Array;
  readonly signer: Signer;
  readonly sequenceNumber: number;
  readonly versionText: string;
  readonly vendor: string;
  readonly deviceClass: string;
  readonly behaviour?: Behaviour;
  /** Of the payload; beside the envelope by default. */
  readonly uri?: string;
}

/** Packs an image as a release for the simulation. Throws PackError, RangeError for a bad image. */
export function makeRelease(request: ReleaseRequest): SimulatedRelease {
  const { image, sequenceNumber } = request;
  const header = parseImageHeader(image);
  if (!header.ok) throw new RangeError(`not an ESP32 image: ${header.code}`);
  const uri = request.uri ?? `app-${sequenceNumber}.bin`;
  const envelope = packRelease(
    {
      imageDigest: digestOf(nodeDigest, "SHA256", image),
      imageSizeBytes: image.length,
      chipId: header.header.chipId,
      sequenceNumber,
      versionText: request.versionText,
      vendor: request.vendor,
      className: request.deviceClass,
      uri,
    },
    [request.signer],
    nodeDigest,
  );
  return {
    name: `app-${sequenceNumber}.suit`,
    envelope,
    image,
    uri,
    behaviour: request.behaviour ?? "healthy",
  };
}

/**
 * The strict verifier, asked once per distinct question: runs with many boots repeat themselves.
 */
export function cachedVerifier(): (
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
) => boolean {
  const answers = new Map<string, boolean>();
  return (publicKey, signature, message) => {
    const parts = [publicKey, signature, message].map((part) => Buffer.from(part).toString("hex"));
    const question = parts.join(".");
    let answer = answers.get(question);
    if (answer === undefined) {
      answer = verifyEd25519(publicKey, signature, message, nodeDigest);
      answers.set(question, answer);
    }
    return answer;
  };
}
