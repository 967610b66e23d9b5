/**
 * The real platform: the only file that imports Moddable's modules and native functions. Everything
 * it hands out is also offered by the simulated board, so nothing is decided here.
 */

import TCP from "embedded:io/socket/tcp";
import HTTPClient from "embedded:network/http/client";
import WiFi from "embedded:network/interface/wifi";
import Flash from "embedded:storage/flash";
import KeyValueStorage from "embedded:storage/key-value";
import { Digest } from "crypt";
import FFI from "mc/ffi";
// biome-ignore lint/style/useNodejsImportProtocol: Moddable's own module has this name.
import Net from "net";
import Time from "time";
import Timer from "timer";
import type { Hal } from "../../src/hal.js";
import {
  guardedClient,
  guardedResolver,
  guardedSocket,
  MonotonicClock,
  type SocketClass,
} from "./guards.js";
import { createHal as createHalOver } from "./hal.js";
import type { AbortHook, Platform, TimerId, TimerModule } from "./platform.js";
import type { TlsClass } from "./tls.js";
import { keepConnected, type WifiCredentials, type WifiStation } from "./wifi.js";

/** The engine's own handles are objects that only Timer itself makes. */
const timer: TimerModule = Object.freeze({
  set: (callback: () => void, delayMs: number): TimerId => Timer.set(callback, delayMs),
  clear: (id: TimerId): void => Timer.clear(id as Timer),
});

export interface PlatformOptions {
  /**
   * HTTPS for all requests: the class that `guardedTls` of "daruma-ota/tls" makes of
   * "embedded:io/socket/tcp/tls" (esp32-tls.json), and its `secure` options, such as
   * `{ certificate }`. The clock must be set: dates are checked.
   */
  readonly tls?: { readonly io: TlsClass; readonly secure: object };
}

/**
 * Makes the platform of this chip. Call once per boot, not in a module body: native functions
 * cannot be called while modules are preloaded. Throws when an FFI function is missing from the
 * build.
 */
export function createPlatform(options: PlatformOptions = {}): Platform {
  const clock = new MonotonicClock(() => Time.ticks);
  const plain = { io: guardedSocket(TCP as SocketClass, timer) };
  const { tls } = options;
  const socket = tls === undefined ? plain : { ...tls, TCP: plain, timer };
  return {
    flash: Flash,
    keyValue: KeyValueStorage,
    http: guardedClient(HTTPClient, socket, guardedResolver(Net, timer)),
    httpScheme: tls === undefined ? "http" : "https",
    digest: Digest,
    timer,
    ticks: () => clock.nowMs(),
    natives: new FFI(),
    trace: (line) => trace(`daruma: ${line}\n`),
    onAbort: (hook) => {
      // xsPlatform.c calls the global function "abort" when it was built with the abortHook define.
      (globalThis as { abort?: AbortHook }).abort = hook;
    },
  };
}

/** Wi-Fi that reconnects by itself; see `keepConnected`. Hold what it returns. */
export function connectWifi(credentials: WifiCredentials, onAddress?: () => void): WifiStation {
  return keepConnected(WiFi, timer, credentials, onAddress);
}

/** The HAL of this chip, for `BootCheck` and `Agent`. Throws as `createPlatform` does. */
export function createHal(options: PlatformOptions = {}): Hal {
  return createHalOver(createPlatform(options));
}
