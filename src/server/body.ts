/** Bodies of answers: read by position and pulled by the host, so nothing is held whole. */

/** A body of known length. `read` is synchronous. */
export interface Body {
  readonly lengthBytes: number;
  /**
   * Copies up to `length` bytes from `offset` into `into[start, ...)` and returns the count; 0 at
   * the end. A count of 0 before the end means that the source has shrunk: the host must cut the
   * connection, so that the receiver sees a truncated answer and not a wrong one.
   */
  read(offset: number, into: Uint8Array, start: number, length: number): number;
  /** Gives back what the body holds (a file descriptor). The host calls it once, sent or not. */
  close(): void;
}

/** Body of an array that nobody changes while it is sent. */
export function bytesBody(bytes: Uint8Array): Body {
  return {
    lengthBytes: bytes.length,
    read(offset, into, start, length) {
      const count = Math.max(0, Math.min(length, bytes.length - offset));
      into.set(bytes.subarray(offset, offset + count), start);
      return count;
    },
    close() {},
  };
}

/** `lengthBytes` bytes of `whole` from `first`; the caller has checked that they lie inside. */
export function sliceBody(whole: Body, first: number, lengthBytes: number): Body {
  return {
    lengthBytes,
    read(offset, into, start, length) {
      const count = Math.max(0, Math.min(length, lengthBytes - offset));
      return count === 0 ? 0 : whole.read(first + offset, into, start, count);
    },
    close() {
      whole.close();
    },
  };
}
