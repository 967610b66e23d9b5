/** The way back from an image that must not stay, for the agent and for the boot-time check. */
import type { Hal } from "../hal.js";
import type { Journal } from "./journal.js";

/**
 * Marks the running image invalid. Where the bootloader is not set up to revert (no pending entry),
 * the platform's own mark does it all the same: the other slot becomes the active one. False when
 * nothing else boots. May be called in boot after boot: a reject that was torn is begun anew.
 */
export function rejectRunning(hal: Hal, journal: Journal, runningSlot: number): boolean {
  const boot = hal.boot;
  const state = boot.slotState(runningSlot);
  try {
    // The platform marks its active entry. When that is another slot's already, it must not be
    // marked, and a restart is enough to go there; but an entry of this slot may be torn, and must
    // not be read as the active one once more.
    const active = boot.activeSlot();
    if (active < 0 || active === runningSlot) boot.reject();
    else boot.forget(runningSlot);
    return true;
  } catch {
    // The bootloader takes an unconfirmed image back at the next boot. Otherwise there is a way
    // back only to an image that the platform finds whole, though its entry may be lost.
    return state === "pending-verify" || stagesConfirmed(hal, journal, runningSlot);
  }
}

/** Stages the confirmed image, if there is one in another slot that boots. */
function stagesConfirmed(hal: Hal, journal: Journal, runningSlot: number): boolean {
  const slot = journal.confirmed?.slot ?? -1;
  if (slot < 0 || slot === runningSlot) return false;
  try {
    hal.boot.stage(slot);
    hal.boot.forget(runningSlot);
    return true;
  } catch {
    return false;
  }
}
