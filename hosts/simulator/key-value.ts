/**
 * NVS as the agent sees it: keys that are replaced whole or not at all (nvs_flash.rst). A power
 * cut falls before the change or after it; both are operations of the power model.
 */
import type { Power } from "./power.js";

export class KeyValueStore {
  readonly #domains = new Map<string, Map<string, Uint8Array>>();
  readonly #power: Power;
  /** Changes so far: writes and deletes. */
  writes = 0;
  /** Called before each change, for whoever lists operations; `value` is null for a delete. */
  onBegin: ((domain: string, key: string, value: Uint8Array | null) => void) | null = null;
  /** Called after each change that took place, for checkers. */
  onChange: ((domain: string, key: string, value: Uint8Array | null) => void) | null = null;

  constructor(power: Power) {
    this.#power = power;
  }

  read(domain: string, key: string): Uint8Array | undefined {
    this.#power.check();
    return this.#domains.get(domain)?.get(key);
  }

  write(domain: string, key: string, value: Uint8Array): void {
    if (key.length === 0 || key.length > 15) throw new Error("nvs: keys have 1 to 15 characters");
    this.#change(domain, key, value.slice());
  }

  delete(domain: string, key: string): void {
    this.#change(domain, key, null);
  }

  #change(domain: string, key: string, value: Uint8Array | null): void {
    this.onBegin?.(domain, key, value);
    const tear = this.#power.begin("key-value");
    // Atomic: of all ways to tear, only "after" leaves the new value.
    if (tear === null || tear.kind === "after") {
      let keys = this.#domains.get(domain);
      if (keys === undefined) {
        keys = new Map();
        this.#domains.set(domain, keys);
      }
      if (value === null) keys.delete(key);
      else keys.set(key, value);
      this.writes++;
      this.onChange?.(domain, key, value);
    }
    if (tear !== null) this.#power.fail();
  }

  /** Flips a bit of a stored value, behind everybody's back; nothing where there is none. */
  damage(domain: string, key: string): void {
    const value = this.#domains.get(domain)?.get(key)?.slice();
    if (value === undefined) return;
    value[value.length >> 1] ^= 1;
    this.#domains.get(domain)?.set(key, value);
  }

  /** All keys and values of a domain, as stored. */
  entries(domain: string): ReadonlyMap<string, Uint8Array> {
    return this.#domains.get(domain) ?? new Map();
  }

  /** A copy of everything, to be given back to `restore`. */
  snapshot(): Map<string, Map<string, Uint8Array>> {
    const copy = new Map<string, Map<string, Uint8Array>>();
    // Values are never changed in place, so they can be shared.
    for (const [domain, keys] of this.#domains) copy.set(domain, new Map(keys));
    return copy;
  }

  restore(snapshot: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>): void {
    this.#domains.clear();
    for (const [domain, keys] of snapshot) this.#domains.set(domain, new Map(keys));
  }
}
