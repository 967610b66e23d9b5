/** A running digest. One use: `write` any number of times, then `close` once. */
export interface Digest {
  write(bytes: Uint8Array): void;
  /** Returns the digest bytes; the object is spent. */
  close(): Uint8Array;
}

/** Starts a digest; what pure code is given instead of a library. */
export type DigestFactory = (algorithm: "SHA1" | "SHA256" | "SHA512") => Digest;

/** Digest of one whole array. */
export function digestOf(
  factory: DigestFactory,
  algorithm: "SHA1" | "SHA256" | "SHA512",
  bytes: Uint8Array,
): Uint8Array {
  const digest = factory(algorithm);
  digest.write(bytes);
  return digest.close();
}
