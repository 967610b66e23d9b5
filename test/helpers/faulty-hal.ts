/** A host whose calls can be made to fail: the n-th calls of one function throw. */
import type { Hal } from "../../src/hal.js";

/** Which calls fail: `count` calls of `name` from number `from`, counted from 1. */
export interface CallFault {
  readonly name: string;
  readonly from: number;
  readonly count: number;
}

/** The parts of a HAL that hold functions of their own. */
const parts = ["boot", "keyValue", "http", "timers", "watchdog"];
/** What calls return that is called in turn, by the name it gets. */
const results: Readonly<Record<string, string>> = { "boot.openSlot": "slot", digest: "digesting" };

/** Counts the calls of a HAL, of all boots of a device, and lets some of them throw. */
export class FaultyHal {
  /** Calls so far, by name: "timers.set", "boot.stage", "slot.read", "restart". */
  readonly calls = new Map<string, number>();
  armed = false;
  private readonly fault: CallFault;

  constructor(fault: CallFault) {
    this.fault = fault;
  }

  wrap(hal: Hal): Hal {
    return this.wrapped(hal, "");
  }

  private wrapped<T extends object>(target: T, prefix: string): T {
    return new Proxy(target, {
      get: (_, key): unknown => {
        const value: unknown = Reflect.get(target, key);
        const name = prefix + String(key);
        if (typeof value === "function") {
          return (...given: unknown[]): unknown => {
            this.count(name);
            const result: unknown = Reflect.apply(value, target, given);
            const part = results[name];
            return part === undefined ? result : this.wrapped(result as object, `${part}.`);
          };
        }
        const isPart = prefix === "" && parts.includes(name);
        return isPart ? this.wrapped(value as object, `${name}.`) : value;
      },
    });
  }

  private count(name: string): void {
    if (!this.armed) return;
    const call = (this.calls.get(name) ?? 0) + 1;
    this.calls.set(name, call);
    const { from, count } = this.fault;
    if (name === this.fault.name && call >= from && call < from + count) {
      throw new Error(`${name} fails`);
    }
  }
}
