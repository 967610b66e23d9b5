/**
 * The choice of ESP-IDF's second stage bootloader, as a pure function of the two otadata entries
 * (bootloader_utility.c: bootloader_utility_get_selected_boot_partition, load_boot_image,
 * set_actual_ota_seq; without anti-rollback). The rules, evaluated in this order:
 *
 * | # | when                                        | start at           | and                |
 * |---|---------------------------------------------|--------------------|--------------------|
 * | 1 | no otadata partition                        | factory            |                    |
 * | 2 | rollback on, an entry is pending-verify     | (go on)            | it becomes aborted |
 * | 3 | both entries invalid, or no slots; factory  | factory            |                    |
 * | 4 | same, no factory                            | slot 0             | see below          |
 * | 5 | an entry is active                          | its slot           | see below          |
 * | 6 | else (only wrong crcs)                      | factory, all slots | no repair          |
 *
 * In 4, when both entries are erased or have wrong crcs, an entry for the slot that boots is
 * written to sector 0 as valid. In 5, with rollback on, new becomes pending-verify.
 */

import {
  activeEntry,
  entryInvalid,
  type OtadataEntry,
  type OtadataPair,
  slotOfSequence,
  stateAborted,
  stateNew,
  statePendingVerify,
  stateValid,
} from "./otadata.js";
import { entryInitial, makeEntry, withState } from "./otadata-write.js";

/** Candidate index of the factory partition (FACTORY_INDEX). */
export const factoryIndex = -1;
/** Candidate index of the test partition (TEST_APP_INDEX). */
export const testIndex = -2;
/** OTA slots at most (MAX_OTA_SLOTS). */
export const slotsMax = 16;

/** Why the bootloader starts looking where it does. Stable codes. */
export type ChoiceReason =
  | "no-otadata"
  | "factory"
  | "initial"
  | "first-slot"
  | "active"
  | "trial"
  | "reverted"
  | "search";

/** One change of an otadata entry: the sector is erased, then its 32 bytes are programmed. */
export interface Rewrite {
  readonly sector: 0 | 1;
  readonly entry: OtadataEntry;
  readonly change: "aborted" | "pending-verify" | "initial";
}

export interface BootChoice {
  /** First candidate: a slot index, or -1 for factory. */
  readonly startIndex: number;
  /** Entry that decided, in the order of the sectors; -1 none. */
  readonly active: 0 | 1 | -1;
  readonly reason: ChoiceReason;
  /** Changes made before any image is looked at, in order. */
  readonly rewrites: readonly Rewrite[];
  /** When true, `initialRewrite` follows once an OTA slot's image has been accepted. */
  readonly writesInitial: boolean;
  /** The entries after `rewrites`. */
  readonly entries: OtadataPair | null;
}

export interface ChoiceInput {
  /** null: the table has no otadata partition. */
  readonly entries: OtadataPair | null;
  /** Number of OTA rows in the table (rows, not distinct slots). */
  readonly appCount: number;
  readonly factoryPresent: boolean;
  /** CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE. */
  readonly rollback: boolean;
}

/** Rules 1 to 6 above. */
export function chooseStart(input: ChoiceInput): BootChoice {
  const { appCount, factoryPresent, rollback } = input;
  if (input.entries === null) {
    return choice(factoryIndex, -1, "no-otadata", [], false, null);
  }
  const rewrites: Rewrite[] = [];
  let entries = input.entries;
  // Neither sequence nor crc is looked at here: even an entry that is not intact is rewritten.
  for (const sector of rollback ? ([0, 1] as const) : []) {
    if (entries[sector].stateWord !== statePendingVerify) continue;
    const entry = withState(entries[sector], stateAborted);
    entries = replaced(entries, sector, entry);
    rewrites.push({ sector, entry, change: "aborted" });
  }
  if ((entryInvalid(entries[0]) && entryInvalid(entries[1])) || appCount === 0) {
    const reverted = rewrites.length > 0;
    if (factoryPresent) {
      return choice(factoryIndex, -1, reverted ? "reverted" : "factory", rewrites, false, entries);
    }
    const initial = entryInitial(entries[0]) && entryInitial(entries[1]);
    const reason = initial ? "initial" : reverted ? "reverted" : "first-slot";
    return choice(0, -1, reason, rewrites, initial, entries);
  }
  const active = activeEntry(entries);
  if (active === -1) return choice(factoryIndex, -1, "search", rewrites, false, entries);
  const start = slotOfSequence(entries[active].sequence, appCount);
  if (rollback && entries[active].stateWord === stateNew) {
    const entry = withState(entries[active], statePendingVerify);
    entries = replaced(entries, active, entry);
    rewrites.push({ sector: active, entry, change: "pending-verify" });
    return choice(start, active, "trial", rewrites, false, entries);
  }
  return choice(
    start,
    active,
    rewrites.length > 0 ? "reverted" : "active",
    rewrites,
    false,
    entries,
  );
}

/**
 * Candidates in the order they are tried: down from the start to factory, up through the slots
 * after the start, the test partition last. Factory comes before the higher slots.
 */
export function candidateOrder(startIndex: number, appCount: number): number[] {
  const order: number[] = [];
  for (let index = startIndex; index >= factoryIndex; index--) order.push(index);
  for (let index = startIndex + 1; index < appCount; index++) order.push(index);
  order.push(testIndex);
  return order;
}

/** set_actual_ota_seq: with initial contents, the OTA slot that boots is recorded in sector 0. */
export function initialRewrite(index: number): Rewrite {
  return { sector: 0, entry: makeEntry(index + 1, stateValid), change: "initial" };
}

/** The pair with one entry exchanged. */
export function replaced(pair: OtadataPair, sector: 0 | 1, entry: OtadataEntry): OtadataPair {
  return sector === 0 ? [entry, pair[1]] : [pair[0], entry];
}

function choice(
  startIndex: number,
  active: 0 | 1 | -1,
  reason: ChoiceReason,
  rewrites: readonly Rewrite[],
  writesInitial: boolean,
  entries: OtadataPair | null,
): BootChoice {
  return { startIndex, active, reason, rewrites, writesInitial, entries };
}
