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

/** One page of the chip's memory map. */
const modBytes = 64 * kilobyte;
const storeBytes = 128 * kilobyte;

/**
 * With Moddable's partition for the mod that runs (type 0x40, subtype 1), which XS rewrites in
 * place; with two of the same size for pristine mods; and with `store` for configuration and
 * assets. These are data partitions, which the SDK's flash module opens by their label.
 */
function withMods(slots: readonly Partition[]): Partition[] {
  const { offset, sizeBytes } = slots[slots.length - 1];
  const start = offset + sizeBytes;
  return [
    ...slots,
    partitionRow("xs", 0x40, 1, start, modBytes),
    partitionRow("mod_a", 1, 6, start + modBytes, modBytes),
    partitionRow("mod_b", 1, 6, start + 2 * modBytes, modBytes),
    partitionRow("store", 1, 6, start + 3 * modBytes, storeBytes),
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
  { flashBytes: 4 * megabyte, partitions: withMods(ota(1856 * kilobyte)) },
  { flashBytes: 8 * megabyte, partitions: withMods(ota(3904 * kilobyte)) },
  { flashBytes: 16 * megabyte, partitions: withMods(ota(8000 * kilobyte)) },
]);

/** The smallest layout whose slots hold `imageBytes`. Throws RangeError above 8000 KB. */
export function layoutFor(imageBytes: number): Layout {
  for (const layout of layouts) {
    const slot = layout.partitions.find((one) => one.label === "ota_0");
    if (slot !== undefined && slot.sizeBytes >= imageBytes) return layout;
  }
  throw new RangeError(`no layout has slots for an image of ${imageBytes} bytes`);
}
