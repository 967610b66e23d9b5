/** The agent's journal over key-value storage; the records' layout is in journal/records.ts. */
import { equalBytes } from "../bytes.js";
import type { Hal } from "../hal.js";
import {
  type Attempt,
  type Confirmed,
  decodeAttempt,
  decodeConfirmed,
  decodeFailing,
  decodeKnownBad,
  decodeProgress,
  digestPrefix,
  encodeAttempt,
  encodeConfirmed,
  encodeFailing,
  encodeKnownBad,
  encodeProgress,
  type KnownBad,
  type Progress,
} from "../journal/records.js";
import { knownBadMax, recordBytesMax } from "../limits.js";

export class Journal {
  private readonly hal: Hal;
  private readonly buffer = new Uint8Array(recordBytesMax);
  attempt: Attempt | null = null;
  confirmed: Confirmed | null = null;
  bad: KnownBad = { sequenceBelow: 0, digests: [] };
  private progress: Progress | null = null;
  /** The floor as the "attempt" record has it, open or closed. */
  private floorCopy = 0;

  constructor(hal: Hal) {
    this.hal = hal;
  }

  /** Reads all records. A damaged record counts as absent and is told in the log. */
  load(): void {
    const attempt = this.lastAttempt();
    this.attempt = attempt?.closed === true ? null : attempt;
    this.floorCopy = attempt === null ? 0 : attempt.sequenceFloor;
    this.confirmed = this.read("confirmed", decodeConfirmed);
    this.progress = this.read("progress", decodeProgress);
    this.bad = this.read("bad", decodeKnownBad) ?? this.bad;
  }

  private read<T>(key: string, decode: (bytes: Uint8Array, length: number) => T | null): T | null {
    const length = this.hal.keyValue.read(key, this.buffer);
    if (length < 0) return null;
    const record = decode(this.buffer, length);
    if (record === null) this.hal.log(`journal: record "${key}" is damaged and ignored`);
    return record;
  }

  /** No release below it is installed (P4); both records have it, and one may be damaged. */
  get sequenceFloor(): number {
    const { confirmed, floorCopy } = this;
    return confirmed === null ? floorCopy : Math.max(confirmed.sequenceFloor, floorCopy);
  }

  /** The attempt under way, or the one that was closed last. Read anew: it is asked for rarely. */
  lastAttempt(): Attempt | null {
    return this.read("attempt", decodeAttempt);
  }

  /** Progress of the release with this manifest digest; null when there is none. */
  progressOf(manifestDigest: Uint8Array): Progress | null {
    const progress = this.progress;
    return progress !== null && equalBytes(progress.manifestDigest, manifestDigest)
      ? progress
      : null;
  }

  /** Each save throws what key-value storage throws; the old record then still stands. */
  saveAttempt(attempt: Attempt): void {
    attempt.sequenceFloor = this.sequenceFloor;
    this.hal.keyValue.write("attempt", this.buffer, encodeAttempt(attempt, this.buffer));
    this.attempt = attempt;
  }

  /** Its record stays: it knows an image that failed and is still in its slot, and the floor. */
  closeAttempt(): void {
    const attempt = this.attempt;
    if (attempt !== null) this.saveAttempt({ ...attempt, closed: true });
    this.attempt = null;
  }

  saveConfirmed(confirmed: Confirmed): void {
    this.hal.keyValue.write("confirmed", this.buffer, encodeConfirmed(confirmed, this.buffer));
    this.confirmed = confirmed;
  }

  /** The confirmed image is lost. The floor stays; the release that set it may come again. */
  forgetConfirmed(): void {
    this.saveConfirmed({
      slot: -1,
      previousSlot: -1,
      imageSizeBytes: 0,
      previousSizeBytes: 0,
      sequenceFloor: this.sequenceFloor,
      manifestDigest: new Uint8Array(32),
      imageDigest: new Uint8Array(32),
      identity: new Uint8Array(32),
      previousIdentity: new Uint8Array(32),
    });
  }

  saveProgress(progress: Progress): void {
    this.hal.keyValue.write("progress", this.buffer, encodeProgress(progress, this.buffer));
    this.progress = progress;
  }

  /** Forgets the progress in RAM and, when there is a record, in storage. */
  clearProgress(): void {
    if (this.progress === null) return;
    this.hal.keyValue.delete("progress");
    this.progress = null;
  }

  /** Remembers a failed release; the oldest digest makes room and raises `sequenceBelow`. */
  rememberBad(manifestDigest: Uint8Array, sequenceNumber: number): void {
    const prefix = digestPrefix(manifestDigest);
    const digests = this.bad.digests.filter((known) => !equalBytes(known, prefix));
    let sequenceBelow = this.bad.sequenceBelow;
    if (digests.length >= knownBadMax) {
      digests.shift();
      // Its own number is not kept; all releases up to the newest failed one count as tried.
      sequenceBelow = Math.max(sequenceBelow, sequenceNumber);
    }
    digests.push(prefix);
    const bad = { sequenceBelow, digests };
    this.hal.keyValue.write("bad", this.buffer, encodeKnownBad(bad, this.buffer));
    this.bad = bad;
  }

  /**
   * Counts an attempt that failed for another reason than the release itself, and returns the
   * count. Only the newest failing release is counted. Read here and not in `load`: it is rarely
   * there.
   */
  countFailure(manifestDigest: Uint8Array): number {
    const digest = digestPrefix(manifestDigest);
    const known = this.read("failing", decodeFailing);
    const before = known !== null && equalBytes(known.digest, digest) ? known.count : 0;
    const failing = { count: Math.min(before + 1, 255), digest };
    this.hal.keyValue.write("failing", this.buffer, encodeFailing(failing, this.buffer));
    return failing.count;
  }
}
