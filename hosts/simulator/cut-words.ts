/** Where a cut fell, in the words of somebody who writes firmware. */
import {
  decodeEntry,
  otadataSectorBytes,
  slotOfSequence,
  stateAborted,
  stateInvalid,
  statePendingVerify,
  stateValid,
} from "../../src/boot/otadata.js";
import { isOtaPartition, type Partition } from "../../src/boot/partitions.js";
import { blockBytes } from "./flash.js";
import type { Tear } from "./tear.js";
import type { OperationSeen } from "./tears.js";

/** For example "cut after the write of lamp/begun". `written` is what a write was to leave. */
export function cutWords(
  tear: Tear,
  operation: OperationSeen,
  written: Uint8Array | null,
  partitions: readonly Partition[],
): string {
  const { kind, address, key, lengthBytes } = operation;
  if (kind === "key-value") {
    const act = written === null ? "delete" : "write";
    return `cut ${tear.kind === "after" ? "after" : "before"} the ${act} of ${key}`;
  }
  const when = tear.kind === "before" || tear.kind === "after" ? tear.kind : "in";
  const partition = partitions.find(
    ({ offset, sizeBytes }) => address >= offset && address < offset + sizeBytes,
  );
  if (partition === undefined) return `cut ${when} the change of flash at ${address}`;
  const within = address - partition.offset;
  if (partition.label === "otadata") {
    if (kind === "program" && written !== null && written.length === 32) {
      return `cut ${recordWords(when, written, partitions)}`;
    }
    const entry = Math.floor(within / otadataSectorBytes);
    return `cut ${when} the erase of entry ${entry} of the boot record`;
  }
  const block = `block ${Math.floor(within / blockBytes)} of ${partition.label}`;
  if (kind === "erase") return `cut ${when} the erase of ${block}`;
  if (lengthBytes === blockBytes) return `cut ${when} the write of ${block}`;
  return `cut ${when} the write of ${lengthBytes} bytes in ${block}`;
}

/** For example "before the boot record names ota_1". */
function recordWords(
  when: "before" | "in" | "after",
  written: Uint8Array,
  partitions: readonly Partition[],
): string {
  const { sequence, stateWord } = decodeEntry(written, 0);
  const slots = partitions.filter(isOtaPartition);
  const slot = slots[slotOfSequence(sequence, slots.length)]?.label ?? "no slot";
  const state = stateNames.get(stateWord);
  const act = state === undefined ? `names ${slot}` : `marks ${slot} ${state}`;
  return when === "in"
    ? `while the entry is written that ${act}`
    : `${when} the boot record ${act}`;
}

/** States that say more than which slot is to boot next. */
const stateNames: ReadonlyMap<number, string> = new Map([
  [statePendingVerify, "as on trial"],
  [stateValid, "valid"],
  [stateInvalid, "invalid"],
  [stateAborted, "aborted"],
]);
