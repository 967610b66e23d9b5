/** Timers as Moddable's module "timer" has them, counted: each one that waits takes RAM. */
import type { TimerModule } from "../esp32/platform.js";
import type { World, WorldEvent } from "./world.js";

/**
 * The delay as the SDK takes it (modTimer.c, xsmcToInteger): a signed integer of 32 bits, without
 * its fraction. 2^31 and more turns negative, and the timer fires at once.
 */
export function timerMs(delayMs: number): number {
  return Math.max(0, delayMs | 0);
}

export interface TimerServices {
  readonly world: World;
  /** Throws when this boot is over. */
  check(): void;
  /** Runs a callback of the firmware and catches what escapes it. */
  run(callback: () => void): void;
  /** Called with the number of timers that wait, when it has never been so high in this boot. */
  timersWait(count: number): void;
}

/** The timers of one boot. */
export function createTimers(services: TimerServices): TimerModule {
  let waiting = 0;
  let most = 0;
  return {
    set: (callback, delayMs): WorldEvent => {
      services.check();
      waiting++;
      if (waiting > most) {
        most = waiting;
        services.timersWait(most);
      }
      const event = services.world.after(timerMs(delayMs), () => {
        waiting--;
        services.run(callback);
        event.cancelled = true;
      });
      return event;
    },
    clear: (id) => {
      const event = id as WorldEvent;
      // As modTimer.c: its host object has no timer any more.
      if (event.cancelled) throw new Error("invalid timer");
      services.world.cancel(event);
      waiting--;
    },
  };
}
