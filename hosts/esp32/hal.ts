/** The HAL on Moddable for ESP32, over injected classes and functions. */
import type { DigestFactory } from "../../src/crypto/digest.js";
import type { Hal, KeyValue, ResetReason, TimerHandle } from "../../src/hal.js";
import { createBootControl } from "./boot-control.js";
import { createHttp } from "./http.js";
import type { KeyValueClass, Platform } from "./platform.js";

/** esp_reset_reason_t (ESP-IDF v6.0 esp_system.h), by number. */
const resetReasons: readonly ResetReason[] = Object.freeze([
  "unknown",
  "power-on",
  "external",
  "software",
  "panic",
  "interrupt-watchdog",
  "task-watchdog",
  "watchdog",
  "deep-sleep",
  "brown-out",
  "other",
  "other",
  "other",
  "other",
  "brown-out",
  "panic",
] as const);

/** Namespace of the journal in NVS. */
const journalDomain = "daruma";

class NvsKeyValue implements KeyValue {
  readonly #domain;

  constructor(KeyValueStorage: KeyValueClass) {
    this.#domain = KeyValueStorage.open({ path: journalDomain, format: "buffer" });
  }

  read(key: string, into: Uint8Array): number {
    const value = this.#domain.read(key);
    if (value === undefined) return -1;
    const bytes = new Uint8Array(value);
    // A record longer than this agent knows is a newer one that it cannot check.
    if (bytes.length > into.length) return -1;
    into.set(bytes, 0);
    return bytes.length;
  }

  write(key: string, from: Uint8Array, length: number): void {
    this.#domain.write(key, from.slice(0, length));
  }

  delete(key: string): void {
    this.#domain.delete(key);
  }
}

function createDigest(platform: Platform): DigestFactory {
  return (algorithm) => {
    const digest = new platform.digest(algorithm);
    return {
      write: (bytes, start, length) => digest.write(bytes.subarray(start, start + length)),
      close: () => new Uint8Array(digest.close()),
    };
  };
}

/**
 * Makes the HAL of this device. Throws when a partition or the key-value storage cannot be opened.
 */
export function createHal(platform: Platform): Hal {
  const { natives, timer } = platform;
  return {
    boot: createBootControl(platform),
    keyValue: new NvsKeyValue(platform.keyValue),
    http: createHttp(platform.http),
    digest: createDigest(platform),
    timers: {
      nowMs: () => platform.ticks(),
      set: (callback, delayMs): TimerHandle => timer.set(callback, delayMs),
      clear: (handle) => timer.clear(handle),
    },
    watchdog: {
      arm: (timeoutMs) => {
        natives.daruma_watchdog_arm(timeoutMs);
      },
      feed: () => {
        natives.daruma_watchdog_feed();
      },
      disarm: () => {
        natives.daruma_watchdog_disarm();
      },
    },
    resetReason: () => resetReasons[natives.esp_reset_reason()] ?? "unknown",
    restart: () => {
      natives.esp_restart();
      throw new Error("esp_restart returned");
    },
    entropy: (into) => {
      for (let i = 0; i < into.length; i++) into[i] = natives.esp_random();
    },
    deviceId: () => natives.daruma_device_id(),
    log: (line) => platform.trace(line),
  };
}
