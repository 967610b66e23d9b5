/** The ECMA-419 classes and ESP-IDF functions of one boot of the simulated board. */

import type { Partition } from "../../src/boot/partitions.js";
import type { BootFeatures } from "../../src/hal.js";
import type {
  AbortHook,
  DigestClass,
  FlashPartition,
  HttpClientClass,
  KeyValueDomain,
  Platform,
} from "../esp32/platform.js";
import {
  eraseMs,
  keyValueMs,
  programMs,
  readMsPerKb,
  type Spend,
  stageMsPerKb,
  timedDigest,
} from "./durations.js";
import type { EspOta } from "./esp-ota.js";
import { EspError } from "./esp-partitions.js";
import type { Flash } from "./flash.js";
import type { KeyValueStore } from "./key-value.js";
import type { Prng } from "./prng.js";
import { createTimers, type TimerServices } from "./timers.js";

/** What the platform of one boot needs from its board. */
export interface BootServices extends TimerServices {
  /** Called for each read of a partition by the app. */
  readonly flashRead: (address: number, length: number) => void;
  readonly flash: Flash;
  readonly keyValue: KeyValueStore;
  readonly ota: EspOta;
  readonly partitions: readonly Partition[];
  readonly running: Partition;
  readonly digest: DigestClass;
  readonly http: HttpClientClass;
  readonly prng: Prng;
  readonly deviceId: string;
  readonly bootedAtMs: number;
  /** esp_reset_reason_t of this boot. */
  readonly resetReason: number;
  /** Lets time pass in a call. */
  readonly spend: Spend;
  /** esp_restart: ends the boot. */
  restart(): void;
  watchdogArm(timeoutMs: number): void;
  watchdogFeed(): void;
  watchdogDisarm(): void;
  /** Called after esp_ota_mark_app_valid returned ESP_OK. */
  confirmed(): void;
  trace(line: string): void;
  onAbort(hook: AbortHook): void;
  /** How the app of this boot was built. */
  readonly features: BootFeatures;
  readonly hasWatchdog: boolean;
}

/** By number; esp_ota_img_states_t. */
const stateNames = ["new", "pending-verify", "valid", "invalid", "aborted"];
const blockBytes = 4096;
/** esp_err_t of any failure; the numbers are not told apart by the agent. */
const espFail = -1;
/** An entry of the boot record is erased and written. */
const recordMs = eraseMs + programMs;

/** XS 17.7, as in SDK 8.2.3. */
const xsVersion = 17 * 256 + 7;
/** Constant: native heap is not simulated. */
const freeHeapBytes = 150_000;

class PartitionFlash implements FlashPartition {
  readonly #services: BootServices;
  readonly #partition: Partition;
  readonly #writable: boolean;

  constructor(services: BootServices, partition: Partition, writable: boolean) {
    this.#services = services;
    this.#partition = partition;
    this.#writable = writable;
  }

  read(into: Uint8Array, offset: number): void {
    this.#services.check();
    this.#inside(offset, into.length);
    this.#services.spend((readMsPerKb * into.length) / 1024);
    this.#services.flashRead(this.#partition.offset + offset, into.length);
    this.#services.flash.read(this.#partition.offset + offset, into, 0, into.length);
  }

  write(from: Uint8Array, offset: number): void {
    this.#services.check();
    this.#mayWrite();
    this.#inside(offset, from.length);
    this.#services.spend((programMs * from.length) / blockBytes);
    this.#services.flash.write(this.#partition.offset + offset, from, 0, from.length);
  }

  eraseBlock(start: number, end = start + 1): void {
    this.#services.check();
    this.#mayWrite();
    this.#inside(start * blockBytes, (end - start) * blockBytes);
    for (let block = start; block < end; block++) {
      this.#services.spend(eraseMs);
      this.#services.flash.eraseBlock(this.#partition.offset + block * blockBytes);
    }
  }

  status(): { size: number; blockLength: number; blocks: number } {
    const size = this.#partition.sizeBytes;
    return { size, blockLength: blockBytes, blocks: size / blockBytes };
  }

  close(): void {
    this.#services.check();
  }

  #mayWrite(): void {
    if (!this.#writable) throw new Error("flash: opened for reading");
  }

  #inside(offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > this.#partition.sizeBytes) {
      throw new RangeError("flash: outside the partition");
    }
  }
}

function openPartition(services: BootServices, path: string, mode: string): FlashPartition {
  const { partitions, running, ota } = services;
  if (path === "running") return new PartitionFlash(services, running, false);
  let partition = partitions.find((one) => one.label === path && one.type === 1) ?? null;
  if (path === "nextota") partition = ota.getNextUpdatePartition();
  // The mod that runs, whatever its label (xsHost.c).
  if (path === "xs") {
    partition = partitions.find((one) => one.type === 0x40 && one.subtype === 1) ?? null;
  }
  if (partition === null) throw new Error(`flash: no partition ${path}`);
  return new PartitionFlash(services, partition, mode === "r+");
}

function openDomain(services: BootServices, domain: string): KeyValueDomain {
  return {
    read: (key) => {
      services.check();
      const value = services.keyValue.read(domain, key);
      return value === undefined ? undefined : value.slice().buffer;
    },
    write: (key, value) => {
      services.check();
      services.spend(keyValueMs);
      services.keyValue.write(domain, key, value);
    },
    delete: (key) => {
      services.check();
      services.spend(keyValueMs);
      services.keyValue.delete(domain, key);
    },
    close: () => services.check(),
  };
}

/** esp_ota_get_state_partition through FFI. */
function runningState(services: BootServices): number {
  services.check();
  try {
    return stateNames.indexOf(services.ota.getStatePartition(services.running));
  } catch (error) {
    if (error instanceof EspError) return espFail;
    throw error;
  }
}

/** The platform that is injected into the firmware of one boot. */
export function createPlatform(services: BootServices): Platform {
  const { world, ota } = services;
  const slots = services.partitions.filter(
    (one) => one.type === 0 && one.subtype >= 0x10 && one.subtype <= 0x1f,
  );
  /** An ESP-IDF call: its error becomes a number, as through FFI; a power cut goes through. */
  const call = (act: () => void): number => {
    services.check();
    try {
      act();
      return 0;
    } catch (error) {
      if (error instanceof EspError) return espFail;
      throw error;
    }
  };
  return {
    flash: { open: ({ path, mode = "r" }) => openPartition(services, path, mode) },
    keyValue: { open: ({ path }) => openDomain(services, path) },
    http: services.http,
    digest: timedDigest(services.digest, services.spend),
    timer: createTimers(services),
    ticks: () => world.nowMs - services.bootedAtMs,
    trace: (line) => {
      services.check();
      services.trace(line);
    },
    onAbort: (hook) => services.onAbort(hook),
    natives: {
      daruma_running_slot: () => slots.indexOf(services.running),
      daruma_running_state: () => runningState(services),
      daruma_slot_count: () => slots.length,
      daruma_stage: (slot) =>
        call(() => {
          const partition = slots[slot];
          if (partition === undefined) throw new EspError("ESP_ERR_INVALID_ARG");
          services.spend((stageMsPerKb * partition.sizeBytes) / 1024 + recordMs);
          ota.setBootPartition(partition);
        }),
      daruma_mark_invalid: () =>
        call(() => {
          services.spend(recordMs);
          ota.markAppInvalid();
        }),
      esp_ota_mark_app_valid_cancel_rollback: () =>
        call(() => {
          services.spend(recordMs);
          ota.markAppValid();
          services.confirmed();
        }),
      daruma_rollback_enabled: () => (services.features.rollback ? 1 : 0),
      daruma_validation_enabled: () => (services.features.validation ? 1 : 0),
      daruma_watchdog_arm: (timeoutMs) =>
        services.hasWatchdog ? call(() => services.watchdogArm(timeoutMs)) : espFail,
      daruma_watchdog_feed: () => call(() => services.watchdogFeed()),
      daruma_watchdog_disarm: () => call(() => services.watchdogDisarm()),
      daruma_device_id: () => services.deviceId,
      daruma_xs_version: () => xsVersion,
      esp_get_free_heap_size: () => freeHeapBytes,
      esp_get_minimum_free_heap_size: () => freeHeapBytes,
      esp_reset_reason: () => services.resetReason,
      esp_random: () => {
        // What still runs of a boot that ended must not take the numbers of the next one.
        services.check();
        return services.prng.next();
      },
      esp_restart: () => services.restart(),
    },
  };
}
