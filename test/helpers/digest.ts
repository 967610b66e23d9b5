/** Digests for tests: the product's own Node ones. */

import { nodeDigest, nodeMd5 } from "../../hosts/node/digest.js";

export const digest = nodeDigest;
export const md5 = nodeMd5;
/** Both, as the simulated bootloader takes them. */
export const crypto = { digest, md5 };
