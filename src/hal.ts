/**
 * The hardware abstraction layer: everything the agent asks of a host, as types only.
 *
 * Shapes follow ECMA-419 (callbacks in options, pull reads, explicit close) so that the ESP32 host
 * stays thin. All calls but `Http.request` and `Timers.set` are synchronous; no call may re-enter
 * the agent before it returns. A host reports failure by throwing an Error.
 */

import type { DigestFactory } from "./crypto/digest.js";

/**
 * Index of an app slot: 0 is partition `ota_0`, 1 is `ota_1`, ... (at most 16, ESP-IDF);
 * -1 is the factory partition, which can run but is never written.
 */
export type SlotIndex = number;

/** State of a slot's otadata entry; ESP-IDF `esp_ota_img_states_t`, "none" = no intact entry. */
export type SlotState =
  | "new"
  | "pending-verify"
  | "valid"
  | "invalid"
  | "aborted"
  | "undefined"
  | "none";

/**
 * Why the chip last restarted, from `esp_reset_reason()`. Crashes and watchdogs count against a
 * release; loss of supply does not.
 */
export type ResetReason =
  | "unknown"
  | "power-on"
  | "external"
  | "software"
  | "panic"
  | "interrupt-watchdog"
  | "task-watchdog"
  | "watchdog"
  | "deep-sleep"
  | "brown-out"
  | "other";

/**
 * One app slot as raw NOR flash: an open partition of ECMA-419's flash, so that no call is wrapped.
 * Offsets and sizes are in bytes from the start of the slot; all calls throw outside it.
 */
export interface SlotFlash {
  /** Slot size, a multiple of the erase unit, and that unit: 4096 on ESP32. */
  status(): { readonly size: number; readonly blockLength: number };
  /** Fills `into` from the slot. */
  read(into: Uint8Array, offset: number): void;
  /** Programs bytes; only clears bits (NOR). Offset and length are multiples of 16. */
  write(from: Uint8Array, offset: number): void;
  /** Sets one block to FF; blocks are counted from 0. */
  eraseBlock(block: number): void;
}

/**
 * What the running app was built with. A bootloader is not replaced by an update, so the one in
 * flash may be an older one that has less; only a trial shows what it really does.
 */
export interface BootFeatures {
  /** The bootloader takes an unconfirmed image back (CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE). */
  readonly rollback: boolean;
  /** The bootloader checks images at every boot (no CONFIG_BOOTLOADER_SKIP_VALIDATE_*). */
  readonly validation: boolean;
}

/** The boot record (otadata on ESP32) and the slots it speaks of. */
export interface BootControl {
  features(): BootFeatures;
  /** The slot this code runs from, told by the memory map and not by the boot record. */
  runningSlot(): SlotIndex;
  /** The slot of the active boot record entry; -1 when no entry is usable. */
  activeSlot(): SlotIndex;
  /**
   * State of the entry that maps to `slot`: of the active one, else of the newest that is intact;
   * "none" when there is no such entry.
   */
  slotState(slot: SlotIndex): SlotState;
  /** Number of OTA slots. */
  slotCount(): number;
  /**
   * Erases the torn entries and those of `slot`: nothing speaks for it any more. Never the active
   * entry, unless the other one is usable and another slot's.
   */
  forget(slot: SlotIndex): void;
  /** Erases the other entry, unless it is intact and older than the usable one of `slot`. */
  secure(slot: SlotIndex): void;
  /** Opens a slot; writing to the running slot throws. */
  openSlot(slot: SlotIndex): SlotFlash;
  /** Selects `slot` for the next boot; the platform checks the image first and throws if bad. */
  stage(slot: SlotIndex): void;
  /** Makes the image of the active entry permanent. */
  confirm(): void;
  /** Marks the image of the active entry invalid; throws when there is no other to boot. */
  reject(): void;
}

/** Atomic keys in non-volatile storage: one `write` replaces one key whole or not at all. */
export interface KeyValue {
  /** Copies the value into `into` and returns its length, or -1 when the key is absent. */
  read(key: string, into: Uint8Array): number;
  /** `length` bytes of `from`, from index 0. Keys have at most 15 ASCII characters. */
  write(key: string, from: Uint8Array, length: number): void;
  delete(key: string): void;
}

/** One header as sent or received; names in lower case. */
export type HttpHeaders = ReadonlyMap<string, string>;

export interface HttpRequestOptions {
  readonly hostname: string;
  readonly port: number;
  readonly method: "GET" | "POST";
  /** Starts with "/"; ASCII. */
  readonly path: string;
  readonly headers: HttpHeaders;
  readonly body?: Uint8Array;
}

/**
 * Hears of a request, each time with the request itself. Nothing is told before `Http.request` has
 * returned, after `ended`, or after `close()`.
 */
export interface HttpReceiver {
  headersReceived(request: HttpRequest, status: number, headers: HttpHeaders): void;
  /**
   * `countBytes` may be read now. The receiver takes all of it before it returns, or pulls the rest
   * later with `read`; bytes not taken stay in the host's window (back-pressure).
   */
  dataReadable(request: HttpRequest, countBytes: number): void;
  /** The answer is complete, or failed when `failed` is true. */
  ended(request: HttpRequest, failed: boolean): void;
}

export interface HttpRequest {
  /**
   * For people, as far as the host knows them: where the connection stands ("resolve", "connect",
   * "TLS", "answer"), and why it failed. Both may still change within the turn of `ended`.
   */
  readonly phase?: string | undefined;
  readonly error?: string | undefined;
  /** Moves bytes into the beginning of `into`; returns how many, 0 when none are ready. */
  read(into: Uint8Array): number;
  close(): void;
}

/** How a host's requests travel: all of them in the clear, or all of them over TLS. */
export type HttpScheme = "http" | "https";

export interface Http {
  readonly scheme: HttpScheme;
  request(options: HttpRequestOptions, receiver: HttpReceiver): HttpRequest;
}

/** Handle of a pending timer. */
export type TimerHandle = object | number;

export interface Timers {
  /** Monotonic milliseconds since boot. */
  nowMs(): number;
  /** Calls back once after `delayMs`. */
  set(callback: () => void, delayMs: number): TimerHandle;
  clear(handle: TimerHandle): void;
}

/** The hardware watchdog of the trial. */
export interface Watchdog {
  /**
   * Resets the chip when `feed` is not called for `timeoutMs`; replaces an earlier timeout. False
   * when the host has no watchdog.
   */
  arm(timeoutMs: number): boolean;
  feed(): void;
  disarm(): void;
}

export interface Hal {
  readonly boot: BootControl;
  readonly keyValue: KeyValue;
  readonly http: Http;
  readonly timers: Timers;
  readonly watchdog: Watchdog;
  /** Starts a native digest: SHA-1 (UUIDv5 only), SHA-256, SHA-512. */
  readonly digest: DigestFactory;
  /** Why this boot began. */
  resetReason(): ResetReason;
  /** Restarts the chip; does not return. */
  restart(): never;
  /** Fills `into` with hardware randomness. */
  entropy(into: Uint8Array): void;
  /** Stable printable identity of the device, at most 64 ASCII characters. */
  deviceId(): string;
  /**
   * Version of the JavaScript engine, 256 * major + minor: a mod runs only on the one that it was
   * compiled for. 0 when the host does not know.
   */
  engineVersion(): number;
  /** Heap that is free now, and the least that was free since boot; 0 when not known. */
  freeHeapBytes(): number;
  leastFreeHeapBytes(): number;
  /** One line of diagnostic text; never carries secrets. */
  log(line: string): void;
}
