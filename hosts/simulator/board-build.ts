/** How the software of a simulated board was configured when it was built. */
import { chipById } from "../../src/boot/chips.js";
import type { BootFeatures } from "../../src/hal.js";
import type { BootOptions } from "./bootloader.js";

/**
 * How bootloader and apps of a board were built; the defaults are those of our sdkconfig fragment.
 * They are flashed apart, so they need not agree.
 */
export interface BoardBuild {
  /** The bootloader has CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE. */
  readonly bootloaderRollback?: boolean;
  /** The bootloader has CONFIG_BOOTLOADER_SKIP_VALIDATE_ALWAYS. */
  readonly bootloaderSkipValidate?: boolean;
  /** The same as the apps were built with. */
  readonly appRollback?: boolean;
  readonly appSkipValidate?: boolean;
  /** CONFIG_ESP_TASK_WDT_EN. */
  readonly taskWatchdog?: boolean;
  /** False: nobody added the event loop's task to the watchdog. */
  readonly loopWatchdog?: boolean;
}

/** What the second stage bootloader runs with. */
export function bootloaderOptions(chipId: number, build: BoardBuild): BootOptions {
  return {
    chipId,
    chipRevision: revisionOf(chipId),
    rollback: build.bootloaderRollback !== false,
    skipValidate: build.bootloaderSkipValidate === true,
  };
}

/** What an app finds in its own configuration. */
export function appFeatures(build: BoardBuild): BootFeatures {
  return { rollback: build.appRollback !== false, validation: build.appSkipValidate !== true };
}

/** The revision of silicon that is sold today; that of the ESP32 for a chip we do not know. */
export function revisionOf(chipId: number): number {
  return chipById(chipId)?.revision ?? 300;
}
