/** Partition layouts of the simulated board; manifests/ ships the same ones as CSV. */
import type { Partition } from "../../src/boot/partitions.js";

const kilobyte = 1024;
const megabyte = 1024 * kilobyte;

/** A row of a partition table, without flags. */
export function partitionRow(
  label: string,
  type: number,
  subtype: number,
  offset: number,
  sizeBytes: number,
): Partition {
  return { label, type, subtype, offset, sizeBytes, flags: 0 };
}

function ota(slotSizeBytes: number): Partition[] {
  return [
    partitionRow("nvs", 1, 2, 0x9000, 0x4000),
    partitionRow("otadata", 1, 0, 0xd000, 0x2000),
    partitionRow("phy_init", 1, 1, 0xf000, 0x1000),
    partitionRow("ota_0", 0, 0x10, 0x10000, slotSizeBytes),
    partitionRow("ota_1", 0, 0x11, 0x10000 + slotSizeBytes, slotSizeBytes),
  ];
}

/**
 * With Moddable's partition for the mod that runs (type 0x40, subtype 1), and two of the same size
 * to stage the next one and to keep a pristine copy: XS rewrites what it runs in place.
 */
function withMods(slots: readonly Partition[], modSizeBytes: number): Partition[] {
  const { offset, sizeBytes } = slots[slots.length - 1];
  const start = offset + sizeBytes;
  return [
    ...slots,
    partitionRow("xs", 0x40, 1, start, modSizeBytes),
    partitionRow("mod_a", 1, 6, start + modSizeBytes, modSizeBytes),
    partitionRow("mod_b", 1, 6, start + 2 * modSizeBytes, modSizeBytes),
  ];
}

/** A flash chip and its partitions. */
export interface Layout {
  readonly flashBytes: number;
  readonly partitions: readonly Partition[];
}

const layouts: readonly Layout[] = Object.freeze([
  // For sweeps: slots of one 64 KB page, so that a million boots are cheap.
  { flashBytes: 192 * kilobyte, partitions: ota(64 * kilobyte) },
  { flashBytes: 4 * megabyte, partitions: withMods(ota(0x1e0000), 0x10000) },
  { flashBytes: 8 * megabyte, partitions: withMods(ota(0x3c0000), 0x20000) },
  { flashBytes: 16 * megabyte, partitions: withMods(ota(0x7c0000), 0x20000) },
]);

/** The smallest layout whose slots hold `imageBytes`. Throws RangeError above 7.75 MB. */
export function layoutFor(imageBytes: number): Layout {
  for (const layout of layouts) {
    const slot = layout.partitions.find((one) => one.label === "ota_0");
    if (slot !== undefined && slot.sizeBytes >= imageBytes) return layout;
  }
  throw new RangeError(`no layout has slots for an image of ${imageBytes} bytes`);
}
