/** `daruma boot`: what the bootloader does with a raw flash file, and why. */

import { readFileSync, statSync, writeFileSync } from "node:fs";
import { type Chip, chipById, chipByName, chipNames } from "../../../src/boot/chips.js";
import { descriptorBytes, descriptorOffset, parseImageHeader } from "../../../src/boot/image.js";
import { crcMatches, type OtadataEntry, stateName } from "../../../src/boot/otadata.js";
import { type BootReason, type BootResult, runBootloader } from "../../simulator/bootloader.js";
import { explainBoot } from "../../simulator/explain-boot.js";
import { blockBytes, Flash, FlashMisuse } from "../../simulator/flash.js";
import { Power } from "../../simulator/power.js";
import { nodeDigest, nodeMd5 } from "../digest.js";
import { chipOfImages } from "../flash-chip.js";

/** What a person did wrong; stable codes. */
export type BootErrorCode =
  | "unknown-chip"
  | "file-unreadable"
  | "file-unwritable"
  | "flash-size"
  | "application-image"
  | "otadata-misaligned";

export class BootCommandError extends Error {
  readonly code: BootErrorCode;

  constructor(code: BootErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  override get name(): string {
    return "BootCommandError";
  }
}

export interface EntryReport {
  readonly sequence: number;
  readonly state: string;
  readonly crcOk: boolean;
}

/** What one file's boot came to. `JSON.stringify` gives the line of `--json`. */
export class BootReport {
  readonly file: string;
  /** Label of the partition that boots; null when the chip resets for ever. */
  readonly slot: string | null;
  readonly reset: boolean;
  readonly reason: BootReason;
  /** The chip that it was booted on: the one named, else the one that the images are for. */
  readonly chip: string;
  /** The entries after the boot; empty when the bootloader reads none. */
  readonly otadata: readonly EntryReport[];
  /** Addresses of the sectors written, or that would be. */
  readonly written: readonly string[];
  /** Whole sentences that say why; for people, so not in the JSON. */
  readonly explanation: readonly string[];

  constructor(file: string, result: BootResult, chip: Chip, imageChip: Chip | null) {
    this.file = file;
    this.chip = chip.name;
    this.slot = result.slot;
    this.reset = result.reset;
    this.reason = result.reason;
    this.otadata = (result.otadataAfter ?? []).map(entryReport);
    const sectors = new Set(result.writes.map((address) => `0x${address.toString(16)}`));
    this.written = [...sectors];
    this.explanation = [...explainBoot(result), ...advice(result, chip, imageChip)];
  }

  toJSON() {
    const { file, slot, reset, reason, chip, otadata, written } = this;
    return { ok: !reset, file, slot, reset, reason, chip, otadata, written };
  }
}

/** What the person may have done otherwise than meant. */
function advice(result: BootResult, chip: Chip, imageChip: Chip | null): string[] {
  if (result.tableError === "partition-outside-flash") {
    return ["The file is shorter than its partition table: dump the whole flash."];
  }
  if (imageChip === null || imageChip === chip) return [];
  return [`Its images are for ${imageChip.name}, not ${chip.name}: name --chip ${imageChip.name}.`];
}

export interface BootCommandOptions {
  /** "esp32", "esp32c3", ...; without it the chip of the images, or esp32 where they name none. */
  readonly chip?: string;
  /** Applies to the file what the bootloader writes. */
  readonly write: boolean;
}

const defaultChip = "esp32";
const flashBytesMin = 0x9000;
const flashBytesMax = 0x8000000;

/**
 * Boots each file once. A file is the whole flash, 0x9000 bytes at least; its size is the chip's.
 * Throws BootCommandError; files before the one at fault may have been written.
 */
export function bootFiles(files: string[], options: BootCommandOptions): BootReport[] {
  const named = chipByName(options.chip ?? defaultChip);
  if (named === null) {
    const names = chipNames().join(", ");
    throw new BootCommandError("unknown-chip", `unknown chip "${options.chip}"; one of: ${names}`);
  }
  return files.map((file) => {
    const content = readFlash(file);
    const imageChip = chipOfImages(content);
    const chip = options.chip === undefined ? (imageChip ?? named) : named;
    return new BootReport(file, bootFile(file, content, chip, options.write), chip, imageChip);
  });
}

function bootFile(file: string, content: Uint8Array, chip: Chip, write: boolean): BootResult {
  const flash = new Flash({
    power: new Power(),
    sizeBytes: Math.ceil(content.length / blockBytes) * blockBytes,
    writeAlignBytes: 1,
  });
  flash.load(0, content);
  const { id: chipId, revision: chipRevision } = chip;
  try {
    const result = runBootloader(
      flash,
      { digest: nodeDigest, md5: nodeMd5 },
      { chipId, chipRevision, write, flashBytes: content.length },
    );
    if (write && result.writes.length > 0) {
      writeFlash(file, flash.bytes.subarray(0, content.length));
    }
    return result;
  } catch (error) {
    // An otadata partition that does not begin at a sector: its entry lies across two of them.
    if (!(error instanceof FlashMisuse)) throw error;
    throw new BootCommandError("otadata-misaligned", `${file}: otadata is not aligned to 4 KB`);
  }
}

/** Words for a report of `bootFiles`, without a newline at the end. */
export function renderBoot(report: BootReport): string {
  const outcome = report.slot === null ? "the chip resets for ever" : `${report.slot} boots`;
  const lines = [`${report.file}: ${outcome} (${report.reason}) on ${report.chip}`];
  for (const sentence of report.explanation) lines.push(`  ${sentence}`);
  report.otadata.forEach((entry, sector) => {
    const crc = entry.crcOk ? "crc ok" : "crc wrong";
    const blank = entry.sequence === 0xffffffff;
    const what = blank ? "empty" : `sequence ${entry.sequence}, ${entry.state}, ${crc}`;
    lines.push(`  otadata ${sector}: ${what}`);
  });
  if (report.written.length > 0) lines.push(`  sectors written: ${report.written.join(", ")}`);
  return lines.join("\n");
}

function readFlash(file: string): Uint8Array {
  let content: Uint8Array;
  try {
    // A device or a pipe has no end; reading it would take all memory.
    if (!statSync(file).isFile()) {
      throw new BootCommandError("file-unreadable", `${file}: is not a file`);
    }
    content = readFileSync(file);
  } catch (error) {
    if (error instanceof BootCommandError) throw error;
    throw new BootCommandError("file-unreadable", `${file}: cannot be read (${codeOf(error)})`);
  }
  const image = applicationImage(content);
  if (image !== null) {
    throw new BootCommandError(
      "application-image",
      `${file}: this is ${image}, not a flash; name a dump of the whole flash (esptool read_flash)`,
    );
  }
  if (content.length < flashBytesMin || content.length > flashBytesMax) {
    const bounds = "a raw flash has 0x9000 bytes (the end of the partition table) to 128 MB";
    throw new BootCommandError("flash-size", `${file}: ${content.length} bytes; ${bounds}`);
  }
  return content;
}

/**
 * What the file is when it is an application's image; else null. The flash of newer chips begins
 * with an image too, the bootloader's, which has no application descriptor.
 */
function applicationImage(content: Uint8Array): string | null {
  const parsed = parseImageHeader(content.subarray(0, descriptorOffset + descriptorBytes));
  if (!parsed.ok || parsed.header.descriptor === null) return null;
  const { chipId, descriptor } = parsed.header;
  const chip = chipById(chipId)?.name ?? `a chip with id ${chipId}`;
  return `the image of the application "${descriptor.projectName}" for ${chip}`;
}

function writeFlash(file: string, content: Uint8Array): void {
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw new BootCommandError("file-unwritable", `${file}: cannot be written (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

function entryReport(entry: OtadataEntry): EntryReport {
  return {
    sequence: entry.sequence,
    state: stateName(entry.stateWord),
    crcOk: crcMatches(entry),
  };
}
