/** The images and flashes of test/vectors/bootloader.json. */

import { readFileSync } from "node:fs";
import { buildImage } from "../../src/author/esp-image.js";
import { bootLayout, parsePartitions } from "../../src/boot/partitions.js";
import { digest } from "./digest.js";

export type ImageKind =
  | "ok"
  | "nohash"
  | "blank"
  | "magic"
  | "flip"
  | "flip2"
  | "sha"
  | "sum"
  | "trunc"
  | "chip"
  | "minrev"
  | "segs";

export interface BootVector {
  readonly otadataBefore: readonly [string, string];
  /** Label of the partition that ran, or "RESET". */
  readonly slot: string;
  readonly otadataAfter: readonly [string, string];
  readonly sectorsWritten: readonly string[];
}

export interface BootCase {
  readonly name: string;
  readonly partitionTable: string;
  readonly images: Readonly<Record<string, ImageKind>>;
  readonly boots: readonly BootVector[];
}

export const flashBytes = 0x400000;

const vectorFile = new URL("../../../test/vectors/bootloader.json", import.meta.url);

/** All recorded cases. */
export function bootCases(): BootCase[] {
  return (JSON.parse(readFileSync(vectorFile, "utf8")) as { cases: BootCase[] }).cases;
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

/** An image of that kind: 2048 bytes; "blank" is FF, "trunc" FF from 0x300 on. */
export function imageOf(kind: ImageKind, fillSeed = 1): Uint8Array {
  const image = buildImage(
    {
      chipId: kind === "chip" ? 5 : 0,
      version: "1.0.0",
      projectName: "vector",
      sizeBytes: 2048,
      fillSeed,
      hashAppended: kind !== "nohash",
      minChipRevision: kind === "minrev" ? 301 : 0,
    },
    digest,
  );
  const checksumAt = image.length - 33;
  if (kind === "blank") image.fill(0xff);
  if (kind === "magic") image[0] = 0;
  if (kind === "flip" || kind === "flip2") image[0x400] ^= 1;
  if (kind === "flip2") image[0x404] ^= 1;
  if (kind === "sha") image[image.length - 1] ^= 1;
  if (kind === "sum") image[checksumAt] ^= 1;
  if (kind === "trunc") image.fill(0xff, 0x300);
  if (kind === "segs") image[1] = 17;
  return image;
}

/** The whole flash of 4 MB as it is before boot number `boot` of a case. */
export function caseFlash(bootCase: BootCase, boot = 0): Uint8Array {
  const flash = new Uint8Array(flashBytes).fill(0xff);
  flash.set(fromHex(bootCase.partitionTable), 0x8000);
  // Read with any size and MD5, for some cases have a table that the bootloader refuses.
  const table = parsePartitions(flash.subarray(0x8000, 0x9000), {
    flashBytes: 0xffffffff,
    md5: (bytes) => flash.slice(0x8010 + bytes.length, 0x8020 + bytes.length),
  });
  if (!table.ok) throw new Error(`${bootCase.name}: ${table.code}`);
  let seed = 1;
  for (const partition of table.partitions) {
    const kind = bootCase.images[partition.label];
    if (kind === undefined) continue;
    const image = imageOf(kind, seed++);
    if (partition.offset + image.length <= flashBytes) flash.set(image, partition.offset);
  }
  const otadata = bootLayout(table.partitions).otadata;
  if (otadata !== null) {
    const entries = bootCase.boots[boot].otadataBefore;
    flash.set(fromHex(entries[0]), otadata.offset);
    flash.set(fromHex(entries[1]), otadata.offset + 0x1000);
  }
  return flash;
}
