/** Application images as files: read, and checked as the bootloader would. */

import { chipById, chipNames } from "../../src/boot/chips.js";
import {
  descriptorBytes,
  descriptorOffset,
  imageBytesLimit,
  parseImageHeader,
  verifyImage,
} from "../../src/boot/image.js";
import { nodeDigest } from "./digest.js";
import { CliError } from "./errors.js";
import { readBounded } from "./files.js";

export interface AppImage {
  readonly bytes: Uint8Array;
  /** Name of the chip, "esp32c3". */
  readonly chip: string;
  /** ESP-IDF esp_chip_id_t. */
  readonly chipId: number;
  /** From the app descriptor. */
  readonly version: string;
}

/**
 * Reads an image that ESP-IDF's bootloader would start. Throws CliError "image-unbootable" when it
 * would not, also for a file with bytes before or after the image, and file errors.
 */
export function checkImage(path: string): AppImage {
  const bytes = readBounded(path, imageBytesLimit, "an ESP32 application image");
  const parsed = parseImageHeader(bytes.subarray(0, descriptorOffset + descriptorBytes));
  if (!parsed.ok) throw unbootable(path, parsed.code);
  const chip = chipById(parsed.header.chipId);
  if (chip === null) {
    throw unbootable(path, `its chip is none of ${chipNames().join(", ")}`);
  }
  // An image may ask for a newer revision than the one sold today; the device's own boot decides.
  const chipRevision = Math.max(chip.revision, parsed.header.minChipRevision);
  const result = verifyImage(
    (offset, into, start, length) => into.set(bytes.subarray(offset, offset + length), start),
    bytes.length,
    { chipId: chip.id, chipRevision },
    nodeDigest,
    { work: new Uint8Array(4096) },
  );
  // The limit is the file's own size here, so "too-long" says that the file is too short.
  const isCutOff = !result.ok && result.code === "too-long";
  if (isCutOff) throw unbootable(path, "it ends before its last segment or hash: cut off");
  if (!result.ok) throw unbootable(path, result.code);
  if (result.imageBytes !== bytes.length) {
    throw unbootable(path, `${bytes.length - result.imageBytes} bytes follow the image`);
  }
  if (parsed.header.descriptor === null) throw unbootable(path, "it has no app descriptor");
  // The agent knows a running image by this hash, and without it only an 8-bit checksum guards it.
  if (!result.hashAppended) throw unbootable(path, "it carries no SHA-256 (esptool: elf2image)");
  return { bytes, chip: chip.name, chipId: chip.id, version: parsed.header.descriptor.version };
}

/**
 * The images of an update. Throws as `checkImage`, CliError "chip-mismatch" when they are for two
 * chips, and "same-image" when there is nothing to update.
 */
export function checkImages(oldPath: string, newPath: string): { old: AppImage; new: AppImage } {
  const images = { old: checkImage(oldPath), new: checkImage(newPath) };
  if (images.old.chipId !== images.new.chipId) {
    const chips = `${images.old.chip} and ${images.new.chip}`;
    throw new CliError("chip-mismatch", `the images are for two chips, ${chips}; give two of one`);
  }
  if (Buffer.compare(images.old.bytes, images.new.bytes) === 0) {
    throw new CliError("same-image", "--old and --new hold the same image; there is no update");
  }
  return images;
}

function unbootable(path: string, why: string): CliError {
  return new CliError(
    "image-unbootable",
    `${path} is not an image that ESP-IDF would boot (${why}); name the application's .bin file ` +
      "as the build wrote it",
  );
}
