/** What this device is: the inputs of the checks, and the images it can vouch for. */
import { measureImage } from "../boot/image-head.js";
import { readU16 } from "../bytes.js";
import type { Hal, SlotFlash } from "../hal.js";
import { type Confirmed, emptyConfirmed, phases } from "../journal/records.js";
import type { AgentContext } from "./context.js";
import { identityOf } from "./facts.js";
import { SlotDigest } from "./installer.js";
import type { Journal } from "./journal.js";

/** Fixed facts of one boot. */
export interface Device {
  readonly runningSlot: number;
  /** The slot an update is written to: never the running one. */
  readonly targetSlot: number;
  readonly targetSizeBytes: number;
  readonly chipId: number;
}

/** Reads them. Throws when there are not two slots, or the running one cannot be read. */
export function readDevice(hal: Hal): Device {
  const runningSlot = hal.boot.runningSlot();
  if (hal.boot.slotCount() < 2) throw new Error("an update needs two OTA slots");
  const targetSlot = otherSlot(hal, runningSlot);
  return {
    runningSlot,
    targetSlot,
    targetSizeBytes: hal.boot.openSlot(targetSlot).status().size,
    chipId: chipIdOf(hal.boot.openSlot(runningSlot)),
  };
}

/** The slot an update is written to. */
function otherSlot(hal: Hal, runningSlot: number): number {
  return (runningSlot + 1) % hal.boot.slotCount();
}

/** The running image in the journal's terms; its release is not known. */
export function measureRunning(context: AgentContext): Confirmed {
  const runningSlot = context.device.runningSlot;
  const slot = context.hal.boot.openSlot(runningSlot);
  const imageSizeBytes = measureImage(slot);
  const running = emptyConfirmed();
  running.slot = running.previousSlot = runningSlot;
  running.imageSizeBytes = imageSizeBytes;
  // One for both, and of their own: a view would keep a whole record alive.
  running.manifestDigest = running.previousIdentity = new Uint8Array(32);
  running.imageDigest = new SlotDigest(context, slot, imageSizeBytes, null).runNow();
  running.identity = identityOf(slot, imageSizeBytes);
  return running;
}

/** Takes the running image as the known-good one. The floor stays (P4). */
export function adoptRunning(context: AgentContext): void {
  const running = measureRunning(context);
  running.sequenceFloor = context.journal.sequenceFloor;
  context.journal.saveConfirmed(running);
}

/**
 * Makes the boot record name the known-good image that runs. After a bootloader fallback it names
 * another slot or none; a later revert would then go to the wrong place.
 */
export function repairBootRecord(hal: Hal, runningSlot: number): void {
  if (runningSlot < 0) return;
  const boot = hal.boot;
  // Its own entry may be whole below a torn one of another slot: then only that one has to go.
  if (boot.activeSlot() !== runningSlot) boot.forget(otherSlot(hal, runningSlot));
  if (boot.activeSlot() !== runningSlot) {
    boot.stage(runningSlot);
    // A torn entry could read as the active one just when the platform marks that.
    boot.secure(runningSlot);
  }
  const state = boot.slotState(runningSlot);
  if (state === "new" || state === "pending-verify") boot.confirm();
}

/** True while the image that runs is on trial: by the boot record, or by the journal without it. */
export function isUnconfirmed(hal: Hal, journal: Journal): boolean {
  let runningSlot = -1;
  try {
    runningSlot = hal.boot.runningSlot();
    return hal.boot.slotState(runningSlot) === "pending-verify";
  } catch {
    const attempt = journal.attempt;
    return attempt?.phase === phases.staging && attempt.slot === runningSlot;
  }
}

/** Chip id in the header of the image in `slot` (esp_chip_id_t). */
function chipIdOf(slot: SlotFlash): number {
  const head = new Uint8Array(2);
  slot.read(head, 12);
  return readU16(head, 0);
}
