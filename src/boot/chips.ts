/** The ESP32 family: names, image chip ids and the address ranges that are mapped from flash. */

/** Half-open address range. */
export interface AddressRange {
  readonly low: number;
  readonly high: number;
}

export interface Chip {
  readonly name: string;
  /** `chip_id` of the image header (ESP-IDF esp_app_format.h, esp_chip_id_t). */
  readonly id: number;
  /** Revision (major * 100 + minor) assumed where none is given: silicon that is sold today. */
  readonly revision: number;
  /**
   * Addresses that the MMU maps from flash: DROM, then IROM (soc.h of each chip at ESP-IDF v6.0).
   * null: the chip's MMU page size is configurable, so the alignment rule is not checked.
   */
  readonly mapped: readonly [AddressRange, AddressRange] | null;
}

const chips: readonly Chip[] = Object.freeze([
  chip("esp32", 0x00, 300, 0x3f400000, 0x3f800000, 0x400d0000, 0x40400000),
  chip("esp32s2", 0x02, 100, 0x3f000000, 0x3ff80000, 0x40080000, 0x40800000),
  chip("esp32c3", 0x05, 101, 0x3c000000, 0x3c800000, 0x42000000, 0x42800000),
  chip("esp32s3", 0x09, 2, 0x3c000000, 0x3e000000, 0x42000000, 0x44000000),
  Object.freeze({ name: "esp32c2", id: 0x0c, revision: 100, mapped: null }),
  Object.freeze({ name: "esp32c6", id: 0x0d, revision: 2, mapped: null }),
  Object.freeze({ name: "esp32h2", id: 0x10, revision: 102, mapped: null }),
  Object.freeze({ name: "esp32p4", id: 0x12, revision: 100, mapped: null }),
  Object.freeze({ name: "esp32c61", id: 0x14, revision: 100, mapped: null }),
  Object.freeze({ name: "esp32c5", id: 0x17, revision: 100, mapped: null }),
]);

/** The chip of that name ("esp32", "esp32c3", ...), or null. */
export function chipByName(name: string): Chip | null {
  for (let i = 0; i < chips.length; i++) if (chips[i].name === name) return chips[i];
  return null;
}

/** The chip of that image chip id, or null. */
export function chipById(id: number): Chip | null {
  for (let i = 0; i < chips.length; i++) if (chips[i].id === id) return chips[i];
  return null;
}

/** All names, for messages and help texts. */
export function chipNames(): string[] {
  return chips.map((each) => each.name);
}

function chip(
  name: string,
  id: number,
  revision: number,
  dromLow: number,
  dromHigh: number,
  iromLow: number,
  iromHigh: number,
): Chip {
  return Object.freeze({
    name,
    id,
    revision,
    mapped: Object.freeze([
      Object.freeze({ low: dromLow, high: dromHigh }),
      Object.freeze({ low: iromLow, high: iromHigh }),
    ] as const),
  });
}
