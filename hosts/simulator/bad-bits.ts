/** The bits of a flash that do not do what they are told: weak ones and stuck ones. */

import type { Prng } from "./prng.js";

interface StuckBits {
  readonly address: number;
  readonly mask: number;
  readonly value: 0 | 1;
}

/** Masks of weak bits per block of 4096 bytes, and a list of stuck bits. */
export class BadBits {
  /** Blocks with weak bits, plus stuck places; while 0 the flash may take its fast paths. */
  count: number = 0;
  private readonly weak: (Uint8Array | null)[];
  private readonly stuck: StuckBits[] = [];

  constructor(blocks: number) {
    this.weak = new Array<Uint8Array | null>(blocks).fill(null);
  }

  /** Bits of the byte whose value software cannot know: weak or stuck. */
  unsure(address: number): number {
    let mask = this.weak[address >>> 12]?.[address & 0xfff] ?? 0;
    for (const each of this.stuck) if (each.address === address) mask |= each.mask;
    return mask;
  }

  /** Makes the bits of `driven` in one byte firm, then those of `weak` weak. */
  mark(address: number, driven: number, weak: number): void {
    const block = address >>> 12;
    let mask = this.weak[block];
    if (mask === null) {
      if (weak === 0) return;
      mask = new Uint8Array(4096);
      this.replaceBlock(block, mask);
    }
    mask[address & 0xfff] = (mask[address & 0xfff] & ~driven) | weak;
  }

  /** A copy of the block's mask of weak bits; null for none. */
  copyBlock(block: number): Uint8Array | null {
    return this.weak[block]?.slice() ?? null;
  }

  /** Takes over `mask` for the block; null makes all its bits firm. */
  replaceBlock(block: number, mask: Uint8Array | null): void {
    if (this.weak[block] !== null) this.count--;
    if (mask !== null) this.count++;
    this.weak[block] = mask;
  }

  stick(address: number, mask: number, value: 0 | 1): void {
    this.stuck.push({ address, mask, value });
    this.count++;
  }

  /** Forces the stuck bits upon the cells. */
  force(cells: Uint8Array): void {
    for (const { address, mask, value } of this.stuck) {
      if (value === 1) cells[address] |= mask;
      else cells[address] &= ~mask;
    }
  }

  /** Lets weak bits read by chance. */
  disturb(address: number, into: Uint8Array, start: number, length: number, random: Prng): void {
    for (let i = 0; i < length; i++) {
      const mask = this.weak[(address + i) >>> 12]?.[(address + i) & 0xfff] ?? 0;
      if (mask !== 0) into[start + i] ^= random.next() & mask;
    }
  }
}
