/**
 * What updates may cost over time, whatever the network, the supply and the offers do. One record,
 * written before the cost arises. Time is uptime in ticks of five minutes: there is no clock.
 *
 * A pass is the permission to wear the slot once: each of its blocks is erased once by it, or a
 * trial is staged once more. There are five; one comes back in 8 h, and all of them with a confirm.
 * So there are at most 8 in a day and 3.7 a day over a week. The last one is for a release that is
 * newer than all that were begun.
 *
 * A release that did not get through waits. Setbacks are nobody's fault, strikes may be the
 * release's or the server's, cuts are the supply's. None of them condemns it.
 */
import { readU16 } from "../bytes.js";
import { type Attempt, type Costs, phases } from "../journal/records.js";
import { limits } from "../limits.js";
import type { Reason } from "../reasons.js";
import type { Release } from "../suit/manifest.js";
import type { AgentContext } from "./context.js";
import { setTimer, tryLog } from "./host.js";

const tickMs = 300_000;
/** Ticks are saved when the uptime has doubled, for a boot may end at any time; then hourly. */
const unsavedTicksMax = 12;
/** A download, three new trials, and an emergency; one more in 8 h. */
const passes = 5;
const passTicks = 96;
/** Boots that may go on at the same place of a download before one costs a pass. */
const resumesMax = 3;
/** An older release than one that was begun must be on offer for a day. */
const olderTicks = 288;
/** Ticks after the first setback, the second, and so on: 15 min to 4 h. */
const setbackTicks = Object.freeze([3, 6, 12, 24, 48]);
/** Setbacks before flash that goes on failing is left alone for a week. */
const setbacksMax = 8;
const wornTicks = 2016;
/** 1 h, 6 h, a day, a day, then 30 days. */
const strikeTicks = Object.freeze([12, 72, 288, 288, 8640]);
/** An authentic envelope within this time of a boot makes a suspected strike count. */
const suspicionMs = 1_800_000;
/** Trials that the supply ended: then one in 6 h, and after 16 of them one in 30 days. */
const cutTicks = 72;
const cutsMax = 16;
const shelfTicks = 8640;
/** An entry: 8 bytes of a manifest digest, then these offsets; `wait` has two, the rest is zero. */
const entryBytes = 16;
const prefixBytes = 8;
const setbacks = 8;
const strikes = 9;
const cuts = 10;
const flags = 11;
const wait = 12;
const place = 15;
/** The pass of this release is open: bytes that its progress counts are paid for. */
const isOpen = 1;
/** It is older than one that was begun, and was made to wait for that; it waits for it now. */
const isOlder = 4;
const waitsAsOlder = 8;

export class Ledger {
  private readonly context: AgentContext;
  private costs: Costs | null = null;
  /** Of this boot, and those that the record does not count yet. */
  private upTicks = 0;
  private unsavedTicks = 0;
  private isTicking = false;
  /** Rejected in this boot: the next authentic envelope shows whether that counts. */
  private suspect: Uint8Array | null = null;

  constructor(context: AgentContext) {
    this.context = context;
  }

  /** The costs as they stand: read once, and refilled when all that was begun is behind. */
  private read(): Costs {
    const journal = this.context.journal;
    const costs = this.costs ?? journal.read("ledger") ?? nothing();
    this.costs = costs;
    if (journal.sequenceFloor >= costs.highestBegun) {
      costs.spent = costs.ticks = costs.resumes = costs.airBlocks = 0;
    }
    return costs;
  }

  /** Throws what storage throws; then the record counts, and not what was in RAM. */
  private save(costs: Costs): void {
    this.costs = null;
    this.context.journal.write("ledger", costs);
    this.costs = costs;
    this.unsavedTicks = 0;
  }

  /** Where the entry of a release begins; -1 when it has none. */
  private find(manifestDigest: Uint8Array): number {
    const entries = this.read().entries;
    for (let at = 0; at < entries.length; at += entryBytes) {
      let same = 0;
      while (same < prefixBytes && entries[at + same] === manifestDigest[same]) same++;
      if (same === prefixBytes) return at;
    }
    return -1;
  }

  /** Where it begins; made when it is missing: the oldest one goes. */
  private entry(manifestDigest: Uint8Array): number {
    const at = this.find(manifestDigest);
    if (at >= 0) return at;
    const entries = this.read().entries;
    entries.copyWithin(entryBytes, 0);
    entries.fill(0, 0, entryBytes);
    entries.set(manifestDigest.subarray(0, prefixBytes));
    return 0;
  }

  /**
   * True when a pass is left, and bytes may be written once more. The last one is for what is newer
   * than all that was begun: the emergency.
   */
  hasPass(sequenceNumber: number): boolean {
    const costs = this.read();
    return costs.spent < (sequenceNumber > costs.highestBegun ? passes : passes - 1);
  }

  /** Uses a pass up for the release, and saves that; false when none is left. */
  private take(attempt: Attempt): boolean {
    if (!this.hasPass(attempt.sequenceNumber)) return false;
    const at = this.entry(attempt.manifestDigest);
    const costs = this.read();
    const entries = costs.entries;
    costs.spent++;
    costs.resumes = costs.airBlocks = 0;
    // Above the floor, whose own release may come again, or this would count as behind at once.
    const floor = this.context.journal.sequenceFloor;
    costs.highestBegun = Math.max(costs.highestBegun, attempt.sequenceNumber, floor + 1);
    // There is one slot: what another release has in it is written over.
    for (let i = flags; i < entries.length; i += entryBytes) entries[i] &= ~isOpen;
    entries[at + flags] |= isOpen;
    this.save(costs);
    return true;
  }

  /**
   * Why the release may not begin now, or its attempt go on after `writtenBytes`; "" when it may.
   * One that is older than what was begun is made to wait first: two that are offered in turn would
   * otherwise wear the slot.
   */
  hold(release: Release, isNew: boolean, writtenBytes: number): Reason | "" {
    const { manifestDigest, sequenceNumber } = release;
    const costs = this.read();
    const entries = costs.entries;
    let at = this.find(manifestDigest);
    const known = at < 0 ? 0 : entries[at + flags];
    if (at >= 0 && readU16(entries, at + wait) > 0) {
      return (known & waitsAsOlder) === 0 ? "retry-held" : "older-held";
    }
    const isBelow =
      sequenceNumber < costs.highestBegun && sequenceNumber > this.context.journal.sequenceFloor;
    if (isNew && isBelow && (known & isOlder) === 0) {
      // Saved with the next tick: many that are offered in turn would wear the journal.
      at = this.entry(manifestDigest);
      entries[at + flags] |= isOlder | waitsAsOlder;
      waits(entries, at, olderTicks);
      return "older-held";
    }
    const isElsewhere = entries[at + place] !== unitOf(writtenBytes);
    const isPaid = (known & isOpen) !== 0 && (isElsewhere || costs.resumes < resumesMax);
    return isPaid || this.hasPass(sequenceNumber) ? "" : "wear-held";
  }

  /**
   * Before the first erase of a boot, and of each download from the start. A boot that goes on at
   * the same place as the one before erases up to 64 KB again: each fourth one costs a pass. False
   * when none is left; throws what storage throws.
   */
  payForErase(attempt: Attempt, writtenBytes: number): boolean {
    const costs = this.read();
    const entries = costs.entries;
    const unit = unitOf(writtenBytes);
    const at = this.entry(attempt.manifestDigest);
    costs.resumes = entries[at + place] === unit ? costs.resumes + 1 : 1;
    entries[at + place] = unit;
    const isFree = (entries[at + flags] & isOpen) !== 0 && costs.resumes <= resumesMax;
    if (!isFree) return this.take(attempt);
    this.save(costs);
    return true;
  }

  /**
   * Before bytes are fetched a second time, because the server ignores ranges: as many as the image
   * has are free with each pass. False and throws as `payForErase`.
   */
  payForAir(attempt: Attempt, skippedBytes: number): boolean {
    const costs = this.read();
    const blocks = Math.ceil(skippedBytes / limits.workBufferBytes);
    const skipped = (costs.airBlocks + blocks - 1) * limits.workBufferBytes;
    if (skipped > attempt.imageSizeBytes && !this.take(attempt)) return false;
    costs.airBlocks += blocks;
    this.save(costs);
    return true;
  }

  /**
   * Before a trial: a download has paid for it, but not where the image lay in its slot already,
   * nor for another one. False and throws as `payForErase`.
   */
  payForTrial(attempt: Attempt, isAnother: boolean): boolean {
    const at = this.find(attempt.manifestDigest);
    const isPaid = !isAnother && at >= 0 && (this.read().entries[at + flags] & isOpen) !== 0;
    return isPaid || this.take(attempt);
  }

  /** Cuts of the supply in earlier trials of the release. */
  cutsOf(manifestDigest: Uint8Array): number {
    const at = this.find(manifestDigest);
    return at < 0 ? 0 : this.read().entries[at + cuts];
  }

  /** The bytes in the slot are forgotten: to write them again costs a pass. */
  damaged(attempt: Attempt): void {
    const costs = this.read();
    costs.entries[this.entry(attempt.manifestDigest) + flags] &= ~isOpen;
    this.save(costs);
  }

  /**
   * An attempt has failed for `reason`, which is not its release's own fault: when again? What else
   * an image on trial was rejected for may be its fault, the server's or the supply's.
   */
  failed(attempt: Attempt, reason: Reason | ""): void {
    const at = this.entry(attempt.manifestDigest);
    const costs = this.read();
    const entries = costs.entries;
    const isInFlash = attempt.phase !== phases.writing;
    entries[at + flags] &= ~waitsAsOlder;
    // What a download has left in the slot stays paid, as long as the journal knows of it.
    if (isInFlash || this.context.journal.progressOf(attempt.manifestDigest) === null) {
      entries[at + flags] &= ~isOpen;
    }
    if (reason === "power-unstable") {
      const count = Math.min(attempt.powerTrials + 1, 255);
      entries[at + cuts] = count;
      waits(entries, at, count < cutsMax ? cutTicks : shelfTicks);
    } else if (attempt.phase === phases.rejecting || reason === "brown-out") {
      this.suspect = attempt.manifestDigest;
      // Also where it will not count: the same trial at once would end as this one.
      waits(entries, at, strikeTicks[0]);
    } else {
      const count = raise(entries, at + setbacks);
      const isWorn = count > setbacksMax && (isInFlash || reason === "flash-failed");
      waits(entries, at, isWorn ? wornTicks : nth(setbackTicks, count));
    }
    this.save(costs);
  }

  /**
   * An authentic envelope came. Soon after the boot it shows that the trial before was alone in
   * having no server: that counts. Later both may have been cut off, and nothing counts.
   */
  reached(): void {
    const { suspect } = this;
    if (suspect === null) return;
    if (this.context.hal.timers.nowMs() <= suspicionMs) {
      const at = this.entry(suspect);
      const costs = this.read();
      const entries = costs.entries;
      waits(entries, at, nth(strikeTicks, raise(entries, at + strikes)));
      this.save(costs);
    }
    this.suspect = null;
  }

  /** Starts to count the uptime, unless that runs; a poll tries again where no timer can be set. */
  run(): void {
    if (this.isTicking) return;
    const due = (): void => {
      this.isTicking = false;
      this.run();
      try {
        this.tick();
      } catch {
        // Counted again from what was saved. No fault of the agent's: what it does now goes on.
        tryLog(this.context.hal, "ledger: a tick was not saved");
      }
    };
    try {
      setTimer(this.context.hal, due, tickMs);
    } catch {
      return;
    }
    this.isTicking = true;
  }

  /** A tick, while a pass comes back or a release waits. Not in a trial, whose time is its own. */
  private tick(): void {
    this.upTicks++;
    if (this.context.state === "trial") return;
    const costs = this.read();
    const entries = costs.entries;
    let isWaiting = costs.spent > 0;
    for (let at = 0; at < entries.length; at += entryBytes) {
      const ticks = readU16(entries, at + wait);
      if (ticks === 0) continue;
      waits(entries, at, ticks - 1);
      isWaiting = true;
    }
    if (!isWaiting) return;
    if (++costs.ticks >= passTicks) {
      costs.ticks = 0;
      if (costs.spent > 0) costs.spent--;
    }
    const unsaved = ++this.unsavedTicks;
    if (unsaved * 2 >= this.upTicks || unsaved >= unsavedTicksMax) this.save(costs);
  }
}

/** What updates have cost before the first one. */
function nothing(): Costs {
  const entries = new Uint8Array(4 * entryBytes);
  return { spent: 0, ticks: 0, resumes: 0, airBlocks: 0, highestBegun: 0, entries };
}

/** How far a download is, in units of progress. */
export function unitOf(offsetBytes: number): number {
  return Math.floor(offsetBytes / limits.progressBytes);
}

function waits(entries: Uint8Array, at: number, ticks: number): void {
  entries[at + wait] = ticks;
  entries[at + wait + 1] = ticks >> 8;
}

/** The counter, one higher. */
function raise(entries: Uint8Array, at: number): number {
  return entries[at] < 255 ? ++entries[at] : 255;
}

/** The wait after the `count`th time, from 1; the last one for all that follow. */
function nth(ticks: readonly number[], count: number): number {
  return ticks[Math.min(count, ticks.length) - 1];
}
