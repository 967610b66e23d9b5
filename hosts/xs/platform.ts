/**
 * The platform of one boot on XS. What a device keeps in flash or in native memory is the board's,
 * in another process; this machine's heap holds what a device's heap would hold.
 */
import type {
  AbortHook,
  DigestInstance,
  FlashClass,
  FlashPartition,
  HttpClientClass,
  KeyValueClass,
  KeyValueDomain,
  Natives,
  Platform,
  TimerId,
  TimerModule,
} from "../esp32/platform.js";
import { BoardClient, type ClientOptions, type OpenRequests } from "./http.js";
import { events, functions, operations } from "./operations.js";

class BoardPartition implements FlashPartition {
  readonly #handle: number;

  constructor(handle: number) {
    this.#handle = handle;
  }

  read(into: Uint8Array, offset: number): void {
    boardCall(operations.flashRead, this.#handle, offset, undefined, into);
  }

  write(from: Uint8Array, offset: number): void {
    boardCall(operations.flashWrite, this.#handle, offset, from);
  }

  eraseBlock(start: number, end?: number): void {
    const handle = this.#handle;
    boardCall(operations.flashErase, handle, start);
    for (let block = start + 1; end !== undefined && block < end; block++) {
      boardCall(operations.flashErase, handle, block);
    }
  }

  status(): { size: number; blockLength: number; blocks: number } {
    const size = boardCall(operations.flashSize, this.#handle, 0);
    const blockLength = boardCall(operations.flashBlock, this.#handle, 0);
    return { size, blockLength, blocks: size / blockLength };
  }

  close(): void {
    boardCall(operations.flashClose, this.#handle, 0);
  }
}

class BoardDomain implements KeyValueDomain {
  readonly #handle: number;

  constructor(handle: number) {
    this.#handle = handle;
  }

  read(key: string): ArrayBuffer | undefined {
    return boardBytes(operations.keyRead, this.#handle, 0, key);
  }

  write(key: string, value: Uint8Array): void {
    boardCall(operations.keyName, this.#handle, 0, key);
    boardCall(operations.keyWrite, this.#handle, 0, value);
  }

  delete(key: string): void {
    boardCall(operations.keyDelete, this.#handle, 0, key);
  }

  close(): void {}
}

export class HostDigest implements DigestInstance {
  readonly #digest: number;

  constructor(algorithm: string) {
    this.#digest = digestOpen(algorithm);
  }

  write(bytes: Uint8Array): void {
    digestFeed(this.#digest, bytes);
  }

  close(): ArrayBuffer {
    return digestEnd(this.#digest);
  }
}

/** The same with the board's clock, which knows how long so many bytes take. */
class BoardDigest extends HostDigest {
  override write(bytes: Uint8Array): void {
    boardCall(operations.digested, bytes.length, 0);
    super.write(bytes);
  }
}

/** The platform and the function that takes the board's events. */
export interface BoardPlatform {
  readonly platform: Platform;
  readonly dispatch: (kind: number, id: number, value: number, text: string | undefined) => void;
}

function call(index: number, argument = 0): number {
  return boardCall(operations.native, index, argument);
}

// Everything below that needs no state is made when the module is preloaded: it lies in flash, as
// the native functions of a device do.
const natives: Natives = Object.freeze({
  daruma_running_slot: () => call(functions.daruma_running_slot),
  daruma_running_state: () => call(functions.daruma_running_state),
  daruma_slot_count: () => call(functions.daruma_slot_count),
  daruma_stage: (slot: number) => call(functions.daruma_stage, slot),
  daruma_mark_invalid: () => call(functions.daruma_mark_invalid),
  daruma_rollback_enabled: () => call(functions.daruma_rollback_enabled),
  daruma_validation_enabled: () => call(functions.daruma_validation_enabled),
  daruma_watchdog_arm: (timeoutMs: number) => call(functions.daruma_watchdog_arm, timeoutMs),
  daruma_watchdog_feed: () => call(functions.daruma_watchdog_feed),
  daruma_watchdog_disarm: () => call(functions.daruma_watchdog_disarm),
  daruma_device_id: () => boardText(operations.deviceId, 0, 0) ?? "",
  daruma_xs_version: () => call(functions.daruma_xs_version),
  esp_get_free_heap_size: () => call(functions.esp_get_free_heap_size),
  esp_get_minimum_free_heap_size: () => call(functions.esp_get_minimum_free_heap_size),
  esp_ota_mark_app_valid_cancel_rollback: () =>
    call(functions.esp_ota_mark_app_valid_cancel_rollback),
  esp_reset_reason: () => call(functions.esp_reset_reason),
  esp_random: () => call(functions.esp_random),
  esp_restart: () => {
    hostMark("restart");
    call(functions.esp_restart);
  },
});

const flash: FlashClass = Object.freeze({
  open: ({ path, mode }: Parameters<FlashClass["open"]>[0]) =>
    new BoardPartition(boardCall(operations.flashOpen, mode === "r+" ? 1 : 0, 0, path)),
});

const keyValue: KeyValueClass = Object.freeze({
  open: ({ path }: Parameters<KeyValueClass["open"]>[0]) =>
    new BoardDomain(boardCall(operations.keyOpen, 0, 0, path)),
});

/** Callbacks by number: what a device keeps in native memory, and the roots that hold them. */
export class BoardTimers implements TimerModule {
  readonly callbacks = new Map<number, () => void>();

  set(callback: () => void, delayMs: number): TimerId {
    const id = boardCall(operations.timerSet, delayMs, 0);
    this.callbacks.set(id, callback);
    return id;
  }

  clear(id: TimerId): void {
    if (typeof id !== "number") return;
    this.callbacks.delete(id);
    boardCall(operations.timerClear, id, 0);
  }
}

const ticks = (): number => boardCall(operations.ticks, 0, 0);
const onAbort = (hook: AbortHook): void => hostOnAbort(hook);
const trace = (line: string): void => {
  boardCall(operations.trace, 0, 0, line);
};

/** `guard` is what the host puts around the network; without it the bare classes are handed out. */
export function createBoardPlatform(
  guard?: (Client: HttpClientClass, timer: TimerModule) => HttpClientClass,
): BoardPlatform {
  const requests: OpenRequests = new Map();
  const timer = new BoardTimers();
  class Client extends BoardClient {
    constructor(options: ClientOptions) {
      super(requests, options);
    }
  }
  const http: HttpClientClass = guard === undefined ? Client : guard(Client, timer);
  const platform = {
    flash,
    keyValue,
    http,
    digest: BoardDigest,
    timer,
    ticks,
    natives,
    trace,
    onAbort,
  };
  const dispatch: BoardPlatform["dispatch"] = (kind, id, value, text) => {
    if (kind === events.timer) {
      const callback = timer.callbacks.get(id);
      timer.callbacks.delete(id);
      return callback?.();
    }
    const request = requests.get(id);
    if (request === undefined) return;
    if (kind === events.head) request.socket.headArrived(text ?? "");
    else if (kind === events.readable) request.readable(value);
    else if (kind === events.writable) request.writable(value);
    else if (kind === events.done) request.done(value !== 0);
    else if (kind === events.error) request.failed();
  };
  return { platform, dispatch };
}
