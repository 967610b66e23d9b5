/** Partition layouts of the simulated board; manifests/ ships the same ones as CSV. */
import type { Partition } from "../../src/boot/partitions.js";

const kilobyte = 1024;
const megabyte = 1024 * kilobyte;

function ota(slotSizeBytes: number): Partition[] {
  const row = (
    label: string,
    type: number,
    subtype: number,
    offset: number,
    sizeBytes: number,
  ): Partition => ({ label, type, subtype, offset, sizeBytes, flags: 0 });
  return [
    row("nvs", 1, 2, 0x9000, 0x4000),
    row("otadata", 1, 0, 0xd000, 0x2000),
    row("phy_init", 1, 1, 0xf000, 0x1000),
    row("ota_0", 0, 0x10, 0x10000, slotSizeBytes),
    row("ota_1", 0, 0x11, 0x10000 + slotSizeBytes, slotSizeBytes),
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
  { flashBytes: 4 * megabyte, partitions: ota(0x1e0000) },
  { flashBytes: 8 * megabyte, partitions: ota(0x3c0000) },
  { flashBytes: 16 * megabyte, partitions: ota(0x7c0000) },
]);

/** The smallest layout whose slots hold `imageBytes`. Throws RangeError above 7.75 MB. */
export function layoutFor(imageBytes: number): Layout {
  for (const layout of layouts) {
    const slot = layout.partitions.find((one) => one.label === "ota_0");
    if (slot !== undefined && slot.sizeBytes >= imageBytes) return layout;
  }
  throw new RangeError(`no layout has slots for an image of ${imageBytes} bytes`);
}
