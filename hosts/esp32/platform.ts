/**
 * What the ESP32 host is given: ECMA-419 classes and ESP-IDF functions, as types. On a device
 * main.ts injects the real ones; everywhere else the simulated board does. Shapes as measured on
 * Moddable SDK
 * 8.2 (embedded:storage/flash, embedded:storage/key-value, the ECMA-419 HTTP client, crypt Digest).
 */

import type { HttpScheme } from "../../src/hal.js";

/** An open partition of `embedded:storage/flash`. */
export interface FlashPartition {
  read(into: Uint8Array, offset: number): void;
  write(from: Uint8Array, offset: number): void;
  /** Erases blocks `[start, end)`; block numbers, not bytes. */
  eraseBlock(start: number, end?: number): void;
  status(): { readonly size: number; readonly blockLength: number; readonly blocks: number };
  close(): void;
}

/** `embedded:storage/flash`: paths "running", "nextota", or the label of a data partition. */
export interface FlashClass {
  open(options: { readonly path: string; readonly mode?: "r" | "r+" }): FlashPartition;
}

/** An open domain of `embedded:storage/key-value` in format "buffer". */
export interface KeyValueDomain {
  read(key: string): ArrayBuffer | undefined;
  write(key: string, value: Uint8Array): void;
  delete(key: string): void;
  close(): void;
}

export interface KeyValueClass {
  open(options: { readonly path: string; readonly format: "buffer" }): KeyValueDomain;
}

/** A request of the ECMA-419 HTTP client; `this` of the callbacks below. */
export interface ClientRequest {
  /** Fills `into` with what is ready; returns the count (undefined when nothing is). */
  read(into: Uint8Array): number | undefined;
  write(from: Uint8Array | undefined): number;
}

export interface ClientRequestOptions {
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  onHeaders(this: ClientRequest, status: number, headers: ReadonlyMap<string, string>): void;
  onReadable(this: ClientRequest, countBytes: number): void;
  onWritable?(this: ClientRequest, countBytes: number): void;
  onDone(this: ClientRequest, error: unknown): void;
}

export interface HttpClientInstance {
  /** Where its connection stands, and an exception that a guard caught on it. */
  readonly guardGate?: { readonly phase: string; readonly error: unknown };
  request(options: ClientRequestOptions): ClientRequest;
  close(): void;
}

/** The HTTP client; sockets and resolver are already bound to it. */
export type HttpClientClass = new (options: {
  readonly host: string;
  readonly port: number;
  onError?(error: unknown): void;
}) => HttpClientInstance;

/** A digest of Moddable's crypt module. */
export interface DigestInstance {
  write(bytes: Uint8Array): void;
  close(): ArrayBuffer;
}
export type DigestClass = new (algorithm: string) => DigestInstance;

/** ESP-IDF functions by FFI; `daruma_` marks our own C wrappers. Results are esp_err_t, 0 = ok. */
export interface Natives {
  /** Index of the running OTA slot; -1 for the factory partition. */
  daruma_running_slot(): number;
  /**
   * esp_ota_get_state_partition of the running slot: esp_ota_img_states_t (1: pending-verify); -1
   * without an entry.
   */
  daruma_running_state(): number;
  daruma_slot_count(): number;
  /** esp_ota_set_boot_partition of a slot: verifies the image, then rewrites otadata. */
  daruma_stage(slot: number): number;
  /** esp_ota_mark_app_invalid_rollback: marks, does not restart. */
  daruma_mark_invalid(): number;
  /** 1 when the app was built with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE. */
  daruma_rollback_enabled(): number;
  /** 1 when the app was built without CONFIG_BOOTLOADER_SKIP_VALIDATE_*. */
  daruma_validation_enabled(): number;
  /** Own user of the task watchdog, so that only `feed` counts. Not 0 without a task watchdog. */
  daruma_watchdog_arm(timeoutMs: number): number;
  daruma_watchdog_feed(): number;
  daruma_watchdog_disarm(): number;
  /** Base MAC as 12 hexadecimal digits. */
  daruma_device_id(): string;
  /** Version of XS, 256 * major + minor (xsCommon.h). */
  daruma_xs_version(): number;
  esp_ota_mark_app_valid_cancel_rollback(): number;
  esp_get_free_heap_size(): number;
  esp_get_minimum_free_heap_size(): number;
  esp_reset_reason(): number;
  esp_random(): number;
  esp_restart(): void;
}

export interface TimerModule {
  set(callback: () => void, delayMs: number): TimerId;
  clear(id: TimerId): void;
}
/** Opaque to the host. */
export type TimerId = object | number;

/** Everything that is injected. */
export interface Platform {
  readonly flash: FlashClass;
  readonly keyValue: KeyValueClass;
  readonly http: HttpClientClass;
  /** "https" when the client's sockets speak TLS; default "http". */
  readonly httpScheme?: HttpScheme;
  readonly digest: DigestClass;
  readonly timer: TimerModule;
  /** Monotonic milliseconds (Time.ticks). */
  ticks(): number;
  readonly natives: Natives;
  trace(line: string): void;
  /**
   * Calls `hook` when JavaScript aborts, before the chip restarts: with XS's reason, such as
   * "unhandled exception", and the exception if there is one. Replaces an earlier hook.
   */
  onAbort(hook: AbortHook): void;
}

export type AbortHook = (reason: string, exception: unknown) => void;
