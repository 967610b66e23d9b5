/** The download against a slot and a connection that the test holds, in pieces of any size. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/agent/device.js";
import { Download, type DownloadEnd } from "../../src/agent/download.js";
import type { Hal, HttpReceiver, HttpRequest, HttpRequestOptions } from "../../src/hal.js";
import type { Progress } from "../../src/journal/records.js";
import type { Reason } from "../../src/reasons.js";
import type { Release } from "../../src/suit/manifest.js";
import { imageOf } from "../helpers/images.js";
import { seed } from "../helpers/seed.js";

const test = suite("agent/download");

const blockBytes = 4096;
const head = imageOf("ok").slice(0, 24);

/** `sizeBytes` that begin as an image does. */
function imageBytes(sizeBytes: number): Uint8Array {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 31) & 0xff);
  bytes.set(head);
  return bytes;
}

/** A device with one slot, and what the download does to it. */
class Rig {
  readonly slot: Uint8Array;
  readonly erased: number[] = [];
  readonly saved: Progress[] = [];
  readonly ends: string[] = [];
  setFails = false;
  readonly paid: string[] = [];
  mayPay = true;
  forgotten = 0;
  receiver: HttpReceiver | null = null;
  options: HttpRequestOptions | null = null;
  readonly #image: Uint8Array;
  #sent = 0;
  #ready = 0;
  #closed = false;
  #timers: (() => void)[] = [];

  constructor(
    image: Uint8Array,
    resume: Progress | null,
    sizeBytes = image.length,
    isWhole = false,
  ) {
    this.#image = image;
    this.slot = new Uint8Array(Math.ceil(image.length / blockBytes) * blockBytes);
    const release = { imageSizeBytes: sizeBytes, manifestDigest: new Uint8Array(32) };
    const hal = this.#hal() as unknown as Hal;
    const device: Device = { runningSlot: 0, targetSlot: 1, targetSizeBytes: sizeBytes, chipId: 0 };
    const context = { hal, device, buffer: new Uint8Array(blockBytes) };
    new Download(context, release as Release, 1, resume, {
      erasing: (offset) => this.#pays(`erase ${offset}`),
      skipping: (bytes) => this.#pays(`skip ${bytes}`),
      progressed: (progress) => this.saved.push(progress),
      ended: (end: DownloadEnd, reason: Reason | "") => this.ends.push(`${end} ${reason}`),
    }).start({ scheme: "http", hostname: "h", port: 80, path: "/" }, new Map(), 1000, isWhole);
    this.runTimers();
  }

  #pays(what: string): boolean {
    this.paid.push(what);
    return this.mayPay;
  }

  #hal(): object {
    return {
      boot: {
        openSlot: () => ({
          status: () => ({ size: this.slot.length, blockLength: blockBytes }),
          read: () => assert.unreachable("nothing is read back here"),
          write: (from: Uint8Array, offset: number) => {
            assert.is((offset | from.length) & 15, 0, "the write unit");
            assert.ok(this.slot.subarray(offset, offset + from.length).every((at) => at === 0xff));
            this.slot.set(from, offset);
          },
          eraseBlock: (block: number) => {
            this.erased.push(block);
            this.slot.fill(0xff, block * blockBytes, (block + 1) * blockBytes);
          },
        }),
        forget: () => this.forgotten++,
      },
      http: {
        request: (options: HttpRequestOptions, receiver: HttpReceiver): HttpRequest => {
          this.options = options;
          this.receiver = receiver;
          return this.request;
        },
      },
      timers: {
        nowMs: () => 0,
        set: (callback: () => void, delayMs: number) => {
          if (this.setFails) throw new Error("add failed");
          if (delayMs === 0) this.#timers.push(callback);
          return 1;
        },
        clear: () => undefined,
      },
    };
  }

  readonly request: HttpRequest = {
    read: (into) => {
      const count = Math.min(into.length, this.#ready);
      into.set(this.#image.subarray(this.#sent, this.#sent + count));
      this.#sent += count;
      this.#ready -= count;
      return count;
    },
    close: () => {
      this.#closed = true;
    },
  };

  runTimers(): void {
    while (this.#timers.length > 0) this.#timers.shift()?.();
  }

  /** So many bytes more can be read. */
  arrives(countBytes: number): void {
    this.#ready += countBytes;
    this.receiver?.dataReadable(this.request, this.#ready);
  }

  /**
   * The answer begins at `from`; then its bytes come in `pieces`, again and again. When `isBusy`,
   * two pieces come in each turn of the event loop.
   */
  answer(
    status: number,
    headers: [string, string][],
    from: number,
    pieces: number[],
    isBusy = false,
  ): void {
    this.#sent = from;
    this.receiver?.headersReceived(this.request, status, new Map(headers));
    let left = this.#image.length - from;
    for (let i = 0; left > 0 && !this.#closed; i++) {
      const count = Math.min(left, pieces[i % pieces.length]);
      left -= count;
      this.arrives(count);
      if (isBusy && i % 2 === 0 && left > 0) continue;
      this.runTimers();
      assert.ok(this.#ready === 0 || this.#closed, "all that is readable is taken");
    }
    this.receiver?.ended(this.request, false);
    this.runTimers();
  }
}

/** What the slot holds once `image` is in it: the held head and the padding are erased. */
function expected(image: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(image.length / blockBytes) * blockBytes).fill(0xff);
  bytes.set(image);
  return bytes.fill(0xff, 0, 16);
}

const sizes = fc.integer({ min: 80, max: 200_000 });
const pieces = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 8 });

test(`whatever the pieces, the slot holds the image, each block erased once (SEED=${seed})`, () => {
  fc.assert(
    fc.property(sizes, pieces, fc.boolean(), (size, sent, isBusy) => {
      const image = imageBytes(size);
      const rig = new Rig(image, null);
      rig.answer(200, [["content-length", `${size}`]], 0, sent, isBusy);
      const blocks = Math.ceil(size / blockBytes);
      assert.equal(rig.ends, ["written "]);
      assert.is(Buffer.compare(rig.slot, expected(image)), 0);
      assert.equal(rig.erased, [...Array(blocks).keys()]);
      assert.is(rig.forgotten, 1);
      assert.equal(
        rig.saved.map(({ writtenBytes }) => writtenBytes),
        [...Array(Math.ceil(size / 65536)).keys()].map((i) => Math.min(size, (i + 1) * 65536)),
      );
    }),
    { seed, numRuns: 100 },
  );
});

test(`a download goes on where it was, also when the range is ignored (SEED=${seed})`, () => {
  const resumed = fc.tuple(fc.integer({ min: 65_537, max: 200_000 }), pieces, fc.boolean());
  fc.assert(
    fc.property(resumed, ([size, sent, ranged]) => {
      const image = imageBytes(size);
      const manifestDigest = new Uint8Array(32);
      const before = { writtenBytes: 65_536, head: image.slice(0, 16), manifestDigest };
      const rig = new Rig(image, before);
      rig.slot.set(expected(image).subarray(0, 65_536));
      assert.is(rig.options?.headers.get("range"), "bytes=65536-");
      if (ranged) rig.answer(206, [["content-range", rangeOf(size)]], 65_536, sent);
      else rig.answer(200, [], 0, sent);
      assert.equal(rig.ends, ["written "]);
      assert.is(Buffer.compare(rig.slot, expected(image)), 0);
      assert.equal([rig.erased[0], rig.forgotten], [16, 0]);
      assert.equal(rig.saved.at(-1)?.head, image.slice(0, 16));
    }),
    { seed, numRuns: 100 },
  );
});

function rangeOf(size: number): string {
  return `bytes 65536-${size - 1}/${size}`;
}

test("progress is saved from a timer, not on top of HTTP; what comes meanwhile waits", () => {
  const image = imageBytes(100_000);
  const rig = new Rig(image, null);
  rig.receiver?.headersReceived(rig.request, 200, new Map());
  rig.arrives(4096);
  rig.runTimers();
  rig.arrives(65_904);
  assert.equal([rig.saved.length, rig.erased.length], [0, 16]);
  rig.arrives(1000);
  assert.is(rig.erased.length, 16);
  rig.runTimers();
  assert.equal([rig.saved[0].writtenBytes, rig.erased.length], [65_536, 17]);
});

test("an exchange that breaks before the progress was saved saves it first", () => {
  const rig = new Rig(imageBytes(100_000), null);
  rig.receiver?.headersReceived(rig.request, 200, new Map());
  rig.arrives(4096);
  rig.runTimers();
  rig.arrives(65_904);
  rig.receiver?.ended(rig.request, true);
  rig.runTimers();
  assert.equal(
    [rig.saved.map(({ writtenBytes }) => writtenBytes), rig.ends],
    [[65_536, 69_632], ["interrupted "]],
  );
});

test("nothing is erased or skipped before it is paid for, from a timer; once each", () => {
  const rig = new Rig(imageBytes(100_000), null);
  rig.receiver?.headersReceived(rig.request, 200, new Map());
  rig.arrives(8192);
  assert.equal([rig.paid, rig.erased], [[], []]);
  rig.arrives(9000);
  rig.runTimers();
  assert.equal([rig.paid, rig.erased], [["erase 0"], [0, 1, 2, 3]]);
  const manifestDigest = new Uint8Array(32);
  const image = imageBytes(100_000);
  const again = new Rig(image, { writtenBytes: 8192, head: image.slice(0, 16), manifestDigest });
  again.receiver?.headersReceived(again.request, 200, new Map());
  again.arrives(4096);
  assert.equal(again.paid, []);
  again.runTimers();
  assert.equal([again.paid, again.erased], [["skip 8192"], []]);
  again.arrives(8192);
  assert.equal([again.paid, again.erased], [["skip 8192"], []]);
  again.runTimers();
  assert.equal([again.paid, again.erased], [["skip 8192", "erase 8192"], [2]]);
});

test("what cannot be paid for ends the download: nothing is erased, nothing is lost", () => {
  for (const resumed of [0, 8192]) {
    const image = imageBytes(100_000);
    const manifestDigest = new Uint8Array(32);
    const before = { writtenBytes: resumed, head: image.slice(0, 16), manifestDigest };
    const rig = new Rig(image, resumed === 0 ? null : before);
    rig.mayPay = false;
    rig.receiver?.headersReceived(rig.request, 200, new Map());
    rig.arrives(20_000);
    rig.runTimers();
    assert.equal([rig.erased, rig.saved, rig.ends], [[], [], ["interrupted wear-held"]]);
  }
});

test("a part is no answer to a request for the whole, wherever it begins", () => {
  const image = imageBytes(100_000);
  const manifestDigest = new Uint8Array(32);
  const before = { writtenBytes: 65_536, head: image.slice(0, 16), manifestDigest };
  const rig = new Rig(image, before, image.length, true);
  assert.is(rig.options?.headers.get("range"), undefined);
  const headers = new Map([["content-range", rangeOf(100_000)]]);
  rig.receiver?.headersReceived(rig.request, 206, headers);
  rig.runTimers();
  assert.equal([rig.ends, rig.erased], [["range-refused "], []]);
});

test("a break keeps all whole blocks: none of them is erased again", () => {
  const rig = new Rig(imageBytes(100_000), null);
  rig.receiver?.headersReceived(rig.request, 200, new Map());
  rig.arrives(4096);
  rig.runTimers();
  rig.arrives(20_000);
  rig.receiver?.ended(rig.request, true);
  rig.runTimers();
  assert.equal(
    rig.saved.map(({ writtenBytes }) => writtenBytes),
    [20_480],
  );
});

test("where no timer can be set the progress is saved at once", () => {
  const rig = new Rig(imageBytes(100_000), null);
  rig.receiver?.headersReceived(rig.request, 200, new Map());
  rig.setFails = true;
  rig.arrives(70_000);
  assert.equal([rig.saved.length, rig.erased.length], [1, 17]);
});

test("a source that cannot be read once the progress is saved ends the download", () => {
  const rig = new Rig(imageBytes(100_000), null);
  rig.receiver?.headersReceived(rig.request, 200, new Map());
  rig.arrives(70_000);
  rig.request.read = () => {
    throw new Error("bad state");
  };
  rig.runTimers();
  assert.equal([rig.saved.length, rig.ends], [1, ["interrupted "]]);
});

test("bytes beyond the signed size end it, and so do bytes before a status", () => {
  const longer = new Rig(imageBytes(5000), null, 4500);
  longer.answer(200, [], 0, [700]);
  assert.equal(longer.ends, ["interrupted payload-size-mismatch"]);
  assert.equal(longer.erased, [0, 1]);
  const early = new Rig(imageBytes(100), null);
  early.receiver?.dataReadable(early.request, 10);
  early.runTimers();
  assert.equal([early.ends, early.erased], [["interrupted payload-size-mismatch"], []]);
});

test("a whole answer of another length is refused before the first erase", () => {
  for (const length of [4999, 5001]) {
    const rig = new Rig(imageBytes(5000), null);
    rig.answer(200, [["content-length", `${length}`]], 0, [5000]);
    assert.equal([rig.ends, rig.erased], [["interrupted payload-size-mismatch"], []]);
  }
});

test("a first block that is no image for this chip is refused before the first erase", () => {
  for (const [at, value] of [
    [0, 0xe8],
    [1, 17],
    [12, 9],
  ]) {
    const image = imageBytes(5000);
    image[at] = value;
    const rig = new Rig(image, null);
    rig.answer(200, [], 0, [5000]);
    assert.equal([rig.ends, rig.erased], [["damaged image-header-mismatch"], []]);
  }
});

test.run();
