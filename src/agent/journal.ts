/** The agent's journal over key-value storage; the records' layout is in journal/formats.ts. */
import { equalBytes } from "../bytes.js";
import type { Hal } from "../hal.js";
import {
  type Attempt,
  type Confirmed,
  decodeRecord,
  digestPrefix,
  emptyAttempt,
  emptyConfirmed,
  encodeRecord,
  type KnownBad,
  type Phase,
  type Progress,
  type Records,
  type Result,
} from "../journal/records.js";
import { limits } from "../limits.js";
import type { Reason } from "../reasons.js";

export class Journal {
  private readonly hal: Hal;
  private readonly buffer = new Uint8Array(limits.recordBytesMax);
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
    this.floorCopy = attempt?.sequenceFloor ?? 0;
    this.confirmed = this.read("confirmed");
    this.progress = this.read("progress");
    this.bad = this.read("bad") ?? this.bad;
  }

  /** A record; null when it is absent or damaged. */
  read<K extends keyof Records>(key: K): Records[K] | null {
    const length = this.hal.keyValue.read(key, this.buffer);
    if (length < 0) return null;
    const record = decodeRecord(key, this.buffer, length);
    if (record === null) this.hal.log(`journal: record "${key}" is damaged and ignored`);
    return record;
  }

  /** Throws what key-value storage throws; the old record then still stands. */
  write<K extends keyof Records>(key: K, record: Records[K]): void {
    this.hal.keyValue.write(key, this.buffer, encodeRecord(key, record, this.buffer));
  }

  /** No release below it is installed (P4); both records have it, and one may be damaged. */
  get sequenceFloor(): number {
    return Math.max(this.confirmed?.sequenceFloor ?? 0, this.floorCopy);
  }

  /** The attempt under way, or the one that was closed last. Read anew: it is asked for rarely. */
  lastAttempt(): Attempt | null {
    return this.read("attempt");
  }

  /** Progress of the release with this manifest digest; null when there is none. */
  progressOf(manifestDigest: Uint8Array): Progress | null {
    const progress = this.progress;
    return progress !== null && equalBytes(progress.manifestDigest, manifestDigest)
      ? progress
      : null;
  }

  /** The attempt that must be under way. Throws when there is none: a fault of the agent. */
  get underWay(): Attempt {
    if (this.attempt === null) throw new Error("no attempt in the journal");
    return this.attempt;
  }

  /** An attempt in its first phase at the image of a release or of a slot. */
  newAttempt(
    image: Pick<Attempt, "imageSizeBytes" | "manifestDigest" | "imageDigest">,
    slot: number,
    sequenceNumber: number,
  ): Attempt {
    const attempt = emptyAttempt(this.newReportId());
    attempt.slot = slot;
    attempt.sequenceNumber = sequenceNumber;
    attempt.imageSizeBytes = image.imageSizeBytes;
    attempt.manifestDigest = image.manifestDigest;
    attempt.imageDigest = image.imageDigest;
    return attempt;
  }

  /** Eight random bytes that name one report. */
  newReportId(): Uint8Array {
    const reportId = new Uint8Array(8);
    this.hal.entropy(reportId);
    return reportId;
  }

  /** True for an attempt whose image is recorded as the confirmed one: it was good once. */
  isConfirmed(attempt: Attempt): boolean {
    const confirmed = this.confirmed;
    if (confirmed === null || confirmed.slot !== attempt.slot) return false;
    return equalBytes(confirmed.manifestDigest, attempt.manifestDigest);
  }

  /** Saves the attempt with a new phase; nothing is written when it has that phase and reason. */
  enterPhase(phase: Phase, reason: Reason | ""): void {
    const attempt = this.underWay;
    if (attempt.phase !== phase || attempt.reason !== reason) this.saveChanged({ phase, reason });
  }

  /** Saves the attempt under way with these fields changed. */
  saveChanged(fields: Partial<Attempt>): void {
    this.saveAttempt({ ...this.underWay, ...fields });
  }

  /** Each save throws what key-value storage throws; the old record then still stands. */
  saveAttempt(attempt: Attempt): void {
    attempt.sequenceFloor = this.sequenceFloor;
    this.write("attempt", attempt);
    this.attempt = attempt;
  }

  /** Its record stays: it knows an image that failed and is still in its slot, and the floor. */
  closeAttempt(): void {
    if (this.attempt !== null) this.saveChanged({ closed: true });
    this.attempt = null;
  }

  saveConfirmed(confirmed: Confirmed): void {
    this.write("confirmed", confirmed);
    this.confirmed = confirmed;
  }

  /** The confirmed image is lost. The floor stays; the release that set it may come again. */
  forgetConfirmed(): void {
    const lost = emptyConfirmed();
    lost.slot = lost.previousSlot = -1;
    lost.sequenceFloor = this.sequenceFloor;
    this.saveConfirmed(lost);
  }

  saveProgress(progress: Progress): void {
    this.write("progress", progress);
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
    if (digests.length >= limits.knownBadMax) {
      digests.shift();
      // Its own number is not kept; all releases up to the newest failed one count as tried.
      sequenceBelow = Math.max(sequenceBelow, sequenceNumber);
    }
    digests.push(prefix);
    const bad = { sequenceBelow, digests };
    this.write("bad", bad);
    this.bad = bad;
  }

  /**
   * Keeps the result of the attempt for later: the next attempt may begin before it is told. One
   * that is kept already is lost, and counted.
   */
  keepResult(old: Result | null): Result {
    const attempt = this.underWay;
    let lost = old?.lost ?? 0;
    if (old !== null && lost < 255 && !equalBytes(old.reportId, attempt.reportId)) lost++;
    const result = {
      phase: attempt.phase,
      tries: 0,
      lost,
      reportId: attempt.reportId,
      sequenceNumber: attempt.sequenceNumber,
      manifestDigest: attempt.manifestDigest,
      reason: attempt.reason,
    };
    this.write("result", result);
    return result;
  }
}
