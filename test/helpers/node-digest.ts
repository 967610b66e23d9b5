/** The digests of node:crypto in the shape that src asks for. */

import { createHash } from "node:crypto";
import type { Digest, DigestFactory } from "../../src/crypto/digest.js";

export const nodeDigest: DigestFactory = (algorithm): Digest => {
  const hash = createHash(algorithm.toLowerCase());
  return {
    write(bytes) {
      hash.update(bytes);
    },
    close() {
      return new Uint8Array(hash.digest());
    },
  };
};
