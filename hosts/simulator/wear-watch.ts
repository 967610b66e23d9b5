/**
 * P9 over time, seen from outside: what a device costs its flash, its server and its user in any
 * day and any week, whatever the network and the offers are. Fed by a simulation; says once for
 * each bound that it was exceeded, and by what.
 */
import type { Partition } from "../../src/boot/partitions.js";
import { blockBytes } from "./flash.js";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const weekMs = 7 * dayMs;

/** The most that is allowed; "pass" is permission to wear the slot once. */
export interface WearBounds {
  /** Erases of each block of a slot. */
  readonly erasesPerDay: number;
  readonly erasesPerWeek: number;
  /** Erases of each sector of the boot record: a pass stages, starts and ends a trial. */
  readonly recordErasesPerDay: number;
  readonly recordErasesPerWeek: number;
  /** Passes without a confirm, and those that a confirm gives back. */
  readonly passesPerDay: number;
  readonly passesPerWeek: number;
  readonly passesPerConfirm: number;
  /** Payload of a pass, in images of the largest size. */
  readonly imagesPerPass: number;
  /** Changes of the agent's own keys: for each pass, for each 64 KB of image, and for time. */
  readonly writesPerPass: number;
  readonly writesPerDay: number;
  readonly requestsPerDay: number;
  readonly reportsPerDay: number;
  readonly verificationsPerHour: number;
}

/**
 * Flash: at most 8 erases of a block in any day and 4 a day over a week. Passes: 8 in any day, 3.7
 * a day over a week. Requests are those of a device that polls every minute;
 * signatures are 32 in an hour by the clock, which may be a few more in any hour.
 */
export const usualWear: WearBounds = Object.freeze({
  erasesPerDay: 8,
  erasesPerWeek: 28,
  recordErasesPerDay: 24,
  recordErasesPerWeek: 84,
  passesPerDay: 8,
  passesPerWeek: 26,
  passesPerConfirm: 5,
  imagesPerPass: 2,
  writesPerPass: 8,
  writesPerDay: 24,
  requestsPerDay: 3000,
  reportsPerDay: 100,
  verificationsPerHour: 40,
});

/** A sum over the last `spanMs`, to a hundredth of it: never of more than that. */
class Rolling {
  readonly #bucketMs: number;
  readonly #buckets: { index: number; sum: number }[] = [];
  #first = 0;
  #sum = 0;

  constructor(spanMs: number) {
    this.#bucketMs = spanMs / 100;
  }

  /** The sum with `amount` in it. */
  add(nowMs: number, amount: number): number {
    const index = Math.floor(nowMs / this.#bucketMs);
    const last = this.#buckets.at(-1);
    if (last?.index === index) last.sum += amount;
    else this.#buckets.push({ index, sum: amount });
    this.#sum += amount;
    while (this.#buckets[this.#first].index <= index - 100) {
      this.#sum -= this.#buckets[this.#first++].sum;
    }
    if (this.#first > 1000) {
      this.#buckets.splice(0, this.#first);
      this.#first = 0;
    }
    return this.#sum;
  }
}

export class WearWatch {
  readonly #bounds: WearBounds;
  readonly #partitions: readonly Partition[];
  readonly #nowMs: () => number;
  readonly #told = new Set<string>();
  /** Erases of each block: when, in the last week. */
  readonly #erases = new Map<number, number[]>();
  readonly #confirmsDay = new Rolling(dayMs);
  readonly #confirmsWeek = new Rolling(weekMs);
  readonly #payloadDay = new Rolling(dayMs);
  readonly #payloadWeek = new Rolling(weekMs);
  readonly #writes = new Rolling(dayMs);
  readonly #requests = new Rolling(dayMs);
  readonly #reports = new Rolling(dayMs);
  readonly #verifications = new Rolling(hourMs);
  /** Called once for each bound that was exceeded. */
  onExceeded: ((text: string) => void) | null = null;
  /** The largest image that was ever released. */
  imageBytes = 0;
  /** The most that was seen, for tables. */
  readonly most = {
    erasesPerDay: 0,
    erasesPerWeek: 0,
    recordErasesPerDay: 0,
    recordErasesPerWeek: 0,
    payloadBytesPerDay: 0,
    payloadBytesPerWeek: 0,
    writesPerDay: 0,
    requestsPerDay: 0,
    reportsPerDay: 0,
    verificationsPerHour: 0,
  };

  constructor(
    partitions: readonly Partition[],
    nowMs: () => number,
    bounds: Partial<WearBounds> = {},
  ) {
    this.#bounds = { ...usualWear, ...bounds };
    this.#partitions = partitions;
    this.#nowMs = nowMs;
  }

  /** A block is erased, by the app or the bootloader. */
  erased(address: number): void {
    const nowMs = this.#nowMs();
    const block = address / blockBytes;
    let times = this.#erases.get(block);
    if (times === undefined) {
      times = [];
      this.#erases.set(block, times);
    }
    times.push(nowMs);
    while (times[0] <= nowMs - weekMs) times.shift();
    let day = 0;
    while (day < times.length && times[times.length - 1 - day] > nowMs - dayMs) day++;
    const partition = this.#partitions.find(
      ({ offset, sizeBytes }) => address >= offset && address < offset + sizeBytes,
    );
    const index = block - (partition?.offset ?? 0) / blockBytes;
    const name = `erases of block ${index} of ${partition?.label ?? "no partition"}`;
    const isRecord = partition?.label === "otadata";
    const { erasesPerDay, erasesPerWeek, recordErasesPerDay, recordErasesPerWeek } = this.#bounds;
    const [days, weeks] = isRecord
      ? [recordErasesPerDay, recordErasesPerWeek]
      : [erasesPerDay, erasesPerWeek];
    // What a confirm gives back may be spent again: three erases of the record for each pass.
    const scale = isRecord ? 3 : 1;
    this.#judge(
      isRecord ? "recordErasesPerDay" : "erasesPerDay",
      name,
      "24 h",
      day,
      days + scale * this.#given(this.#confirmsDay),
    );
    this.#judge(
      isRecord ? "recordErasesPerWeek" : "erasesPerWeek",
      name,
      "7 days",
      times.length,
      weeks + scale * this.#given(this.#confirmsWeek),
    );
  }

  /** A key of the agent's own domain was written or deleted. */
  journalChanged(): void {
    const { writesPerDay, writesPerPass } = this.#bounds;
    const perPass = writesPerPass + Math.ceil(this.imageBytes / 65_536);
    this.#count(
      "writesPerDay",
      "journal writes",
      "24 h",
      this.#writes,
      1,
      writesPerDay + perPass * this.#passesDay(),
    );
  }

  /** Bytes of a payload were read from the network, or skipped. */
  payloadRead(bytes: number): void {
    const { passesPerWeek, imagesPerPass } = this.#bounds;
    const perPass = imagesPerPass * this.imageBytes;
    this.#count(
      "payloadBytesPerDay",
      "bytes of payload",
      "24 h",
      this.#payloadDay,
      bytes,
      perPass * this.#passesDay(),
    );
    this.#count(
      "payloadBytesPerWeek",
      "bytes of payload",
      "7 days",
      this.#payloadWeek,
      bytes,
      perPass * (passesPerWeek + this.#given(this.#confirmsWeek)),
    );
  }

  requested(isReport: boolean): void {
    const { requestsPerDay, reportsPerDay } = this.#bounds;
    this.#count("requestsPerDay", "requests", "24 h", this.#requests, 1, requestsPerDay);
    if (!isReport) return;
    this.#count("reportsPerDay", "reports", "24 h", this.#reports, 1, reportsPerDay);
  }

  /** A signature was checked, right or wrong. */
  verified(): void {
    const limit = this.#bounds.verificationsPerHour;
    const name = "signature checks";
    this.#count("verificationsPerHour", name, "an hour", this.#verifications, 1, limit);
  }

  /** An image was confirmed: that pays for what it cost. */
  confirmed(): void {
    const nowMs = this.#nowMs();
    this.#confirmsDay.add(nowMs, 1);
    this.#confirmsWeek.add(nowMs, 1);
  }

  #given(confirms: Rolling): number {
    return this.#bounds.passesPerConfirm * confirms.add(this.#nowMs(), 0);
  }

  #passesDay(): number {
    return this.#bounds.passesPerDay + this.#given(this.#confirmsDay);
  }

  #count(
    key: keyof WearWatch["most"],
    name: string,
    span: string,
    rolling: Rolling,
    amount: number,
    limit: number,
  ): void {
    this.#judge(key, name, span, rolling.add(this.#nowMs(), amount), limit);
  }

  #judge(
    key: keyof WearWatch["most"],
    name: string,
    span: string,
    sum: number,
    limit: number,
  ): void {
    this.most[key] = Math.max(this.most[key], sum);
    if (sum <= limit || this.#told.has(key)) return;
    this.#told.add(key);
    this.onExceeded?.(`${sum} ${name} within ${span}, ${limit} are allowed`);
  }
}
