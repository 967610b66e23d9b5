/** The HAL on Moddable for ESP32, over injected classes and functions. */
import { abortKey, recordAbort } from "../../src/agent/abort.js";
import { asciiBytes } from "../../src/bytes.js";
import type { Digest, DigestFactory } from "../../src/crypto/digest.js";
import type {
  BootControl,
  Hal,
  Http,
  KeyValue,
  ResetReason,
  TimerHandle,
  Timers,
  Watchdog,
} from "../../src/hal.js";
import { createBootControl } from "./boot-control.js";
import { ClientHttp } from "./http.js";
import type { DigestInstance, KeyValueClass, Natives, Platform } from "./platform.js";

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

type HeapFunction = "esp_get_free_heap_size" | "esp_get_minimum_free_heap_size";

/** XS's reason when chunks or slots ran out (xsError.c), and its record, made while preloading. */
const memoryFull = "memory full";
const memoryFullRecord = asciiBytes(memoryFull);

/** Namespace of the journal in NVS. */
const journalDomain = "daruma";

class NvsKeyValue implements KeyValue {
  private readonly domain;

  constructor(KeyValueStorage: KeyValueClass) {
    this.domain = KeyValueStorage.open({ path: journalDomain, format: "buffer" });
  }

  read(key: string, into: Uint8Array): number {
    const value = this.domain.read(key);
    if (value === undefined) return -1;
    const bytes = new Uint8Array(value);
    // A record longer than this agent knows is a newer one that it cannot check.
    if (bytes.length > into.length) return -1;
    into.set(bytes, 0);
    return bytes.length;
  }

  write(key: string, from: Uint8Array, length: number): void {
    this.domain.write(key, length === from.length ? from : from.slice(0, length));
  }

  delete(key: string): void {
    this.domain.delete(key);
  }
}

class PlatformDigest implements Digest {
  private readonly native: DigestInstance;

  constructor(digest: DigestInstance) {
    this.native = digest;
  }

  write(bytes: Uint8Array): void {
    this.native.write(bytes);
  }

  close(): Uint8Array {
    return new Uint8Array(this.native.close());
  }
}

class EspTimers implements Timers {
  private readonly platform: Platform;

  constructor(platform: Platform) {
    this.platform = platform;
  }

  nowMs(): number {
    return this.platform.ticks();
  }

  set(callback: () => void, delayMs: number): TimerHandle {
    return this.platform.timer.set(callback, delayMs);
  }

  clear(handle: TimerHandle): void {
    this.platform.timer.clear(handle);
  }
}

class TaskWatchdog implements Watchdog {
  private readonly natives: Natives;

  constructor(natives: Natives) {
    this.natives = natives;
  }

  arm(timeoutMs: number): boolean {
    return this.natives.daruma_watchdog_arm(timeoutMs) === 0;
  }

  feed(): void {
    this.natives.daruma_watchdog_feed();
  }

  disarm(): void {
    this.natives.daruma_watchdog_disarm();
  }
}

/** Classes, not literals of closures: on XS a method costs no RAM and a closure 9 to 11 slots. */
class Esp32Hal implements Hal {
  readonly boot: BootControl;
  readonly keyValue: KeyValue;
  readonly http: Http;
  readonly timers: Timers;
  readonly watchdog: Watchdog;
  readonly digest: DigestFactory;
  private readonly platform: Platform;

  constructor(platform: Platform) {
    this.boot = createBootControl(platform);
    const keyValue = new NvsKeyValue(platform.keyValue);
    let aborting = false;
    platform.onAbort((reason, exception) => {
      // With its memory full the machine aborts again in here where anything is made, and be it
      // the instance that XS makes to read the length of a string (xsPlatform.c, fxToInstance).
      if (aborting) return;
      aborting = true;
      if (reason === memoryFull)
        keyValue.write(abortKey, memoryFullRecord, memoryFullRecord.length);
      else recordAbort(keyValue, abortText(reason, exception));
    });
    this.keyValue = keyValue;
    this.http = new ClientHttp(platform.http, platform.httpScheme ?? "http");
    this.timers = new EspTimers(platform);
    this.watchdog = new TaskWatchdog(platform.natives);
    this.digest = (algorithm) => new PlatformDigest(new platform.digest(algorithm));
    this.platform = platform;
  }

  resetReason(): ResetReason {
    return resetReasons[this.platform.natives.esp_reset_reason()] ?? "unknown";
  }

  restart(): never {
    this.platform.natives.esp_restart();
    throw new Error("esp_restart returned");
  }

  entropy(into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.platform.natives.esp_random();
  }

  deviceId(): string {
    return this.platform.natives.daruma_device_id();
  }

  engineVersion(): number {
    return this.told("daruma_xs_version");
  }

  freeHeapBytes(): number {
    return this.told("esp_get_free_heap_size");
  }

  leastFreeHeapBytes(): number {
    return this.told("esp_get_minimum_free_heap_size");
  }

  /** These are for people: a build that lacks one must not lose its updates for that. */
  private told(name: "daruma_xs_version" | HeapFunction): number {
    try {
      return this.platform.natives[name]();
    } catch {
      return 0;
    }
  }

  log(line: string): void {
    this.platform.trace(line);
  }
}

/** Such as "unhandled exception: x is not a function". */
function abortText(reason: string, exception: unknown): string {
  return exception instanceof Error ? `${reason}: ${exception.message}` : reason;
}

/**
 * Makes the HAL of this device. Throws when a partition or the key-value storage cannot be opened.
 */
export function createHal(platform: Platform): Hal {
  return new Esp32Hal(platform);
}
