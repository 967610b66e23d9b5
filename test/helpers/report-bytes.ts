/** Reports for tests, written by cbor-x. */

import { Encoder } from "cbor-x";

const encoder = new Encoder({ mapsAsObjects: false, useRecords: false, tagUint8Array: false });

/** A sound report with some keys replaced; undefined leaves a key out. */
export function reportBytes(changes: Record<number, unknown> = {}): Uint8Array {
  const fields: Record<number, unknown> = {
    1: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    2: "lamp-0001",
    3: new Uint8Array(32).fill(3),
    4: 12,
    5: "updated",
    6: "confirmed",
    7: new Uint8Array(32).fill(7),
    8: "software",
    9: "1.4.0",
    10: 5,
    11: "unhandled exception: lamp",
    12: 17 * 256 + 7,
    13: 81_920,
    14: "connect: no connection, updates.example.com:80",
    ...changes,
  };
  const map = new Map<number, unknown>();
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) map.set(Number(key), value);
  }
  return new Uint8Array(encoder.encode(map));
}
