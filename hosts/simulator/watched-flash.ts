/** Flash whose changes the checkers see before they happen. */
import type { Checkers } from "./checkers.js";
import { Flash } from "./flash.js";
import type { Power } from "./power.js";
import type { WearWatch } from "./wear-watch.js";

/** Who looks on; made after the flash. */
export interface FlashWatchers {
  readonly checkers: Checkers;
  readonly wear: WearWatch;
}

export class WatchedFlash extends Flash {
  readonly #watchers: FlashWatchers;

  constructor(power: Power, sizeBytes: number, seed: number, watchers: FlashWatchers) {
    super({ power, sizeBytes, seed });
    this.#watchers = watchers;
  }

  override write(address: number, from: Uint8Array, start: number, length: number): void {
    this.#watchers.checkers.flashChanging(address, from.subarray(start, start + length));
    super.write(address, from, start, length);
  }

  override eraseBlock(address: number): void {
    this.#watchers.checkers.flashChanging(address);
    this.#watchers.wear.erased(address);
    super.eraseBlock(address);
  }
}
