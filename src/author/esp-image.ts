/** Makes ESP32 application images (format: boot/image.ts) for tests, demos and the simulator. */

import { chipById } from "../boot/chips.js";
import { checksumSeed, descriptorBytes, descriptorMagic } from "../boot/image.js";
import { imageHeaderBytes, imageMagic, segmentHeaderBytes } from "../boot/image-head.js";
import { asciiBytes, writeU32 } from "../bytes.js";
import { type DigestFactory, digestOf } from "../crypto/digest.js";

export interface ImageSegment {
  readonly loadAddress: number;
  /** Length is a multiple of 4. */
  readonly data: Uint8Array;
}

export interface ImageOptions {
  readonly chipId: number;
  /** At most 31 characters each. */
  readonly version: string;
  readonly projectName: string;
  readonly idfVersion?: string;
  /** Anti-rollback version in the descriptor; default 0. */
  readonly secureVersion?: number;
  /** Exact size of the image: a multiple of 16, at least 352. Default 1024. */
  readonly sizeBytes?: number;
  /** Seed of the content behind the descriptor; default 1. */
  readonly fillSeed?: number;
  /** Copied over the start of that content. */
  readonly payload?: Uint8Array;
  /** Further segments behind the first; they add to `sizeBytes`. */
  readonly segments?: readonly ImageSegment[];
  /** Default true. */
  readonly hashAppended?: boolean;
  /** major * 100 + minor; default 0. */
  readonly minChipRevision?: number;
  /** Default 65535: none. */
  readonly maxChipRevision?: number;
}

const hashBytes = 32;

/**
 * A valid image: app descriptor, content of a seed, checksum and SHA-256. The same options always
 * give the same bytes. Throws RangeError for a size that no image can have.
 */
export function buildImage(options: ImageOptions, digestFactory: DigestFactory): Uint8Array {
  const hashed = options.hashAppended !== false;
  const sizeBytes = options.sizeBytes ?? 1024;
  if (sizeBytes % 16 !== 0 || sizeBytes < 352) {
    throw new RangeError("an image has a multiple of 16 bytes, 352 at least");
  }
  // The checksum byte ends a block of 16: 4 bytes for it and its padding keep data whole words.
  const overhead = imageHeaderBytes + segmentHeaderBytes + 4 + (hashed ? hashBytes : 0);
  const first: ImageSegment = {
    loadAddress: mappedAddress(options.chipId),
    data: firstData(options, sizeBytes - overhead),
  };
  const segments = [first, ...(options.segments ?? [])];
  let length = imageHeaderBytes;
  for (const segment of segments) length += segmentHeaderBytes + segment.data.length;
  const checksumAt = length - (length % 16) + 15;
  const image = new Uint8Array(checksumAt + 1 + (hashed ? hashBytes : 0));
  writeHeader(image, options, segments.length, hashed);
  let checksum = checksumSeed;
  let at = imageHeaderBytes;
  for (const segment of segments) {
    if (segment.data.length % 4 !== 0) throw new RangeError("segment data must be whole words");
    writeU32(image, at, segment.loadAddress);
    writeU32(image, at + 4, segment.data.length);
    image.set(segment.data, at + segmentHeaderBytes);
    for (const byte of segment.data) checksum ^= byte;
    at += segmentHeaderBytes + segment.data.length;
  }
  image[checksumAt] = checksum;
  if (hashed) {
    const body = image.subarray(0, checksumAt + 1);
    image.set(digestOf(digestFactory, "SHA256", body), checksumAt + 1);
  }
  return image;
}

/** An address that the MMU maps and whose page offset is that of the first segment's data. */
function mappedAddress(chipId: number): number {
  const mapped = chipById(chipId)?.mapped;
  return (mapped?.[0].low ?? 0x42000000) + imageHeaderBytes + segmentHeaderBytes;
}

function writeHeader(
  image: Uint8Array,
  options: ImageOptions,
  segmentCount: number,
  hashed: boolean,
): void {
  image[0] = imageMagic;
  image[1] = segmentCount;
  image[2] = 0x02; // DIO
  image[3] = 0x20; // 4 MB, 40 MHz
  writeU32(image, 4, mappedAddress(options.chipId));
  image[8] = 0xee; // write-protect pin disabled
  writeU16(image, 12, options.chipId);
  writeU16(image, 15, options.minChipRevision ?? 0);
  writeU16(image, 17, options.maxChipRevision ?? 0xffff);
  image[23] = hashed ? 1 : 0;
}

function firstData(options: ImageOptions, length: number): Uint8Array {
  const data = new Uint8Array(length);
  writeU32(data, 0, descriptorMagic);
  writeU32(data, 4, options.secureVersion ?? 0);
  writeText(data, 16, options.version);
  writeText(data, 48, options.projectName);
  writeText(data, 80, "00:00:00");
  writeText(data, 96, "Jan  1 2026");
  writeText(data, 112, options.idfVersion ?? "v6.0");
  data[180] = 16; // log2 of the MMU page size
  // Marsaglia's xorshift32: content only has to differ between seeds and not compress to nothing.
  let state = (options.fillSeed ?? 1) | 0 || 1;
  for (let at = descriptorBytes; at < length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    writeU32(data, at, state);
  }
  if (options.payload !== undefined) {
    if (options.payload.length > length - descriptorBytes) {
      throw new RangeError("the payload does not fit sizeBytes");
    }
    data.set(options.payload, descriptorBytes);
  }
  return data;
}

function writeText(data: Uint8Array, offset: number, text: string): void {
  if (text.length > 31) throw new RangeError(`"${text}" is longer than 31 characters`);
  data.set(asciiBytes(text), offset);
}

function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
}
