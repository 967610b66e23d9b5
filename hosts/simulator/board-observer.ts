/** What a board tells of its boots, for timelines and checkers. */
import type { BootResult } from "./bootloader.js";
import type { BootEnd } from "./reset-reasons.js";

/** One boot, as seen from outside. */
export interface BootRecord {
  readonly number: number;
  readonly atMs: number;
  readonly resetReason: BootEnd;
  readonly result: BootResult;
  /** As in BootedDevice; null when the bootloader found no image. */
  readonly imageHex: string | null;
  readonly slot: number;
}

export interface BoardObserver {
  /** So many timers wait at the same time as never before in this boot. */
  timersWait(count: number): void;
  booted(record: BootRecord): void;
  ended(atMs: number, reason: BootEnd, note: string): void;
  /** esp_ota_mark_app_valid returned ESP_OK in this slot. */
  confirmed(slot: number): void;
  /** JavaScript aborts in the firmware. */
  aborted?(reason: string, error: unknown): void;
  traced(atMs: number, line: string): void;
  /** The app reads flash; the platform's own functions do not count. */
  read(address: number, length: number): void;
}
