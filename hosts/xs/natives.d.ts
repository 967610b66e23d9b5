/** Functions that the C host adds to the global object (native/natives.c). */

/**
 * One request to the board. The body is `from`, or the length of `into` when there is only that;
 * the answer's bytes fill `into`. Throws Error with the board's message.
 */
declare function boardCall(
  operation: number,
  a: number,
  b: number,
  from?: Uint8Array | string,
  into?: Uint8Array,
): number;
/** The same for an answer of any length; undefined when the board has none. */
declare function boardBytes(
  operation: number,
  a: number,
  b: number,
  from?: Uint8Array | string,
): ArrayBuffer | undefined;
declare function boardText(
  operation: number,
  a: number,
  b: number,
  from?: Uint8Array | string,
): string | undefined;

/** A native digest: "SHA1", "SHA256" or "SHA512"; at most 8 are open. */
declare function digestOpen(algorithm: string): number;
declare function digestFeed(digest: number, bytes: Uint8Array): void;
declare function digestEnd(digest: number): ArrayBuffer;

/** Ends a phase: its peaks and counts are reported under this name. */
declare function hostMark(phase: string): void;
/** One line of text for whoever runs the host. */
declare function hostPrint(text: string): void;
/** The same for ASCII bytes; makes nothing in the heap. */
declare function hostPrintBytes(bytes: Uint8Array): void;
/** Collects garbage; returns the slots that are live. */
declare function hostCollect(): number;
/** The function that is called as the machine goes down, as Moddable's abortHook. */
declare function hostOnAbort(hook: (reason: string, exception: unknown) => void): void;
