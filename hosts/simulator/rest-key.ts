/**
 * Equal rests have equal futures. This names a rest by all that its future depends on and by the
 * counts that checkers bound, so that a sweep follows each future once and still checks every
 * history exactly. Names are exact: contents are compared byte for byte, not by a hash.
 */

import type { Partition } from "../../src/boot/partitions.js";
import { hex } from "../../src/bytes.js";
import { blockBytes, type FlashSnapshot } from "./flash.js";
import type { Rest } from "./rest.js";

type Block = FlashSnapshot["blocks"][number];

interface Interned {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly weak: Uint8Array | null;
}

export class RestKeys {
  readonly #isSlot: readonly boolean[];
  /** Blocks of the first rest: where others share one, there is nothing to name. */
  readonly #first: readonly Block[];
  readonly #values = new WeakMap<Uint8Array, number>();
  readonly #known = new WeakMap<Block, number>();
  readonly #buckets = new Map<number, Interned[]>();
  readonly #texts = new Map<string, number>();
  #blocks = 0;

  /** `slots` are the partitions whose wear is bounded. */
  constructor(slots: readonly Partition[], flashBytes: number, first: Rest) {
    this.#first = first.flash.blocks;
    this.#isSlot = Array.from({ length: flashBytes / blockBytes }, (_, block) =>
      slots.some(({ offset, sizeBytes }) => {
        const at = block * blockBytes;
        return at >= offset && at < offset + sizeBytes;
      }),
    );
  }

  keyOf(rest: Rest): string {
    const { checkers } = rest;
    const { blocks } = rest.flash;
    const units: number[] = [];
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i];
      const first = this.#first[i];
      if (block === first) continue;
      // Checkers bound the wear of slots, so it tells rests apart.
      const erases = this.#isSlot[i] ? block.erases : first.erases;
      const id = this.#idOf(block);
      if (id !== this.#idOf(first) || erases !== first.erases) units.push(i, id, erases);
    }
    let keys = "";
    for (const [domain, entries] of rest.keyValue) {
      for (const [name, value] of [...entries].sort()) {
        keys += `${domain}.${name}=${this.#valueId(value)};`;
      }
    }
    const told = rest.reports.map((one) => one.reportId + one.result + one.reason).join();
    const rules = [
      checkers.confirmedSlot,
      checkers.confirmedHex,
      checkers.marking,
      checkers.superseded.join(),
      checkers.floor,
    ].join();
    const texts = `${this.#textId(keys)},${this.#textId(told)},${this.#textId(rules)}`;
    const counts = `${rest.reason},${rest.offered},${rest.boots},${rest.payloadBytes}`;
    return `${String.fromCharCode(...units)}|${texts}|${counts}`;
  }

  /** Stored values are never changed in place, so each is looked at once. */
  #valueId(value: Uint8Array): number {
    let id = this.#values.get(value);
    if (id === undefined) {
      id = this.#textId(hex(value));
      this.#values.set(value, id);
    }
    return id;
  }

  #textId(text: string): number {
    let id = this.#texts.get(text);
    if (id === undefined) {
      id = this.#texts.size;
      this.#texts.set(text, id);
    }
    return id;
  }

  #idOf(block: Block): number {
    const seen = this.#known.get(block);
    if (seen !== undefined) return seen;
    const words = wordsOf(block.bytes);
    let hash = 0x811c9dc5;
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 0x01000193);
    let bucket = this.#buckets.get(hash);
    if (bucket === undefined) {
      bucket = [];
      this.#buckets.set(hash, bucket);
    }
    let found = bucket.find((one) => isEqual(one.bytes, block.bytes) && sameWeak(one, block));
    if (found === undefined) {
      found = { id: this.#blocks++, bytes: block.bytes, weak: block.weak };
      // One UTF-16 unit names a block.
      if (found.id > 0xffff) throw new RangeError("too many distinct blocks for one sweep");
      bucket.push(found);
    }
    this.#known.set(block, found.id);
    return found.id;
  }
}

function sameWeak(one: Interned, block: Block): boolean {
  if (one.weak === null || block.weak === null) return one.weak === block.weak;
  return isEqual(one.weak, block.weak);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  const one = wordsOf(a);
  const other = wordsOf(b);
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

/** A block as words: a quarter of the steps. */
function wordsOf(block: Uint8Array): Int32Array {
  return new Int32Array(block.buffer, block.byteOffset, blockBytes / 4);
}
