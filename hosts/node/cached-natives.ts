/**
 * Digests for runs with very many boots: a short message is digested once and looked up afterwards,
 * byte for byte. Starting a digest in OpenSSL costs more than digesting a kilobyte.
 */
import { createHash, type Hash } from "node:crypto";
import type { DigestInstance } from "../esp32/platform.js";
import type { SimulationNatives } from "../simulator/simulation.js";

/** Longer messages are digested each time: they are the images, whose bytes faults change. */
const shortBytes = 512;
/** Messages kept per algorithm; sweeps repeat a few dozen. */
const keptMax = 4096;

const answers = new Map<string, Map<string, Uint8Array>>();

class CachedDigest implements DigestInstance {
  readonly #algorithm: string;
  #text = "";
  #hash: Hash | null = null;

  constructor(algorithm: string) {
    this.#algorithm = algorithm.toLowerCase();
  }

  write(bytes: Uint8Array): void {
    if (this.#hash === null && this.#text.length + bytes.length <= shortBytes) {
      this.#text += latin1(bytes);
      return;
    }
    if (this.#hash === null) {
      this.#hash = createHash(this.#algorithm);
      this.#hash.update(this.#text, "latin1");
    }
    this.#hash.update(bytes);
  }

  close(): ArrayBuffer {
    return new Uint8Array(this.result()).buffer;
  }

  result(): Uint8Array {
    if (this.#hash !== null) return new Uint8Array(this.#hash.digest());
    let known = answers.get(this.#algorithm);
    if (known === undefined) {
      known = new Map();
      answers.set(this.#algorithm, known);
    }
    let answer = known.get(this.#text);
    if (answer === undefined) {
      answer = new Uint8Array(createHash(this.#algorithm).update(this.#text, "latin1").digest());
      if (known.size < keptMax) known.set(this.#text, answer);
    }
    return answer.slice();
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

export const cachedNatives: SimulationNatives = Object.freeze({
  digest: CachedDigest,
  digestFactory: (algorithm: string) => {
    const digest = new CachedDigest(algorithm);
    return {
      write: (bytes: Uint8Array) => digest.write(bytes),
      close: () => digest.result(),
    };
  },
  md5: (bytes: Uint8Array) => {
    const digest = new CachedDigest("md5");
    digest.write(bytes);
    return digest.result();
  },
});
