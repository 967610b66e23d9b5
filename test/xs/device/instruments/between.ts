/** Holds something when it makes a request, and something else while it waits for an event. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
import { operations } from "../../../../hosts/xs/operations.js";

class Holder {
  list: object | null = null;
  #events = 0;

  hold(objects: number): void {
    for (let i = 0; i < objects; i++) this.list = { list: this.list };
  }

  dispatch(): void {
    // All is dropped before the mark: only who collected meanwhile has seen it.
    this.list = null;
    this.#events++;
    hostMark(this.#events === 1 ? "waited" : "requested");
    if (this.#events === 1) {
      this.hold(200);
      boardCall(operations.ticks, 0, 0);
      this.list = null;
    }
  }
}

export default function main(): () => void {
  const holder = new Holder();
  hostMark("start");
  holder.hold(100);
  return () => holder.dispatch();
}
