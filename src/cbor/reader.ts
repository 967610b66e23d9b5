/**
 * A bounded pull reader for one deterministic encoding of CBOR: shortest integers and lengths, no
 * indefinite lengths, no floats, integers within +-(2^53 - 1), text in printable ASCII (the only
 * text of the profile, and always valid UTF-8). It never throws, never recurses and copies nothing
 * but text; the first thing that is wrong sets `failed`, and from then on every read returns 0, ""
 * or an empty view. So a caller may read a whole structure and ask once at its end; loops stay
 * bounded, because a count is 0 after a failure and never above the limit given for it.
 *
 * Byte strings that hold CBOR are read in place:
 *
 *     const outer = reader.enter();   // the window is now the content of the byte string
 *     ...
 *     reader.leave(outer);            // fails unless all of the content was read
 */

import { asciiText } from "../bytes.js";

export class CborReader {
  readonly bytes: Uint8Array;
  /** Offset of the next byte in `bytes`. */
  position: number;
  /** End of the window being read: of the whole input, or of the byte string entered. */
  end: number;
  /** True once anything was wrong; never false again. */
  failed: boolean;

  /** Reads `bytes[start, end)`; a range outside the array fails at once. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
    this.failed = !(start >= 0 && start <= end && end <= bytes.length);
  }

  /** True when nothing failed and the window is used up: anything else is trailing bytes. */
  get atEnd(): boolean {
    return !this.failed && this.position === this.end;
  }

  /** Fails unless `holds`: for what the caller knows about the value just read. */
  expect(holds: boolean): void {
    if (!holds) this.failed = true;
  }

  /**
   * Major type of the next item: 0 unsigned, 1 negative, 2 bytes, 3 text, 4 array, 5 map, 6 tag, 7
   * simple (RFC 8949 3.1); -1 at the end of the window or after a failure.
   */
  peek(): number {
    return this.failed || this.position >= this.end ? -1 : this.bytes[this.position] >> 5;
  }

  /** Unsigned integer, 0..2^53-1. */
  uint(): number {
    return this.head(0);
  }

  /** Integer, -(2^53-1)..2^53-1. */
  int(): number {
    if (this.peek() !== 1) return this.head(0);
    const value = -1 - this.head(1);
    if (value < Number.MIN_SAFE_INTEGER) this.failed = true;
    return this.failed ? 0 : value;
  }

  /** Byte string as a view of the input. */
  byteString(): Uint8Array {
    const length = this.span(2);
    return this.bytes.subarray(this.position - length, this.position);
  }

  /** Byte string of exactly `length` bytes as a view of the input. */
  byteStringOf(length: number): Uint8Array {
    const view = this.byteString();
    this.expect(view.length === length);
    return view;
  }

  /** Text of at most `bytesMax` characters, each from U+0020 to U+007E. */
  text(bytesMax: number): string {
    const length = this.span(3);
    const start = this.position - length;
    this.expect(length <= bytesMax);
    for (let i = start; i < this.position && !this.failed; i++) {
      const byte = this.bytes[i];
      this.expect(byte >= 0x20 && byte <= 0x7e);
    }
    return this.failed ? "" : asciiText(this.bytes, start, this.position);
  }

  /** Number of items of an array, at most `countMax`. */
  array(countMax: number): number {
    return this.count(4, countMax);
  }

  /** Number of entries of a map, at most `countMax`; read the keys with `key`. */
  map(countMax: number): number {
    return this.count(5, countMax);
  }

  /**
   * Integer key of a map entry. Fails unless it comes after `previous` (undefined for the first
   * key) in the bytewise order of the encodings, so duplicates fail too.
   */
  key(previous: number | undefined): number {
    const key = this.int();
    if (previous === undefined) return key;
    // RFC 8949 4.2.1: with shortest integers, 0, 1, 2, ... come first and then -1, -2, ...
    this.expect(previous < 0 ? key < previous : key < 0 || key > previous);
    return this.failed ? 0 : key;
  }

  /** Tag number; the tagged item follows. */
  tag(): number {
    return this.head(6);
  }

  /** The null item. */
  nil(): void {
    this.expect(this.head(7) === 22);
  }

  /** Narrows the window to the content of the byte string here; returns the end to give `leave`. */
  enter(): number {
    const outerEnd = this.end;
    const length = this.span(2);
    this.end = this.position;
    this.position -= length;
    return outerEnd;
  }

  /** Ends what `enter` began; bytes left unread fail. */
  leave(outerEnd: number): void {
    this.expect(this.position === this.end);
    this.end = outerEnd;
  }

  private count(major: number, countMax: number): number {
    const count = this.head(major);
    return count > countMax ? this.refuse() : count;
  }

  /** Moves past a string; returns its length, which is within the window. */
  private span(major: number): number {
    const length = this.head(major);
    if (length > this.end - this.position) return this.refuse();
    this.position += length;
    return length;
  }

  /** Reads an initial byte of the given major type and its argument. */
  private head(major: number): number {
    if (this.peek() !== major) return this.refuse();
    const info = this.bytes[this.position++] & 31;
    if (info < 24) return info;
    const size = 1 << (info - 24);
    // RFC 8949 3: 28..30 are reserved; 31 is an indefinite length, which 4.2.1 rules out.
    if (info > 27 || size > this.end - this.position) return this.refuse();
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + this.bytes[this.position++];
    // RFC 8949 4.2.1: an argument of 2, 4 or 8 bytes must not fit half as many.
    const least = size === 1 ? 24 : 2 ** (4 * size);
    return value < least || value > Number.MAX_SAFE_INTEGER ? this.refuse() : value;
  }

  private refuse(): number {
    this.failed = true;
    return 0;
  }
}
