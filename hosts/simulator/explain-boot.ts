/** The bootloader's decision in sentences. */

import type { ImageError } from "../../src/boot/image.js";
import type { TableError } from "../../src/boot/partitions.js";
import type { ChoiceReason } from "../../src/boot/select.js";
import type { BootResult } from "./bootloader.js";

const tableErrors: Readonly<Record<TableError, string>> = Object.freeze({
  "table-too-short": "it is cut off",
  "partition-outside-flash": "a partition lies outside the flash chip",
  "second-md5-row": "it has two MD5 rows",
  "md5-mismatch": "its MD5 does not match",
  "md5-missing": "it has no MD5 row",
  "bad-row": "a row is neither a partition, nor the MD5, nor the end",
  "table-unterminated": "it has no end",
});

const choices: Readonly<Record<ChoiceReason, string>> = Object.freeze({
  "no-otadata": "There is no otadata partition: factory comes first, then the slots in order.",
  factory: "No otadata entry can be used, and there is a factory partition: it comes first.",
  initial: "otadata is empty and there is no factory partition: slot 0 comes first.",
  "first-slot": "No otadata entry can be used, and there is no factory partition: slot 0 is first.",
  active: "The otadata entry with the highest intact sequence selects the slot.",
  trial: "The newest otadata entry is new: its slot boots on trial, and must confirm itself.",
  reverted: "The last trial was never confirmed, so its entry was aborted: the boot reverts.",
  search: "No otadata entry is intact: every partition is tried, and nothing is repaired.",
});

const imageErrors: Readonly<Record<ImageError, string>> = Object.freeze({
  "partition-too-big": "its partition is larger than 16 MB",
  "too-long": "it reaches past the end of its partition",
  "bad-magic": "it does not begin with E9",
  "wrong-chip": "it was built for another chip",
  "chip-revision": "it was built for another revision of the chip",
  "too-many-segments": "it has more than 16 segments",
  "bad-segment": "a segment header is wrong",
  "checksum-mismatch": "its checksum does not match",
  "hash-mismatch": "its SHA-256 does not match",
});

/** Whole sentences, in the order of events; the last one says what boots. */
export function explainBoot(result: BootResult): string[] {
  const lines: string[] = [];
  if (result.tableError !== null) {
    lines.push(`The partition table is not valid: ${tableErrors[result.tableError]}.`);
  }
  if (result.reason === "otadata-too-small") {
    lines.push("The otadata partition is smaller than its two sectors of 4 KB.");
  }
  for (const { sector, entry, change } of result.rewrites) {
    if (change === "aborted") {
      const was = `Entry ${sector} (sequence ${entry.sequence}) was still pending-verify`;
      lines.push(`${was}: nobody confirmed it, so it becomes aborted.`);
    }
  }
  if (result.choice !== null) lines.push(choices[result.choice]);
  for (const { label, result: image } of result.checked) {
    if (!image.ok) lines.push(`${label} is refused: ${imageErrors[image.code]}.`);
  }
  for (const { sector, entry, change } of result.rewrites) {
    const what = `Entry ${sector} (sequence ${entry.sequence})`;
    if (change === "pending-verify") lines.push(`${what} becomes pending-verify.`);
    if (change === "initial") lines.push(`${what} is written as valid.`);
  }
  lines.push(result.slot === null ? "The chip resets, for ever." : `${result.slot} boots.`);
  return lines;
}
