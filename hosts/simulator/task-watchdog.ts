/**
 * The task watchdog of ESP-IDF v6.0 (esp_task_wdt.c): one timer for two users, started again only
 * when both have reset it. One is the task of the event loop, which Moddable's main.c adds and
 * feeds between two turns; the other one is the agent's own, while it is armed, and feeding that
 * resets both (daruma.c).
 */
import type { World, WorldEvent } from "./world.js";

/** Timeout of the build (CONFIG_ESP_TASK_WDT_TIMEOUT_S of our sdkconfig). */
const taskWatchdogMs = 15_000;

export class TaskWatchdog {
  readonly #world: World;
  readonly #bite: () => void;
  /** False where nothing watches the event loop itself. */
  readonly #watchesLoop: boolean;
  #armed: WorldEvent | null = null;
  #timeoutMs = 0;
  /** When the turn that runs began. */
  #turnMs = 0;

  constructor(world: World, watchesLoop: boolean, bite: () => void) {
    this.#world = world;
    this.#watchesLoop = watchesLoop;
    this.#bite = bite;
  }

  arm(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.#start();
  }

  feed(): void {
    if (this.#armed !== null) this.#start();
  }

  disarm(): void {
    if (this.#armed !== null) this.#world.cancel(this.#armed);
    this.#armed = null;
  }

  turnBegins(): void {
    this.#turnMs = this.#world.nowMs;
  }

  /** Time passes while JavaScript runs; false when the watchdog bites in it. */
  pass(durationMs: number): boolean {
    const world = this.#world;
    const bitesMs = this.#bitesMs();
    if (world.nowMs + durationMs < bitesMs) {
      world.advance(durationMs);
      return true;
    }
    world.advance(Math.max(0, bitesMs - world.nowMs));
    this.#bite();
    return false;
  }

  /** JavaScript never ends its turn: only the bite can follow. */
  hang(): void {
    const bitesMs = this.#bitesMs();
    if (this.#armed !== null || bitesMs === Number.POSITIVE_INFINITY) return;
    this.#armed = this.#world.after(bitesMs - this.#world.nowMs, this.#bite);
  }

  #bitesMs(): number {
    if (this.#armed !== null) return this.#armed.atMs;
    return this.#watchesLoop ? this.#turnMs + taskWatchdogMs : Number.POSITIVE_INFINITY;
  }

  #start(): void {
    if (this.#armed !== null) this.#world.cancel(this.#armed);
    this.#armed = this.#world.after(this.#timeoutMs, this.#bite);
  }
}
