/** When to try again: functions of counts and randomness. */
import { readU32 } from "../bytes.js";
import type { Hal } from "../hal.js";

/**
 * Delay before the next try, in milliseconds: full jitter over an exponentially growing window
 * (M. Brooker, "Exponential Backoff and Jitter", 2015), at least 500 ms, at most `capMs`.
 * `failures` counts from 1; `random` is a uniform 32-bit integer.
 */
export function retryDelayMs(failures: number, random: number, capMs: number): number {
  const window = Math.min(capMs, 2000 * 2 ** Math.min(failures, 16));
  return Math.max(Math.min(500, capMs), Math.floor((window * (random >>> 0)) / 0x100000000));
}

/** Poll interval with +-10 % jitter, so that a fleet does not poll in step. */
export function pollDelayMs(intervalMs: number, random: number): number {
  return Math.floor(intervalMs * (0.9 + (0.2 * (random >>> 0)) / 0x100000000));
}

/** A random number for a pause; the middle one when the host has none: nothing is spread then. */
export function randomU32(hal: Hal): number {
  const bytes = Uint8Array.of(0, 0, 0, 0x80);
  try {
    hal.entropy(bytes);
  } catch {
    // As it is.
  }
  return readU32(bytes, 0);
}
