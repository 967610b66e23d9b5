/** The digests of node:crypto in the shape that src asks for. */

import { createHash } from "node:crypto";
import type { Digest, DigestFactory } from "../../src/crypto/digest.js";

export const nodeDigest: DigestFactory = (algorithm): Digest => {
  const hash = createHash(algorithm.toLowerCase());
  return {
    write(bytes, start, length) {
      hash.update(bytes.subarray(start, start + length));
    },
    close() {
      return new Uint8Array(hash.digest());
    },
  };
};
