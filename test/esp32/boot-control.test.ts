/** Boot control of the ESP32 host on the simulated board's classes. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createBootControl } from "../../hosts/esp32/boot-control.js";
import type { FlashPartition, Platform } from "../../hosts/esp32/platform.js";
import { EspOta } from "../../hosts/simulator/esp-ota.js";
import { EspError } from "../../hosts/simulator/esp-partitions.js";
import { Flash } from "../../hosts/simulator/flash.js";
import { layoutFor } from "../../hosts/simulator/layout.js";
import { Power } from "../../hosts/simulator/power.js";
import {
  otadataEntryBytes,
  otadataSectorBytes,
  statePendingVerify,
  stateValid,
} from "../../src/boot/otadata.js";
import { encodeEntry, makeEntry } from "../../src/boot/otadata-write.js";
import { digest } from "../helpers/digest.js";
import { bootCases, fromHex } from "../helpers/images.js";

const test = suite("esp32/boot-control");

/** Entries of a recorded case after its first boot: slot 1 on trial, or reverted by the second. */
function otadataOf(boot: number): Uint8Array {
  const recorded = bootCases().find(
    (one) => one.boots[0]?.slot === "ota_1" && one.boots[1]?.slot === "ota_0",
  );
  const bytes = new Uint8Array(2 * otadataSectorBytes).fill(0xff);
  recorded?.boots[boot]?.otadataAfter.forEach((entry, sector) => {
    bytes.set(fromHex(entry).subarray(0, otadataEntryBytes), sector * otadataSectorBytes);
  });
  return bytes;
}

const layout = layoutFor(65536);

/** ESP-IDF's own view of the running slot with that boot record. */
function stateOf(otadata: Uint8Array, runningSlot: number): number {
  const [running] = layout.partitions.filter((one) => one.subtype === 0x10 + runningSlot);
  const flash = new Flash({ power: new Power(), sizeBytes: layout.flashBytes });
  flash.load(0xd000, otadata);
  const { partitions } = layout;
  const ota = new EspOta({ flash, partitions, running, digest, chipId: 0, chipRevision: 300 });
  try {
    return ["new", "pending-verify", "valid"].indexOf(ota.getStatePartition(running));
  } catch (error) {
    if (error instanceof EspError) return -1;
    throw error;
  }
}

/** The modes in which the slot beside `runningSlot` is opened. */
function modesOf(otadata: Uint8Array, runningSlot: number): string[] {
  const modes: string[] = [];
  const partition: FlashPartition = {
    read: (into, offset) => void into.set(otadata.subarray(offset, offset + into.length)),
    write: () => assert.unreachable(),
    eraseBlock: () => assert.unreachable(),
    status: () => ({ size: 65536, blockLength: 4096, blocks: 16 }),
    close: () => {},
  };
  const platform = {
    flash: {
      open: ({ path, mode }: { path: string; mode?: string }) => {
        if (path === "nextota") modes.push(mode ?? "r");
        return partition;
      },
    },
    natives: {
      daruma_running_slot: () => runningSlot,
      daruma_running_state: () => stateOf(otadata, runningSlot),
      daruma_slot_count: () => 2,
    },
  };
  createBootControl(platform as unknown as Platform).openSlot(1 - runningSlot);
  return modes;
}

test("the other slot cannot be written while the running image is on trial", () => {
  assert.equal(modesOf(otadataOf(0), 1), ["r"]);
});

test("an older entry of the running slot does not hide that it is on trial", () => {
  // Two entries of slot 1, as ESP-IDF before v6.0 left them: valid, then pending-verify.
  const otadata = new Uint8Array(2 * otadataSectorBytes).fill(0xff);
  otadata.set(encodeEntry(makeEntry(2, stateValid)), 0);
  otadata.set(encodeEntry(makeEntry(4, statePendingVerify)), otadataSectorBytes);
  assert.is(stateOf(otadata, 1), 2);
  assert.equal(modesOf(otadata, 1), ["r"]);
});

test("nor does a newer entry of it, where ESP-IDF reads the older one", () => {
  const otadata = new Uint8Array(2 * otadataSectorBytes).fill(0xff);
  otadata.set(encodeEntry(makeEntry(2, statePendingVerify)), 0);
  otadata.set(encodeEntry(makeEntry(4, stateValid)), otadataSectorBytes);
  assert.is(stateOf(otadata, 1), 1);
  assert.equal(modesOf(otadata, 1), ["r"]);
});

test("the other slot can be written once the trial is over", () => {
  assert.equal(modesOf(otadataOf(1), 0), ["r+"]);
});

test.run();
