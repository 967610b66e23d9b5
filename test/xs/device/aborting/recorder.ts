/** The real HAL with its abort hook, over storage that says what is written. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
import { createHal } from "../../../../hosts/esp32/hal.js";
import type { Platform } from "../../../../hosts/esp32/platform.js";
import type { Hal } from "../../../../src/hal.js";

class PrintingDomain {
  read(): undefined {}

  write(key: string, value: Uint8Array): void {
    hostPrint(key);
    hostPrintBytes(value);
  }

  delete(): void {}
}

export function recorder(): Hal {
  const keyValue = { open: () => new PrintingDomain() };
  return createHal({ keyValue, onAbort: hostOnAbort } as unknown as Platform);
}
