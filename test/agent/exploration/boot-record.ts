/** The boot record of the abstract device: how its sectors read, and what writes and tears them. */
import {
  activeEntry,
  crcMatches,
  entryValid,
  type OtadataEntry,
  type OtadataPair,
  sequenceErased,
  slotOfSequence,
  stateInvalid,
  stateName,
  stateNew,
  stateUndefined,
  stateValid,
} from "../../../src/boot/otadata.js";
import { makeEntry, nextSequence } from "../../../src/boot/otadata-write.js";
import { candidateOrder, chooseStart, initialRewrite } from "../../../src/boot/select.js";
import type { SlotState } from "../../../src/hal.js";
import type { Durable, Sector } from "./model.js";

const erased: OtadataEntry = makeEntry(0xffffffff, stateUndefined);

function entryOf(sector: Sector | null): OtadataEntry {
  if (sector === null) return erased;
  const [sequence, stateWord, sure] = sector;
  const entry = makeEntry(sequence, stateWord);
  return sure === "torn" ? { ...entry, crc: ~entry.crc >>> 0 } : entry;
}

export function pairOf({ otadata }: Durable): OtadataPair {
  return [entryOf(otadata[0]), entryOf(otadata[1])];
}

/** Every way in which the torn entries of the boot record may read this time. */
export function readings(durable: Durable): Durable[] {
  const of = (sector: Sector | null): (Sector | null)[] =>
    sector === null || sector[2] === "firm"
      ? [sector]
      : [
          [sector[0], sector[1], "reads"],
          [sector[0], sector[1], "torn"],
        ];
  const [first, second] = durable.otadata;
  if (of(first).length + of(second).length === 2) return [durable];
  return of(first).flatMap((one) =>
    of(second).map((other): Durable => ({ ...durable, otadata: [one, other] })),
  );
}

/** How a torn entry read is not what is in flash: both readings are one state. */
export function settledReading(durable: Durable): Durable {
  const of = (sector: Sector | null): Sector | null =>
    sector === null || sector[2] !== "torn" ? sector : [sector[0], sector[1], "reads"];
  const [first, second] = durable.otadata;
  return { ...durable, otadata: [of(first), of(second)] };
}

/** The same slots and the same order in the smallest numbers: else the graph would never end. */
function smallest(first: Sector | null, second: Sector | null): Durable["otadata"] {
  const least = (one: Sector): Sector => [((one[0] - 1) % 2) + 1, one[1], one[2]];
  if (first === null || second === null) {
    return [first === null ? null : least(first), second === null ? null : least(second)];
  }
  const [low, high] = first[0] <= second[0] ? [least(first), second] : [least(second), first];
  let sequence = ((high[0] - 1) % 2) + 1;
  while (sequence < low[0]) sequence += 2;
  if (first[0] !== second[0] && sequence === low[0]) sequence += 2;
  const raised: Sector = [sequence, high[1], high[2]];
  return first[0] <= second[0] ? [low, raised] : [raised, low];
}

/** The boot record with another sector. */
function withSector(durable: Durable, sector: 0 | 1, value: Sector | null): Durable {
  const [first, second] = durable.otadata;
  return {
    ...durable,
    otadata: sector === 0 ? smallest(value, second) : smallest(first, value),
  };
}

/** What may be left of a sector's erase: all of it, unsure, or nothing. */
export function eraseSector(durable: Durable, sector: 0 | 1): Durable[] {
  const old = durable.otadata[sector];
  const blank = withSector(durable, sector, null);
  if (old === null) return [blank];
  return [withSector(durable, sector, [old[0], old[1], "reads"]), blank];
}

/**
 * A sector erased, then written: what every change of the boot record may leave behind, in order.
 * Torn operations leave an entry that reads now and then; the last step is the whole one.
 */
export function rewrite(durable: Durable, sector: 0 | 1, entry: OtadataEntry): Durable[] {
  const { sequence, stateWord } = entry;
  const erasing = eraseSector(durable, sector);
  // The bootloader keeps the crc of what it rewrites, also a wrong one: such an entry is none.
  if (!crcMatches(entry)) return erasing;
  return [
    ...erasing,
    withSector(durable, sector, [sequence, stateWord, "reads"]),
    withSector(durable, sector, [sequence, stateWord, "firm"]),
  ];
}

/** BootControl.secure, likewise. */
export function secure(durable: Durable, slot: 0 | 1): Durable[] {
  const pair = pairOf(durable);
  const own = ([0, 1] as const).find(
    (sector) => entryValid(pair[sector]) && slotOfSequence(pair[sector].sequence, 2) === slot,
  );
  if (own === undefined) return [];
  const other = own === 0 ? 1 : 0;
  const isOlder = crcMatches(pair[other]) && pair[other].sequence < pair[own].sequence;
  return isOlder ? [] : eraseSector(durable, other);
}

/** BootControl.forget: every step of it, from one reading of the record. */
export function forget(durable: Durable, slot: 0 | 1): Durable[] {
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  const speaks = (entry: OtadataEntry): boolean =>
    crcMatches(entry) && slotOfSequence(entry.sequence, 2) === slot;
  const steps: Durable[] = [];
  for (const sector of [0, 1] as const) {
    const entry = pair[sector];
    const other = pair[sector === 0 ? 1 : 0];
    if (entry.sequence === sequenceErased) continue;
    if (sector === active && (!entryValid(other) || speaks(other))) continue;
    if (crcMatches(entry) && !speaks(entry)) continue;
    steps.push(...eraseSector(steps[steps.length - 1] ?? durable, sector));
  }
  return steps;
}

export const boots = (durable: Durable, slot: number): boolean =>
  slot === 0 || (slot === 1 && durable.slot1 === "B");

/** esp_ota_set_boot_partition; no step when the image would not boot. */
export function setBoot(durable: Durable, slot: 0 | 1): Durable[] {
  if (!boots(durable, slot)) return [];
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  if (active === -1) return rewrite(durable, 0, makeEntry(slot + 1, stateNew));
  const sequence = nextSequence(pair[active].sequence, slot, 2);
  const isSame = slotOfSequence(pair[active].sequence, 2) === slot;
  const sector = isSame ? active : active === 0 ? 1 : 0;
  return rewrite(durable, sector, makeEntry(sequence, stateNew));
}

/** esp_ota_mark_app_valid_cancel_rollback. */
export function markValid(durable: Durable): Durable[] {
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  if (active === -1) return [];
  if (pair[active].stateWord === stateValid) return [durable];
  return rewrite(durable, active, makeEntry(pair[active].sequence, stateValid));
}

/** esp_ota_mark_app_invalid_rollback. */
export function markInvalid(durable: Durable): Durable[] {
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  if (active === -1) return [];
  const other = pair[active === 0 ? 1 : 0];
  if (!entryValid(other) || !boots(durable, slotOfSequence(other.sequence, 2))) return [];
  return rewrite(durable, active, makeEntry(pair[active].sequence, stateInvalid));
}

export function activeSlot(durable: Durable): number {
  const pair = pairOf(durable);
  const active = activeEntry(pair);
  return active === -1 ? -1 : slotOfSequence(pair[active].sequence, 2);
}

export function slotState(durable: Durable, slot: number): SlotState {
  const active = activeEntry(pairOf(durable));
  const own = active === -1 ? null : durable.otadata[active];
  if (own !== null && slotOfSequence(own[0], 2) === slot) return stateName(own[1]);
  const found = durable.otadata
    .filter((one) => one !== null && one[2] !== "torn" && slotOfSequence(one[0], 2) === slot)
    .sort((a, b) => (b?.[0] ?? 0) - (a?.[0] ?? 0));
  const [newest] = found;
  return newest === undefined || newest === null ? "none" : stateName(newest[1]);
}

/** The bootloader's work: every durable step of it, and the slot that runs in the end. */
export function bootloader(durable: Durable): { steps: Durable[]; slot: 0 | 1 | -1 } {
  const choice = chooseStart({
    entries: pairOf(durable),
    appCount: 2,
    factoryPresent: false,
    rollback: true,
  });
  const steps = [durable];
  for (const { sector, entry } of choice.rewrites) {
    steps.push(...rewrite(steps[steps.length - 1], sector, entry));
  }
  const last = steps[steps.length - 1];
  const slot = candidateOrder(choice.startIndex, 2).find((one) => boots(last, one));
  if (slot !== 0 && slot !== 1) return { steps, slot: -1 };
  if (choice.writesInitial) {
    const { sector, entry } = initialRewrite(slot);
    steps.push(...rewrite(last, sector, entry));
  }
  return { steps, slot };
}
