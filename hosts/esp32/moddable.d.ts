/**
 * The parts of the Moddable SDK (8.1 or newer) that main.ts uses, as types. Only for plain `tsc`:
 * in a Moddable build the SDK's own typings count, so no build manifest lists this file. Where the
 * two differ, these follow the SDK's code (a read into a buffer returns its count, an absent key
 * reads as undefined, buffers may be views).
 */

declare module "embedded:storage/flash" {
  interface Partition {
    read(into: Uint8Array, byteOffset: number): number;
    write(from: Uint8Array, byteOffset: number): void;
    eraseBlock(start: number, end?: number): void;
    status(): { size: number; blockLength: number; blocks: number };
    close(): void;
  }
  const Flash: { open(options: { path: string; mode?: "r" | "r+" }): Partition };
  export default Flash;
}

declare module "embedded:storage/key-value" {
  interface Domain {
    read(key: string): ArrayBuffer | undefined;
    write(key: string, value: Uint8Array): void;
    delete(key: string): void;
    close(): void;
  }
  const Storage: { open(options: { path: string; format: "buffer" }): Domain };
  export default Storage;
}

declare module "embedded:io/socket/tcp" {
  type Callback = ((this: unknown, ...values: unknown[]) => void) | undefined;
  export default class TCP {
    constructor(options: { onReadable?: Callback; onWritable?: Callback; onError?: Callback });
    close(): void;
  }
}

declare module "embedded:network/http/client" {
  interface Request {
    read(into: Uint8Array): number | undefined;
    write(from: Uint8Array | undefined): number;
  }
  interface RequestOptions {
    method: string;
    path: string;
    headers: ReadonlyMap<string, string>;
    onHeaders(status: number, headers: ReadonlyMap<string, string>): void;
    onReadable(count: number): void;
    onWritable?(count: number): void;
    onDone(error: unknown): void;
  }
  export default class HTTPClient {
    constructor(options: {
      host: string;
      port: number;
      socket: object;
      dns: object;
      onError?(error: unknown): void;
    });
    request(options: RequestOptions): Request;
    close(): void;
  }
}

declare module "embedded:network/interface/wifi" {
  export default class WiFi {
    constructor(options: { onChanged(property: string): void });
    readonly connection: number;
    connect(options: { SSID: string; password?: string }): void;
  }
}

declare module "crypt" {
  export class Digest {
    constructor(algorithm: string);
    write(bytes: Uint8Array): void;
    close(): ArrayBuffer;
  }
}

declare module "net" {
  const Net: {
    resolve(name: string, callback: (name: string, address?: string) => void): void;
  };
  export default Net;
}

declare module "time" {
  const Time: { readonly ticks: number };
  export default Time;
}

declare module "timer" {
  class Timer {
    private constructor();
    private readonly brand: never;
    static set(callback: () => void, interval?: number): Timer;
    static repeat(callback: () => void, interval: number): Timer;
    static clear(timer: Timer | undefined): void;
  }
  export default Timer;
}

/** Made by mcconfig from the "ffi" of all manifests; these are the functions of esp32.json. */
declare module "mc/ffi" {
  export default class FFI {
    daruma_running_slot(): number;
    daruma_running_state(): number;
    daruma_slot_count(): number;
    daruma_stage(slot: number): number;
    daruma_mark_invalid(): number;
    daruma_rollback_enabled(): number;
    daruma_validation_enabled(): number;
    daruma_watchdog_arm(timeoutMs: number): number;
    daruma_watchdog_feed(): number;
    daruma_watchdog_disarm(): number;
    daruma_device_id(): string;
    daruma_xs_version(): number;
    esp_ota_mark_app_valid_cancel_rollback(): number;
    esp_get_free_heap_size(): number;
    esp_get_minimum_free_heap_size(): number;
    esp_reset_reason(): number;
    esp_random(): number;
    esp_restart(): void;
  }
}

/** Prints to the debug console. */
declare function trace(...values: unknown[]): void;
