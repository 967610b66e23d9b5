/**
 * A simulated NOR flash chip.
 *
 * THE FAULT MODEL
 *
 * Erasing sets a block of 4096 bytes to FF; programming only clears bits. Both may be interrupted
 * by the supply, before, inside or after the operation (tear.ts):
 * - a torn program has cleared some of the bits that it was to clear: a prefix of its bytes, or a
 *   random subset of the bits in any order, for cells of one page charge in parallel;
 * - a torn erase has set some of the bits that it was to set: none, those of a prefix of the block,
 *   or a random subset;
 * - bits caught half way may be WEAK: they read differently from read to read, until their block is
 *   erased again or they are programmed to 0.
 * Hence after a cut each bit is what it was or what it was to become, or weak between the two; bits
 * that the operation was not to change keep their value; other blocks are never touched.
 * Without any cut the chip itself may fail: bits stuck at 0 or at 1 in chosen addresses, bits that
 * rot (flip once), and an operation that reports success though its effect is that of a tear.
 *
 * Not modelled: reads disturbing neighbours, wear making blocks slower or bad, a cut that harms a
 * block other than the one in work, brown-out corrupting the data of the bus before it is written.
 *
 * Calls that no real driver makes (out of range, misaligned, programming a 0 to 1) are errors of
 * the programmer: they throw FlashMisuse, however harmless the chip would find them.
 */

import { BadBits } from "./bad-bits.js";
import type { Power } from "./power.js";
import { Prng } from "./prng.js";
import { reachedBits, type Tear } from "./tear.js";

export const blockBytes = 4096;
const blockWords = blockBytes / 4;

/** A call that is wrong in itself; never caught by a product that is right. */
export class FlashMisuse extends Error {
  override get name(): string {
    return "FlashMisuse";
  }
}

/** One block as it was; shared between snapshots, never changed. */
interface SavedBlock {
  readonly bytes: Uint8Array;
  readonly erases: number;
  readonly programs: number;
  /** Mask of weak bits, null for none. */
  readonly weak: Uint8Array | null;
}

/** State of a whole chip. Opaque; holds blocks in common with other snapshots. */
export interface FlashSnapshot {
  readonly blocks: readonly SavedBlock[];
  readonly chance: number;
  /** True after a fault that reported success: software may then program over what is there. */
  readonly deceived: boolean;
}

export interface FlashOptions {
  readonly power: Power;
  /** A multiple of 4096. */
  readonly sizeBytes: number;
  /** Unit of addresses and lengths of `write`; default 4, stricter than the chip. */
  readonly writeAlignBytes?: number;
  /** Seed of weak reads; default 0. */
  readonly seed?: number;
}

export class Flash {
  readonly sizeBytes: number;
  /** The cells. Read at will; change only through `load`, `rot` and the flash operations. */
  readonly bytes: Uint8Array;
  /** Per block: erases and programs begun. */
  readonly erases: Uint32Array;
  readonly programs: Uint32Array;

  private readonly power: Power;
  private readonly alignMask: number;
  /** Signed, for unsigned words above 2^31 leave the engines' small integers. */
  private readonly words: Int32Array;
  private readonly chance: Prng;
  private readonly bad: BadBits;
  /** Blocks that differ from `saved`, as flags and as a list. */
  private readonly dirty: Uint8Array;
  private readonly dirtyList: Uint32Array;
  private dirtyCount = 0;
  private saved: readonly SavedBlock[] | null = null;
  /** After a fault that reported success, software cannot know what it programs over. */
  private deceived = false;
  /** Word view of the buffer last written from: spares one view per write. */
  private sourceBuffer: ArrayBufferLike | null = null;
  private sourceWords: Int32Array;

  constructor(options: FlashOptions) {
    const { sizeBytes } = options;
    if (sizeBytes <= 0 || sizeBytes % blockBytes !== 0) {
      throw new RangeError("flash size must be a multiple of 4096");
    }
    const blocks = sizeBytes / blockBytes;
    this.sizeBytes = sizeBytes;
    this.power = options.power;
    this.alignMask = (options.writeAlignBytes ?? 4) - 1;
    this.bytes = new Uint8Array(sizeBytes).fill(0xff);
    this.words = new Int32Array(this.bytes.buffer);
    this.sourceWords = this.words;
    this.erases = new Uint32Array(blocks);
    this.programs = new Uint32Array(blocks);
    this.chance = new Prng(options.seed ?? 0);
    this.bad = new BadBits(blocks);
    this.dirty = new Uint8Array(blocks);
    this.dirtyList = new Uint32Array(blocks);
  }

  /** Fills `into[start, start + length)` from `address`. */
  read(address: number, into: Uint8Array, start: number, length: number): void {
    this.power.check();
    this.range("read", address, length);
    if (start < 0 || start + length > into.length) throw new FlashMisuse("read past the buffer");
    into.set(this.bytes.subarray(address, address + length), start);
    if (this.bad.count > 0) this.bad.disturb(address, into, start, length, this.chance);
  }

  /** Programs `from[start, start + length)`; bits can only be cleared. One operation. */
  write(address: number, from: Uint8Array, start: number, length: number): void {
    this.power.check();
    this.range("write", address, length);
    if (((address | length) & this.alignMask) !== 0) throw new FlashMisuse("misaligned write");
    if (start < 0 || start + length > from.length) throw new FlashMisuse("write past the buffer");
    if (length === 0) return;
    const tear = this.power.begin("program");
    const last = (address + length - 1) >>> 12;
    for (let block = address >>> 12; block <= last; block++) {
      this.touch(block);
      this.programs[block]++;
    }
    if (tear !== null && !this.power.cutsSupply) this.deceived = true;
    if (tear === null && this.bad.count === 0) {
      const clears = this.programFast(address, from, start, length);
      if (!clears && !this.deceived) throw setsBits(address, length);
      return;
    }
    this.programSlow(address, from, start, length, tear);
    if (tear !== null) this.power.fail();
  }

  /** Sets the block at `address` to FF. One operation. */
  eraseBlock(address: number): void {
    this.power.check();
    if (address % blockBytes !== 0) throw new FlashMisuse(`erase of misaligned ${address}`);
    this.range("erase", address, blockBytes);
    const tear = this.power.begin("erase");
    const block = address / blockBytes;
    this.touch(block);
    this.erases[block]++;
    if (tear !== null) {
      if (!this.power.cutsSupply) this.deceived = true;
      const erased = new Uint8Array(blockBytes).fill(0xff);
      this.tear(address, erased, erased, tear);
    } else {
      this.words.fill(-1, block * blockWords, (block + 1) * blockWords);
      this.bad.replaceBlock(block, null);
    }
    this.bad.force(this.bytes);
    if (tear !== null) this.power.fail();
  }

  /** Puts bytes into the cells as a factory programmer would: no rules, no wear, no operation. */
  load(address: number, bytes: Uint8Array): void {
    this.range("load", address, bytes.length);
    this.touchRange(address, bytes.length);
    this.bytes.set(bytes, address);
  }

  /** Flips the bits of `mask` in one byte, once: bit rot. */
  rot(address: number, mask: number): void {
    this.range("rot", address, 1);
    this.touch(address >>> 12);
    this.bytes[address] ^= mask;
  }

  /** From now on the bits of `mask` in one byte read `value`, whatever is done to them. */
  stick(address: number, mask: number, value: 0 | 1): void {
    this.range("stick", address, 1);
    this.touch(address >>> 12);
    this.bad.stick(address, mask, value);
    this.bad.force(this.bytes);
  }

  /** Keeps the state of the chip. Costs a copy of the blocks that changed since the last one. */
  snapshot(): FlashSnapshot {
    const blocks = this.saved === null ? [] : this.saved.slice();
    const all = this.saved === null;
    const count = all ? this.dirty.length : this.dirtyCount;
    for (let i = 0; i < count; i++) {
      const block = all ? i : this.dirtyList[i];
      blocks[block] = {
        bytes: this.bytes.slice(block * blockBytes, (block + 1) * blockBytes),
        erases: this.erases[block],
        programs: this.programs[block],
        weak: this.bad.copyBlock(block),
      };
    }
    this.saved = blocks;
    this.clean();
    return { blocks, chance: this.chance.state, deceived: this.deceived };
  }

  /** Goes back to a snapshot of this chip, wear included; copies the blocks that differ. */
  restore(snapshot: FlashSnapshot): void {
    const same = this.saved === snapshot.blocks;
    const count = same ? this.dirtyCount : snapshot.blocks.length;
    for (let i = 0; i < count; i++) {
      const block = same ? this.dirtyList[i] : i;
      const saved = snapshot.blocks[block];
      if (!same && this.dirty[block] === 0 && this.saved?.[block] === saved) continue;
      this.bytes.set(saved.bytes, block * blockBytes);
      this.erases[block] = saved.erases;
      this.programs[block] = saved.programs;
      this.bad.replaceBlock(block, saved.weak?.slice() ?? null);
    }
    this.saved = snapshot.blocks;
    this.clean();
    this.chance.state = snapshot.chance;
    this.deceived = snapshot.deceived;
    this.bad.force(this.bytes);
  }

  private range(what: string, address: number, length: number): void {
    if (!(address >= 0 && length >= 0 && address + length <= this.sizeBytes)) {
      throw new FlashMisuse(`${what} of ${length} bytes at ${address} is outside the flash`);
    }
  }

  private touch(block: number): void {
    if (this.dirty[block] !== 0) return;
    this.dirty[block] = 1;
    this.dirtyList[this.dirtyCount++] = block;
  }

  private touchRange(address: number, length: number): void {
    if (length === 0) return;
    const last = (address + length - 1) >>> 12;
    for (let block = address >>> 12; block <= last; block++) this.touch(block);
  }

  private clean(): void {
    for (let i = 0; i < this.dirtyCount; i++) this.dirty[this.dirtyList[i]] = 0;
    this.dirtyCount = 0;
  }

  /** Clears bits; false when a 0 was to become 1: the cells are then undefined. */
  private programFast(address: number, from: Uint8Array, start: number, length: number): boolean {
    const source = from.byteOffset + start;
    let wrong = 0;
    if (((address | source | length) & 3) === 0) {
      const words = this.words;
      const input = this.wordsOf(from);
      const offset = (source >>> 2) - (address >>> 2);
      const end = (address + length) >>> 2;
      for (let i = address >>> 2; i < end; i++) {
        const value = input[i + offset];
        wrong |= value & ~words[i];
        words[i] &= value;
      }
      return wrong === 0;
    }
    const bytes = this.bytes;
    for (let i = 0; i < length; i++) {
      const value = from[start + i];
      wrong |= value & ~bytes[address + i];
      bytes[address + i] &= value;
    }
    return wrong === 0;
  }

  private wordsOf(from: Uint8Array): Int32Array {
    if (this.sourceBuffer !== from.buffer) {
      this.sourceBuffer = from.buffer;
      this.sourceWords = new Int32Array(from.buffer, 0, from.buffer.byteLength >>> 2);
    }
    return this.sourceWords;
  }

  private programSlow(
    address: number,
    from: Uint8Array,
    start: number,
    length: number,
    tear: Tear | null,
  ): void {
    const next = new Uint8Array(length);
    const driven = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const value = from[start + i];
      const old = this.bytes[address + i];
      // Software cannot know a weak or stuck bit: only firm zeros are the programmer's error.
      const known = this.deceived ? 0 : ~this.bad.unsure(address + i);
      if ((value & ~old & known) !== 0) throw setsBits(address, length);
      next[i] = old & value;
      driven[i] = ~value;
    }
    this.tear(address, next, driven, tear ?? { kind: "after" });
    this.bad.force(this.bytes);
  }

  /**
   * Moves the cells from what they are towards `next`, as far as the tear says. `driven` has the
   * bits that the operation works on: those it reaches are firm afterwards, or newly weak.
   */
  private tear(address: number, next: Uint8Array, driven: Uint8Array, tear: Tear): void {
    if (tear.kind === "before") return;
    if (this.bad.count === 0 && (tear.kind === "prefix" || tear.kind === "after")) {
      const reached = tear.kind === "after" ? next : next.subarray(0, tear.bytes);
      this.bytes.set(reached, address);
      return;
    }
    const weak = tear.kind === "weak";
    const random = new Prng(weak || tear.kind === "bits" ? tear.seed : 0);
    for (let i = 0; i < next.length; i++) {
      const at = address + i;
      const old = this.bytes[at];
      const reached = reachedBits(tear, i, random);
      const moved = (old ^ next[i]) & reached;
      if (!weak) this.bytes[at] = old ^ moved;
      this.bad.mark(at, weak ? 0 : reached & driven[i], weak ? moved : 0);
    }
  }
}

function setsBits(address: number, length: number): FlashMisuse {
  return new FlashMisuse(`program of ${length} bytes at ${address} sets bits: erase first`);
}
