/** The platform as an application is given it: what is the agent's own is watched. */
import type { FlashClass, KeyValueClass, Platform } from "../esp32/platform.js";

export interface ApplicationObserver {
  /** A callback of its timers begins. */
  called(): void;
  /** It reads or changes storage of its own: "wrote", "lamp/mode". */
  did(act: Act, what: string): void;
  /** It does what only the agent may do. */
  trespass(what: string): void;
}

export type Act = "read" | "wrote" | "deleted" | "erased";

/** Functions that decide over slots and trial: an application that calls them unmakes the agent. */
const agentNatives = [
  "daruma_stage",
  "daruma_mark_invalid",
  "esp_ota_mark_app_valid_cancel_rollback",
  "daruma_watchdog_arm",
  "daruma_watchdog_feed",
  "daruma_watchdog_disarm",
] as const;
const journalDomain = "daruma";

export function applicationPlatform(platform: Platform, observer: ApplicationObserver): Platform {
  const natives = { ...platform.natives };
  for (const name of agentNatives) {
    const call: (value: number) => number = platform.natives[name];
    natives[name] = (value?: number) => {
      observer.trespass(`calls ${name}, which is the agent's to call`);
      return call(value ?? 0);
    };
  }
  return {
    ...platform,
    natives,
    ticks: () => {
      observer.did("read", "the clock, which stands still while JavaScript runs");
      return platform.ticks();
    },
    timer: {
      set: (callback, delayMs) =>
        platform.timer.set(() => {
          observer.called();
          callback();
        }, delayMs),
      clear: (id) => platform.timer.clear(id),
    },
    keyValue: keyValueOf(platform, observer),
    flash: flashOf(platform, observer),
  };
}

function keyValueOf(platform: Platform, observer: ApplicationObserver): KeyValueClass {
  return {
    open: (options) => {
      const { path } = options;
      const domain = platform.keyValue.open(options);
      const changes = (act: Act, key: string): void => {
        observer.did(act, `${path}/${key}`);
        if (path !== journalDomain) return;
        observer.trespass(`${act} ${path}/${key}, which is a record of the agent's journal`);
      };
      return {
        read: (key) => {
          observer.did("read", `${path}/${key}`);
          return domain.read(key);
        },
        write: (key, value) => {
          changes("wrote", key);
          domain.write(key, value);
        },
        delete: (key) => {
          changes("deleted", key);
          domain.delete(key);
        },
        close: () => domain.close(),
      };
    },
  };
}

function flashOf(platform: Platform, observer: ApplicationObserver): FlashClass {
  return {
    open: (options) => {
      const { path } = options;
      const partition = platform.flash.open(options);
      const changes = (act: Act, what: string) => {
        observer.did(act, `${what} of ${path}`);
        if (path !== "nextota") return;
        observer.trespass(`${act} the slot that updates are written to (nextota)`);
      };
      return {
        read: (into, offset) => partition.read(into, offset),
        write: (from, offset) => {
          changes("wrote", `${from.length} bytes at ${offset}`);
          partition.write(from, offset);
        },
        eraseBlock: (start, end = start + 1) => {
          changes("erased", end - start === 1 ? `block ${start}` : `blocks ${start} to ${end - 1}`);
          partition.eraseBlock(start, end);
        },
        status: () => partition.status(),
        close: () => partition.close(),
      };
    },
  };
}
