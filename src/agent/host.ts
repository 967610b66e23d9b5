/** Calls of a host that may fail once, where one failure must not be the end. */
import type { Hal, TimerHandle } from "../hal.js";

/** Logs, if that is possible: no line is worth an update. */
export function tryLog(hal: Hal, line: string): void {
  try {
    hal.log(line);
  } catch {
    // There is nobody left to tell.
  }
}

/** Sets a timer, in a second try if need be. Throws what the second one throws. */
export function setTimer(hal: Hal, callback: () => void, delayMs: number): TimerHandle {
  try {
    return hal.timers.set(callback, delayMs);
  } catch {
    return hal.timers.set(callback, delayMs);
  }
}

/** Feeds the watchdog. One that cannot be fed bites, as it must when the host fails. */
export function tryFeed(hal: Hal): void {
  try {
    hal.watchdog.feed();
  } catch {
    // The next turn feeds it, or none does.
  }
}
