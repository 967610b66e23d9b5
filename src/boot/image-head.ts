/**
 * The beginning of an ESP32 application image, as far as a device looks at it before the bootloader
 * does (ESP-IDF esp_app_format.h); image.ts has the whole format.
 */
import { readU16, readU32 } from "../bytes.js";
import type { SlotFlash } from "../hal.js";

export const imageMagic = 0xe9;
export const imageHeaderBytes = 24;
export const segmentHeaderBytes = 8;
export const segmentsMax = 16;

/** Chip id of the image that begins with `bytes`; -1 when no image begins so. */
export function chipIdOfHead(bytes: Uint8Array): number {
  const isImage =
    bytes.length >= imageHeaderBytes && bytes[0] === imageMagic && bytes[1] <= segmentsMax;
  return isImage ? readU16(bytes, 12) : -1;
}

/**
 * Length in bytes of the ESP32 image in `slot`, walked over its segment headers
 * (esp_image_format.h); 0 when there is none. Contents are not checked.
 */
export function measureImage(slot: SlotFlash): number {
  const slotBytes = slot.status().size;
  const head = new Uint8Array(imageHeaderBytes);
  slot.read(head, 0);
  if (head[0] !== imageMagic || head[1] === 0 || head[1] > segmentsMax) return 0;
  const segment = new Uint8Array(segmentHeaderBytes);
  let end = imageHeaderBytes;
  for (let i = 0; i < head[1]; i++) {
    if (end + segmentHeaderBytes > slotBytes) return 0;
    slot.read(segment, end);
    end += segmentHeaderBytes + readU32(segment, 4);
    if (end > slotBytes) return 0;
  }
  // The checksum is the last byte of a 16-byte line.
  end = (end + 16) & ~15;
  // The SHA-256 behind it, if there is one.
  if (head[23] === 1) end += 32;
  return end <= slotBytes ? end : 0;
}
