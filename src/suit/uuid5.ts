/** Vendor and class identifiers of draft-ietf-suit-manifest-37: name-based UUIDs (RFC 9562 5.5). */

import { asciiBytes } from "../bytes.js";
import type { DigestFactory } from "../crypto/digest.js";

/** UUID version 5, 16 bytes, of an ASCII name in a namespace of 16 bytes. */
export function uuid5(namespace: Uint8Array, name: string, digest: DigestFactory): Uint8Array {
  const hash = digest("SHA1");
  hash.write(namespace);
  hash.write(asciiBytes(name));
  const uuid = hash.close().slice(0, 16);
  uuid[6] = (uuid[6] & 0x0f) | 0x50;
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
  return uuid;
}

/** Vendor identifier of a domain name such as "example.com". */
export function vendorIdOf(domain: string, digest: DigestFactory): Uint8Array {
  // RFC 9562 6.6: 6ba7b810-9dad-11d1-80b4-00c04fd430c8.
  // biome-ignore format: as the RFC groups them.
  const dnsNamespace = Uint8Array.of(
    0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
  );
  return uuid5(dnsNamespace, domain, digest);
}

/** Class identifier of a name that the vendor chose for one kind of device. */
export function classIdOf(
  vendorId: Uint8Array,
  className: string,
  digest: DigestFactory,
): Uint8Array {
  return uuid5(vendorId, className, digest);
}
