/**
 * The beginning of an ESP32 application image, as far as a device looks at it before the bootloader
 * does (ESP-IDF esp_app_format.h); image.ts has the whole format.
 */
import { readU16 } from "../bytes.js";

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
