/** What a build script needs to make releases. Public entry "daruma-ota/author". */

export {
  describeEnvelope,
  type EnvelopeDescription,
} from "../../src/author/describe.js";
export {
  PackError,
  type PackErrorCode,
  packRelease,
  type ReleaseInput,
  type Signer,
} from "../../src/author/envelope.js";
export { buildImage, type ImageOptions } from "../../src/author/esp-image.js";
export { type AppImage, checkImage } from "./app-image.js";
export { type PackOptions, type PackResult, packFile } from "./commands/pack.js";
export { type VerifyResult, verifyFile } from "./commands/verify.js";
export { nodeDigest } from "./digest.js";
export { CliError } from "./errors.js";
export { generateKeys, type KeyFiles, loadPublicKey, loadSigner } from "./keys.js";
