/**
 * A simulated ESP32 board: flash, NVS, bootloader, watchdogs and reset reasons around the firmware
 * in its slots. A boot runs until something ends it; then every call of that boot throws, so that
 * no firmware can act beyond its end, whatever it catches.
 */

import type { Md5, Partition } from "../../src/boot/partitions.js";
import { hex } from "../../src/bytes.js";
import type { DigestFactory } from "../../src/crypto/digest.js";
import type { AbortHook, DigestClass, HttpClientClass, Platform } from "../esp32/platform.js";
import { appFeatures, type BoardBuild, bootloaderOptions, revisionOf } from "./board-build.js";
import type { BoardObserver } from "./board-observer.js";
import type { RunEnd, RunLimits } from "./board-run.js";
import { type BootResult, runBootloader } from "./bootloader.js";
import { EspOta } from "./esp-ota.js";
import type { Flash } from "./flash.js";
import type { KeyValueStore } from "./key-value.js";
import { createPlatform } from "./platform.js";
import { type Power, PowerCut } from "./power.js";
import { Prng } from "./prng.js";
import { type BootEnd, resetReasons } from "./reset-reasons.js";
import { TaskWatchdog } from "./task-watchdog.js";
import type { World } from "./world.js";

/** Thrown by every call of a boot that is over. */
export class BootEnded extends Error {}

/** What a firmware finds when it starts. */
export interface BootedDevice {
  readonly platform: Platform;
  /** The SHA-256 at the end of the image that runs, in hexadecimal; "" for an image without. */
  readonly imageHex: string;
  readonly slotLabel: string;
  /** A fault the CPU catches: ends the boot with reset reason "panic". */
  crash(): never;
  /** XS aborts for another cause than an exception, such as "unhandled rejection". */
  abort(reason: string): never;
  /** Spends that much time without giving way to the event loop; the task watchdog may bite. */
  busy(durationMs: number): void;
  /** Blocks the event loop for ever; the task watchdog bites, if there is one. */
  hang(): never;
  /** Draws more than the supply gives: ends the boot with reset reason "brown-out". */
  brownOut(): never;
  /** Takes this image's own way to the network down, or up again. */
  setLink(up: boolean): void;
}

/** A simulated firmware: what an image does when it boots. */
export type Firmware = (device: BootedDevice) => void;

export interface BoardOptions {
  readonly world: World;
  readonly power: Power;
  readonly flash: Flash;
  readonly keyValue: KeyValueStore;
  /** The HTTP client class of one boot; see Network.clientClass. */
  readonly clientClass: (
    run: (callback: () => void) => void,
    hasLink: () => boolean,
    isAlive: () => boolean,
  ) => HttpClientClass;
  readonly partitions: readonly Partition[];
  readonly chipId: number;
  readonly digest: DigestClass;
  readonly digestFactory: DigestFactory;
  readonly md5: Md5;
  readonly deviceId: string;
  readonly seed: number;
  /** The firmware of an image, chosen by its content. */
  readonly firmwareOf: (imageHex: string) => Firmware;
  readonly build?: BoardBuild;
  readonly observer: BoardObserver;
  /**
   * Runs the promise jobs that the firmware's last call has left, and gives each rejection that
   * nothing handles to `rejected`. Without it no promise of a firmware goes on within a boot.
   */
  readonly runJobs?: (rejected: (reason: unknown) => void) => void;
  /** Boots that this board has behind it already, and why the first one of this run begins. */
  readonly bootsBefore?: number;
  readonly firstReason?: BootEnd;
}

/** From reset to the first line of JavaScript. */
const bootMs = 400;

export class Board {
  readonly #options: BoardOptions;
  readonly #prng: Prng;
  #boots: number;
  /** Raised at every end of a boot: events of an older boot find another number. */
  #epoch = 0;
  #running = false;
  /** Reset reason of the next boot. */
  #reason: BootEnd;
  #ending: { reason: BootEnd; note: string } | null = null;
  #link = true;
  readonly #watchdog: TaskWatchdog;
  #abortHook: AbortHook | null = null;

  constructor(options: BoardOptions) {
    this.#options = options;
    this.#prng = new Prng(options.seed);
    this.#boots = options.bootsBefore ?? 0;
    this.#reason = options.firstReason ?? "power-on";
    const { world, build = {} } = options;
    const watchesLoop = build.taskWatchdog !== false && build.loopWatchdog !== false;
    this.#watchdog = new TaskWatchdog(world, watchesLoop, () => {
      this.#end("task-watchdog", "the watchdog bit");
    });
  }

  get boots(): number {
    return this.#boots;
  }

  /** Supplies power and runs boots and events until a limit is reached. */
  run(limits: RunLimits): RunEnd {
    while (true) {
      const end = this.step(limits);
      if (end !== null) return end;
    }
  }

  /** One boot, one event, or one end of a boot; says which limit was reached, else null. */
  step(limits: RunLimits): RunEnd | null {
    const { world } = this.#options;
    if (this.#ending !== null) {
      this.#reason = this.#endBoot();
      return null;
    }
    if (!this.#running) {
      if (this.#boots >= limits.bootsMax) return "boots";
      return this.#boot(this.#reason) ? null : "dead";
    }
    if (limits.until()) return "until";
    if (world.nextAtMs() > limits.untilMs) {
      return world.nextAtMs() === Number.POSITIVE_INFINITY ? "stuck" : "time";
    }
    const event = world.take();
    this.#watchdog.turnBegins();
    event?.run();
    return null;
  }

  /** Cuts the supply between two events; the next `run` boots again. */
  cutPower(): void {
    if (this.#running) this.#end("power-on", "power cut");
    if (this.#ending !== null) this.#reason = this.#endBoot();
  }

  #endBoot(): BootEnd {
    const { power, world, observer } = this.#options;
    const { reason, note } = this.#ending ?? { reason: "power-on" as const, note: "" };
    this.#ending = null;
    this.#running = false;
    this.#abortHook = null;
    this.#epoch++;
    this.#watchdog.disarm();
    power.restore();
    observer.ended(world.nowMs, reason, note);
    return reason;
  }

  /** Bootloader, then firmware. False when no image boots: the chip resets for ever. */
  #boot(reason: BootEnd): boolean {
    const { world, power, flash, observer } = this.#options;
    this.#boots++;
    this.#link = true;
    this.#running = true;
    world.advance(bootMs);
    let result: BootResult;
    try {
      const { digestFactory, md5, chipId, build = {} } = this.#options;
      result = runBootloader(
        flash,
        { digest: digestFactory, md5 },
        bootloaderOptions(chipId, build),
      );
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.#ending = { reason: "power-on", note: "power cut in the bootloader" };
      return true;
    }
    // The app's table is the board's own; the bootloader parsed its copy from flash.
    const address = result.partition?.offset;
    const partition = this.#options.partitions.find((one) => one.offset === address) ?? null;
    const imageHex = this.#imageHex(result);
    const slot = partition === null ? -1 : partition.subtype & 0x0f;
    const record = { number: this.#boots, atMs: world.nowMs, resetReason: reason, result };
    observer.booted({ ...record, imageHex, slot });
    if (partition === null || imageHex === null) return false;
    power.check();
    this.#watchdog.turnBegins();
    const device = this.#device(partition, imageHex, reason);
    this.#call(() => this.#options.firmwareOf(imageHex)(device));
    return true;
  }

  /** SHA-256 that the image carries and the bootloader, as a rule, just verified. */
  #imageHex(result: BootResult): string | null {
    const image = result.checked.at(-1)?.result;
    if (result.partition === null || image === undefined || !image.ok) return null;
    if (image.digest !== null) return hex(image.digest);
    const end = result.partition.offset + image.imageBytes;
    return image.hashAppended ? hex(this.#options.flash.bytes.subarray(end - 32, end)) : "";
  }

  #device(partition: Partition, imageHex: string, reason: BootEnd): BootedDevice {
    const { world, power, flash, keyValue, observer, build = {} } = this.#options;
    const epoch = this.#epoch;
    const isAlive = (): boolean => this.#epoch === epoch && this.#ending === null;
    const check = (): void => {
      power.check();
      if (!isAlive()) throw new BootEnded("this boot is over");
    };
    const run = (callback: () => void): void => {
      if (isAlive()) this.#call(callback);
    };
    const endWith = (cause: BootEnd, note: string): never => {
      check();
      this.#end(cause, note);
      throw new BootEnded(note);
    };
    const spend = (durationMs: number): void => this.#spend(durationMs);
    const ota = new EspOta({
      flash,
      partitions: this.#options.partitions,
      running: partition,
      digest: this.#options.digestFactory,
      chipId: this.#options.chipId,
      chipRevision: revisionOf(this.#options.chipId),
      rollback: build.appRollback !== false,
    });
    const platform = createPlatform({
      world,
      flash,
      keyValue,
      ota,
      partitions: this.#options.partitions,
      running: partition,
      digest: this.#options.digest,
      http: this.#options.clientClass(run, () => this.#link, isAlive),
      prng: this.#prng,
      deviceId: this.#options.deviceId,
      bootedAtMs: world.nowMs,
      resetReason: resetReasons[reason],
      check,
      run,
      restart: () => endWith("software", "restart"),
      spend,
      watchdogArm: (timeoutMs) => this.#watchdog.arm(timeoutMs),
      watchdogFeed: () => this.#watchdog.feed(),
      watchdogDisarm: () => this.#watchdog.disarm(),
      confirmed: () => observer.confirmed(partition.subtype & 0x0f),
      trace: (line) => observer.traced(world.nowMs, line),
      timersWait: (count) => observer.timersWait(count),
      flashRead: (address, length) => observer.read(address, length),
      onAbort: (hook) => {
        this.#abortHook = hook;
      },
      features: appFeatures(build),
      hasWatchdog: build.taskWatchdog !== false,
    });
    return {
      platform,
      imageHex,
      slotLabel: partition.label,
      crash: () => endWith("panic", "the firmware crashed"),
      abort: (reason) => {
        this.#abort(reason, undefined);
        throw new BootEnded("abort");
      },
      busy: (durationMs) => {
        check();
        spend(durationMs);
      },
      hang: () => {
        // The loop is blocked: no event of this boot runs any more, only the watchdog.
        this.#epoch++;
        this.#watchdog.hang();
        throw new BootEnded("hang");
      },
      brownOut: () => endWith("brown-out", "the supply broke down"),
      setLink: (up) => {
        this.#link = up;
      },
    };
  }

  #spend(durationMs: number): void {
    if (!this.#watchdog.pass(durationMs)) throw new BootEnded("the watchdog bit");
  }

  /** Runs firmware code. What escapes it ends the boot as XS does: abort, software restart. */
  #call(callback: () => void): void {
    const { power, runJobs } = this.#options;
    const epoch = this.#epoch;
    const escaped = (reason: string, error: unknown): void => {
      const isEnd = error instanceof BootEnded || error instanceof PowerCut;
      if (isEnd || power.isCut || this.#ending !== null || this.#epoch !== epoch) return;
      this.#abort(reason, error);
    };
    try {
      callback();
    } catch (error) {
      escaped("unhandled exception", error);
    }
    // The stack is empty. Jobs of a boot that is over run too, for they must not see the next one.
    runJobs?.((error) => escaped("unhandled rejection", error));
    // Latched: whatever the firmware caught, a cut supply ends the boot.
    if (power.isCut) this.#end("power-on", "power cut");
  }

  /** fxAbort of XS on ESP32: the hook first, whose own exceptions are dropped, then esp_restart. */
  #abort(reason: string, error: unknown): void {
    this.#options.observer.aborted?.(reason, error);
    try {
      this.#abortHook?.(reason, error);
    } catch {
      // xsPlatform.c catches what the hook throws; a power cut in it is seen below.
    }
    this.#end(
      "software",
      `XS abort: ${reason}${error instanceof Error ? `: ${error.message}` : ""}`,
    );
  }

  #end(reason: BootEnd, note: string): void {
    this.#ending ??= { reason, note };
  }
}
