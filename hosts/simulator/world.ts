/** Virtual time: one queue of events for everything that happens outside a single call. */

export interface WorldEvent {
  readonly atMs: number;
  readonly run: () => void;
  cancelled: boolean;
}

export class World {
  #nowMs = 0;
  /** Sorted by time; equal times in order of arrival. Short, so an array is the fastest heap. */
  readonly #queue: WorldEvent[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs `run` after `delayMs` of virtual time (at least 0). */
  after(delayMs: number, run: () => void): WorldEvent {
    const event = { atMs: this.#nowMs + Math.max(0, delayMs), run, cancelled: false };
    let index = this.#queue.length;
    while (index > 0 && this.#queue[index - 1].atMs > event.atMs) index--;
    this.#queue.splice(index, 0, event);
    return event;
  }

  cancel(event: WorldEvent): void {
    event.cancelled = true;
  }

  /** Time of the next event; Infinity when nothing is left. */
  nextAtMs(): number {
    this.#dropCancelled();
    return this.#queue.length === 0 ? Number.POSITIVE_INFINITY : this.#queue[0].atMs;
  }

  /** Moves time to the next event and returns it; null when nothing is left. */
  take(): WorldEvent | null {
    this.#dropCancelled();
    const event = this.#queue.shift() ?? null;
    if (event !== null) this.#nowMs = Math.max(this.#nowMs, event.atMs);
    return event;
  }

  /** Moves time forward without running anything, for work that takes time by itself. */
  advance(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  #dropCancelled(): void {
    while (this.#queue.length > 0 && this.#queue[0].cancelled) this.#queue.shift();
  }
}
