/** Which chip the application images in a flash were built for. */
import { type Chip, chipById } from "../../src/boot/chips.js";
import { parseImageHeader } from "../../src/boot/image.js";
import {
  bootLayout,
  parsePartitions,
  partitionTableAddress,
  partitionTableBytesMax,
} from "../../src/boot/partitions.js";
import { nodeMd5 } from "./digest.js";

const headerBytes = 24;

/** The one chip that all images name; null without an image, or when they name several. */
export function chipOfImages(flash: Uint8Array): Chip | null {
  const end = partitionTableAddress + partitionTableBytesMax;
  const options = { flashBytes: flash.length, md5: nodeMd5 };
  const table = parsePartitions(flash.subarray(partitionTableAddress, end), options);
  if (!table.ok) return null;
  const { factory, slots } = bootLayout(table.partitions);
  const ids = new Set<number>();
  for (const partition of [factory, ...slots]) {
    if (partition === null || partition === undefined) continue;
    const { offset } = partition;
    const image = parseImageHeader(flash.subarray(offset, offset + headerBytes));
    if (image.ok) ids.add(image.header.chipId);
  }
  const [id, ...others] = ids;
  return id === undefined || others.length > 0 ? null : chipById(id);
}
