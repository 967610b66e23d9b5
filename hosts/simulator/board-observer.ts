/** What a board tells of its boots, for timelines and checkers. */
import type { BootRecord } from "./board.js";
import type { BootEnd } from "./reset-reasons.js";

export interface BoardObserver {
  /** So many timers wait at the same time as never before in this boot. */
  timersWait(count: number): void;
  booted(record: BootRecord): void;
  ended(atMs: number, reason: BootEnd, note: string): void;
  /** esp_ota_mark_app_valid returned ESP_OK in this slot. */
  confirmed(slot: number): void;
  traced(atMs: number, line: string): void;
  /** The app reads flash; the platform's own functions do not count. */
  read(address: number, length: number): void;
}
