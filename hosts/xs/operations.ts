/** The protocol between the device's machine and its board: numbers of requests and of events. */

/** Requests; 0 to 2 are the C host's own (native/host.h). */
export const operations = Object.freeze({
  wait: 0,
  abort: 1,
  mark: 2,
  ticks: 10,
  trace: 11,
  timerSet: 12,
  timerClear: 13,
  flashOpen: 20,
  flashSize: 21,
  flashBlock: 22,
  flashRead: 23,
  flashWrite: 24,
  flashErase: 25,
  flashClose: 26,
  keyOpen: 30,
  keyName: 31,
  keyRead: 32,
  keyWrite: 33,
  keyDelete: 34,
  httpOpen: 40,
  httpRequest: 41,
  httpRead: 42,
  httpWrite: 43,
  httpClose: 44,
  native: 50,
  deviceId: 51,
  crash: 60,
  hang: 61,
  link: 62,
  progress: 63,
  digested: 64,
  verify: 65,
  optionText: 70,
  optionNumber: 71,
  optionBytes: 72,
});

/** Events of the board, as answers to `wait`; 0 ends the boot. */
export const events = Object.freeze({
  end: 0,
  timer: 1,
  head: 2,
  readable: 3,
  writable: 4,
  done: 5,
  error: 6,
});

/** ESP-IDF functions without a body, by number. */
export const functions = Object.freeze({
  daruma_running_slot: 0,
  daruma_slot_count: 1,
  daruma_stage: 2,
  daruma_mark_invalid: 3,
  daruma_watchdog_arm: 4,
  daruma_watchdog_feed: 5,
  daruma_watchdog_disarm: 6,
  esp_ota_mark_app_valid_cancel_rollback: 7,
  esp_reset_reason: 8,
  esp_random: 9,
  esp_restart: 10,
  daruma_rollback_enabled: 11,
  daruma_validation_enabled: 12,
  daruma_running_state: 13,
  daruma_xs_version: 14,
  esp_get_free_heap_size: 15,
  esp_get_minimum_free_heap_size: 16,
} as const);

/** What the board tells the firmware, by index: texts, numbers, bytes. */
export const optionTexts = Object.freeze({ behaviour: 0, vendor: 1, deviceClass: 2, serverUrl: 3 });
export const optionNumbers = Object.freeze({ pollIntervalMs: 0, trialTimeoutMs: 1 });
export const optionBytes = Object.freeze({ trustAnchor: 0 });
