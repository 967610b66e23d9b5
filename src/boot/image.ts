/**
 * ESP32 application images (ESP-IDF esp_app_format.h, esp_image_format.c). Little endian:
 *
 * | offset | bytes | field                                                              |
 * |--------|-------|--------------------------------------------------------------------|
 * | 0      | 1     | magic E9                                                           |
 * | 1      | 1     | segment count, at most 16                                          |
 * | 2      | 2     | flash mode, speed and size                                         |
 * | 4      | 4     | entry address                                                      |
 * | 12     | 2     | chip id                                                            |
 * | 15     | 2     | least chip revision, major * 100 + minor                           |
 * | 17     | 2     | largest chip revision; 0 and FFFF mean none                        |
 * | 23     | 1     | 1: a SHA-256 is appended                                           |
 * | 24     | 8     | first segment: load address, length; its data follow               |
 * | 32     | 256   | app descriptor, the first data of the first segment                |
 *
 * After the last segment zeros, then a checksum byte that ends a block of 16: EF xor every data
 * byte. Then, if appended, the SHA-256 over everything before it.
 *
 * Not modelled: the check that a RAM segment does not overwrite the bootloader itself, the eFuse
 * block revision, secure boot signatures; and the alignment rule on chips without ranges.
 */

import { asciiText, readU16, readU32 } from "../bytes.js";
import type { Digest, DigestFactory } from "../crypto/digest.js";
import { chipById } from "./chips.js";
import { imageHeaderBytes, imageMagic, segmentHeaderBytes, segmentsMax } from "./image-head.js";

/** Offset and length of the app descriptor in an image. */
export const descriptorOffset = 32;
export const descriptorBytes = 256;
export const descriptorMagic = 0xabcd5432;
export const checksumSeed = 0xef;
/** A partition, and a segment, of 16 MB or more is refused (ESP_IMAGE_MAX_FLASH_ADDR_SIZE). */
export const imageBytesLimit = 0x1000000;
const hashBytes = 32;
const mmuPageBytes = 0x10000;

/** Why an image is refused. Stable codes, in the order in which the bootloader finds them. */
export type ImageError =
  | "partition-too-big"
  | "too-long"
  | "bad-magic"
  | "wrong-chip"
  | "chip-revision"
  | "too-many-segments"
  | "bad-segment"
  | "checksum-mismatch"
  | "hash-mismatch";

/** The chip that is to run the image; `chipRevision` is major * 100 + minor. */
export interface ChipIdentity {
  readonly chipId: number;
  readonly chipRevision: number;
}

export interface AppDescriptor {
  readonly secureVersion: number;
  /** Texts of at most 32 characters, for people. */
  readonly version: string;
  readonly projectName: string;
  readonly idfVersion: string;
}

export interface ImageHeader {
  readonly segmentCount: number;
  readonly entryAddress: number;
  readonly chipId: number;
  readonly minChipRevision: number;
  readonly maxChipRevision: number;
  readonly hashAppended: boolean;
  /** null: the bytes given are too few, or carry no descriptor. */
  readonly descriptor: AppDescriptor | null;
}

export type HeaderResult =
  | { readonly ok: true; readonly header: ImageHeader }
  | { readonly ok: false; readonly code: "too-short" | "bad-magic" | "too-many-segments" };

/**
 * Reads the first bytes of an image: 24 at least, else "too-short"; 288 to include the descriptor.
 */
export function parseImageHeader(bytes: Uint8Array): HeaderResult {
  if (bytes.length < imageHeaderBytes) return { ok: false, code: "too-short" };
  if (bytes[0] !== imageMagic) return { ok: false, code: "bad-magic" };
  if (bytes[1] > segmentsMax) return { ok: false, code: "too-many-segments" };
  return { ok: true, header: readHeader(bytes) };
}

/** bootloader_common_check_chip_validity: chip id first, then the range of revisions. */
export function checkChip(
  header: ImageHeader,
  chip: ChipIdentity,
): "wrong-chip" | "chip-revision" | null {
  if (header.chipId !== chip.chipId) return "wrong-chip";
  if (header.minChipRevision > chip.chipRevision) return "chip-revision";
  const max = header.maxChipRevision;
  if (max !== 0 && max !== 0xffff && chip.chipRevision > max) return "chip-revision";
  return null;
}

/** Copies `length` bytes at `offset` of the partition to `into[start, ...)`. */
export type ImageReader = (offset: number, into: Uint8Array, start: number, length: number) => void;

export interface VerifyOptions {
  /** The caller's work buffer: its address and length are multiples of 4, at least 288 bytes. */
  readonly work: Uint8Array;
  /** Flash address of the partition, for the MMU alignment rule; default 0 (64 KB aligned). */
  readonly address?: number;
  /**
   * CONFIG_BOOTLOADER_SKIP_VALIDATE_*: chip, checksum and hash are not looked at; magic, segment
   * count, segment headers and length still are.
   */
  readonly skipValidate?: boolean;
}

export type ImageResult =
  | {
      readonly ok: true;
      /** Header to the end of the hash. */
      readonly imageBytes: number;
      readonly header: ImageHeader;
      readonly hashAppended: boolean;
      /** The verified SHA-256; null when none is appended or validation was skipped. */
      readonly digest: Uint8Array | null;
    }
  | { readonly ok: false; readonly code: ImageError };

/**
 * Checks a whole image as the bootloader and esp_image_verify do (esp_image_format.c, image_load):
 * magic, chip and revision, segment count, segments, checksum, length, hash. Never reads past
 * `sizeLimitBytes`, the size of the partition: an image that reaches over it is "too-long".
 * Throws RangeError for a work buffer that cannot be used.
 */
export function verifyImage(
  read: ImageReader,
  sizeLimitBytes: number,
  chip: ChipIdentity,
  digestFactory: DigestFactory,
  options: VerifyOptions,
): ImageResult {
  const work = options.work;
  if (work.length < 288 || work.length % 4 !== 0 || work.byteOffset % 4 !== 0) {
    throw new RangeError("verifyImage: work buffer must be >= 288 bytes, aligned to 4");
  }
  if (sizeLimitBytes > imageBytesLimit) return refuse("partition-too-big");
  if (sizeLimitBytes < imageHeaderBytes) return refuse("too-long");
  const validate = options.skipValidate !== true;
  const headBytes = Math.min(sizeLimitBytes, descriptorOffset + descriptorBytes);
  read(0, work, 0, headBytes);
  if (work[0] !== imageMagic) return refuse("bad-magic");
  const header = readHeader(headBytes < work.length ? work.subarray(0, headBytes) : work);
  const misfit = validate ? checkChip(header, chip) : null;
  if (misfit !== null) return refuse(misfit);
  if (header.segmentCount > segmentsMax) return refuse("too-many-segments");
  const sha = validate && header.hashAppended ? digestFactory("SHA256") : null;
  sha?.write(work.subarray(0, imageHeaderBytes));
  const walk = new SegmentWalk(read, sizeLimitBytes, work, sha, validate);
  const failed = walk.segments(header, options.address ?? 0) ?? walk.checksumBlock();
  if (failed !== null) return refuse(failed);
  const hashOffset = walk.offset;
  const imageBytes = hashOffset + (header.hashAppended ? hashBytes : 0);
  if (imageBytes > sizeLimitBytes) return refuse("too-long");
  if (sha === null) {
    return { ok: true, imageBytes, header, hashAppended: header.hashAppended, digest: null };
  }
  const digest = sha.close();
  read(hashOffset, work, 0, hashBytes);
  for (let i = 0; i < hashBytes; i++) if (work[i] !== digest[i]) return refuse("hash-mismatch");
  return { ok: true, imageBytes, header, hashAppended: true, digest };
}

function refuse(code: ImageError): ImageResult {
  return { ok: false, code };
}

/** The state of one pass over an image; `offset` is the next byte. */
class SegmentWalk {
  offset: number = imageHeaderBytes;
  private xor = checksumSeed;
  private readonly words: Uint32Array;

  private readonly read: ImageReader;
  private readonly limit: number;
  private readonly work: Uint8Array;
  private readonly sha: Digest | null;
  private readonly validate: boolean;

  constructor(
    read: ImageReader,
    limit: number,
    work: Uint8Array,
    sha: Digest | null,
    validate: boolean,
  ) {
    this.read = read;
    this.limit = limit;
    this.work = work;
    this.sha = sha;
    this.validate = validate;
    this.words = new Uint32Array(work.buffer, work.byteOffset, work.length >> 2);
  }

  /** process_segments: headers by the rules of verify_segment_header, data into xor and hash. */
  segments(header: ImageHeader, address: number): ImageError | null {
    const mapped = chipById(header.chipId)?.mapped ?? [];
    for (let i = 0; i < header.segmentCount; i++) {
      if (this.offset + segmentHeaderBytes > this.limit) return "too-long";
      this.read(this.offset, this.work, 0, segmentHeaderBytes);
      this.sha?.write(this.work.subarray(0, segmentHeaderBytes));
      const loadAddress = readU32(this.work, 0);
      const length = readU32(this.work, 4);
      this.offset += segmentHeaderBytes;
      if (length % 4 !== 0 || length >= imageBytesLimit) return "bad-segment";
      const page = (address + this.offset) % mmuPageBytes;
      for (const range of mapped) {
        const inside = loadAddress >= range.low && loadAddress < range.high;
        // A segment that is mapped, not copied, must lie at the same offset in its MMU page.
        if (inside && loadAddress % mmuPageBytes !== page) return "bad-segment";
      }
      if (this.offset + length > this.limit) return "too-long";
      if (this.validate) this.data(length);
      this.offset += length;
    }
    return null;
  }

  /** process_checksum: pads with whatever is there to a block of 16; its last byte counts. */
  checksumBlock(): ImageError | null {
    const length = 16 - (this.offset % 16);
    if (this.offset + length > this.limit) return "too-long";
    if (this.validate) {
      this.read(this.offset, this.work, 0, length);
      const xor = this.xor;
      const folded = (xor ^ (xor >>> 8) ^ (xor >>> 16) ^ (xor >>> 24)) & 0xff;
      if (folded !== this.work[length - 1]) return "checksum-mismatch";
      this.sha?.write(this.work.subarray(0, length));
    }
    this.offset += length;
    return null;
  }

  private data(length: number): void {
    for (let done = 0; done < length; ) {
      const count = Math.min(this.work.length, length - done);
      this.read(this.offset + done, this.work, 0, count);
      let xor = this.xor;
      for (let word = 0; word < count >> 2; word++) xor ^= this.words[word];
      this.xor = xor;
      this.sha?.write(this.work.subarray(0, count));
      done += count;
    }
  }
}

function readHeader(bytes: Uint8Array): ImageHeader {
  return {
    segmentCount: bytes[1],
    entryAddress: readU32(bytes, 4),
    chipId: readU16(bytes, 12),
    minChipRevision: readU16(bytes, 15),
    maxChipRevision: readU16(bytes, 17),
    hashAppended: bytes[23] !== 0,
    descriptor: readDescriptor(bytes),
  };
}

function readDescriptor(bytes: Uint8Array): AppDescriptor | null {
  if (bytes.length < descriptorOffset + descriptorBytes) return null;
  if (readU32(bytes, descriptorOffset) !== descriptorMagic) return null;
  return {
    secureVersion: readU32(bytes, descriptorOffset + 4),
    version: text(bytes, descriptorOffset + 16),
    projectName: text(bytes, descriptorOffset + 48),
    idfVersion: text(bytes, descriptorOffset + 112),
  };
}

/** A text field of 32 bytes, NUL padded but not always NUL terminated. */
function text(bytes: Uint8Array, offset: number): string {
  let end = offset;
  while (end < offset + 32 && bytes[end] !== 0) end++;
  return asciiText(bytes, offset, end);
}
