/** Times of a trial are checked when they are given: a wrong one must show at the desk. */
import { type BootOptions, defaults } from "./options.js";

/** Timers of hosts take 31 bits of milliseconds. */
const durationMsMax = 0x7fffffff;

/** Throws RangeError for a time that no trial can pass with. */
export function checkBootOptions(options: BootOptions): void {
  const timeoutMs = options.trialTimeoutMs ?? defaults.trialTimeoutMs;
  const dwellMs = options.trialDwellMs ?? defaults.trialDwellMs;
  checkDuration("trialTimeoutMs", timeoutMs, 1000);
  checkDuration("trialDwellMs", dwellMs, 0);
  checkDuration("watchdogTimeoutMs", options.watchdogTimeoutMs ?? defaults.watchdogTimeoutMs, 1000);
  // Otherwise the deadline ends every trial before it may pass, and each release counts as bad.
  if (dwellMs >= timeoutMs) throw new RangeError("trialDwellMs must be below trialTimeoutMs");
}

/** Throws RangeError with the option's name unless the time is in range. */
export function checkDuration(name: string, valueMs: number, leastMs: number): void {
  if (!(valueMs >= leastMs && valueMs <= durationMsMax)) {
    throw new RangeError(`${name} must be ${leastMs} to ${durationMsMax} milliseconds`);
  }
}
