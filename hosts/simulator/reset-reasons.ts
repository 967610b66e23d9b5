/** esp_reset_reason_t numbers that the simulator uses (ESP-IDF v6.0 esp_system.h). */
export const resetReasons = Object.freeze({
  "power-on": 1,
  software: 3,
  panic: 4,
  "task-watchdog": 6,
  "brown-out": 9,
} as const);
export type BootEnd = keyof typeof resetReasons;
