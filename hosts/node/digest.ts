/** Digests by Node's own crypto. */

import { createHash } from "node:crypto";
import type { Md5 } from "../../src/boot/partitions.js";
import type { DigestFactory } from "../../src/crypto/digest.js";

export const nodeDigest: DigestFactory = (algorithm) => {
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

export const nodeMd5: Md5 = (bytes) => new Uint8Array(createHash("md5").update(bytes).digest());
