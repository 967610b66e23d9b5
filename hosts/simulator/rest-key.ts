/**
 * Equal rests have equal futures. This names a rest by all that its future depends on and by the
 * counts that checkers bound, so that a sweep follows each future once and still checks every
 * history exactly. Names are exact: contents are compared byte for byte, not by a hash.
 */
import { hex } from "../../src/bytes.js";
import type { Rest } from "./bench.js";
import { blockBytes, type FlashSnapshot } from "./flash.js";
import type { Partition } from "../../src/boot/partitions.js";

type Block = FlashSnapshot["blocks"][number];

interface Interned {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly weak: Uint8Array | null;
}

export class RestKeys {
  readonly #slots: readonly Partition[];
  readonly #known = new WeakMap<Block, number>();
  readonly #buckets = new Map<number, Interned[]>();
  readonly #texts = new Map<string, number>();
  #blocks = 0;

  constructor(slots: readonly Partition[]) {
    this.#slots = slots;
  }

  keyOf(rest: Rest): string {
    const { checkers } = rest;
    let key = "";
    for (const block of rest.flash.blocks) key += String.fromCharCode(this.#idOf(block));
    let wear = "";
    for (const { offset, sizeBytes } of this.#slots) {
      for (let at = offset; at < offset + sizeBytes; at += blockBytes) {
        wear += `${rest.flash.blocks[at / blockBytes].erases},`;
      }
    }
    let keys = "";
    for (const [domain, entries] of rest.keyValue) {
      for (const [name, value] of [...entries].sort()) keys += `${domain}.${name}=${hex(value)};`;
    }
    const told = rest.reports.map((one) => one.reportId + one.result + one.reason).join();
    const rules = [
      checkers.confirmedSlot,
      checkers.confirmedHex,
      checkers.marking,
      checkers.superseded.join(),
      checkers.floor,
    ].join();
    const texts = [wear, keys, told, rules].map((text) => this.#textId(text)).join();
    return `${key}|${texts}|${rest.reason},${rest.offered},${rest.boots},${rest.payloadBytes}`;
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
    const words = new Int32Array(block.bytes.buffer, block.bytes.byteOffset, blockBytes / 4);
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
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
