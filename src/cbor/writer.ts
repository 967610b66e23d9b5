/**
 * Writes deterministic CBOR (RFC 8949 4.2.1) into a buffer that the caller owns: reports, journal
 * records and the bytes that a signature covers. The caller gives map keys in bytewise order. It
 * never throws: what does not fit, or is no integer within +-(2^53 - 1), sets `failed` for good.
 */
export class CborWriter {
  readonly bytes: Uint8Array;
  /** Bytes written so far, from index 0. */
  length: number;
  /** True once anything did not fit; what was written is then of no use. */
  failed: boolean;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.length = 0;
    this.failed = false;
  }

  int(value: number): void {
    if (value < 0) this.head(1, -1 - value);
    else this.head(0, value);
  }

  byteString(value: Uint8Array): void {
    this.head(2, value.length);
    if (!this.room(value.length)) return;
    this.bytes.set(value, this.length);
    this.length += value.length;
  }

  /** Characters outside U+0020..U+007E become "?", so that the reader takes what was written. */
  text(value: string): void {
    const length = value.length;
    this.head(3, length);
    if (!this.room(length)) return;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      this.bytes[this.length++] = code >= 0x20 && code <= 0x7e ? code : 0x3f;
    }
  }

  array(count: number): void {
    this.head(4, count);
  }

  map(count: number): void {
    this.head(5, count);
  }

  nil(): void {
    this.head(7, 22);
  }

  private room(length: number): boolean {
    if (length > this.bytes.length - this.length) this.failed = true;
    return !this.failed;
  }

  private head(major: number, value: number): void {
    if (!Number.isSafeInteger(value)) this.failed = true;
    let size = 0;
    if (value >= 24) size = value < 2 ** 8 ? 1 : value < 2 ** 16 ? 2 : value < 2 ** 32 ? 4 : 8;
    if (!this.room(1 + size)) return;
    const info = size === 0 ? value : size === 1 ? 24 : size === 2 ? 25 : size === 4 ? 26 : 27;
    this.bytes[this.length] = (major << 5) | info;
    let rest = value;
    for (let i = size; i > 0; i--) {
      this.bytes[this.length + i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.length += 1 + size;
  }
}
