/**
 * What a firmware tells the agent: identity, trust, server, and the hooks of the application. Times
 * are checked when they are given: a wrong one must show at the desk.
 */
import type { Reason } from "../reasons.js";
import type { SignatureVerifier } from "../suit/envelope.js";
import type { Release } from "../suit/manifest.js";
import type { AgentState } from "./machine.js";

/**
 * One self-test of a new image. Calls `done(true)` or `done(false)` once, at once or later. A throw
 * counts as false. Tests run one after the other, in every trial, before the image is confirmed.
 */
export type SelfTest = (done: (passed: boolean) => void) => void;

/** What the application is told as the update moves on. */
export interface Progress {
  readonly state: AgentState;
  /** What is being done with the bytes: fetched into the slot, or read back from it. */
  readonly activity: "" | "download" | "read-back";
  /** Bytes done, told once per 64 KB, and of how many; 0 of 0 when nothing is counted. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Why, when an update was refused or has ended; "" otherwise. */
  readonly reason: Reason | "";
  /**
   * What is wrong with the connection to the update server, for people: what, where and while what
   * was done ("TLS: date validation failed, updates.example.com:443"); at most 64 printable ASCII
   * characters. "" when nothing is. Told once per change.
   */
  readonly connection: string;
}

/** What the boot-time self-check needs to know; all of it has defaults. */
export interface BootOptions {
  /** Run in every trial, in this order, before the image is confirmed. */
  readonly selfTests?: readonly SelfTest[];
  /** The self-tests of a trial must pass within this time; default 5 min. */
  readonly trialTimeoutMs?: number;
  /**
   * A new image whose tests have passed must reach the update server within this time, counted from
   * its boot; at most 24 h, default 1 h. A server that is away for less takes no update back.
   */
  readonly trialServerMs?: number;
  /**
   * A new image must run this long before it is confirmed, however fast its tests pass: a crash
   * within it is the trial's and not the user's. Default 10 s.
   */
  readonly trialDwellMs?: number;
  /** Watchdog during the trial; default 30 s, at least 3 s. */
  readonly watchdogTimeoutMs?: number;
}

/**
 * Options of an agent. Those of `BootOptions` count only when the agent makes the boot-time check
 * itself; `selfTests` are added to those of a check that was made before.
 */
export interface AgentOptions extends BootOptions {
  /** Vendor's domain, for example "example.com": lower-case ASCII, at most 64 characters. */
  readonly vendor: string;
  /** Device class, for example "lamp-v2": ASCII, at most 64 characters. */
  readonly deviceClass: string;
  /**
   * Raw 32-byte Ed25519 public keys; 1 to 8. A release is believed when one of them signed it; a
   * signature without a key id is tried with the first one only.
   */
  readonly trustAnchors: readonly Uint8Array[];
  /**
   * Where offers come from: "http://host[:port][/base]"; "https:" where the host speaks TLS. Or up
   * to four such servers that offer the same, in the order in which they are asked: the next one
   * when one cannot be reached or gives no usable answer. That there is no offer is an answer.
   */
  readonly serverUrl: string | readonly string[];
  /** Returns true to decline `release` for now; it is asked again at the next poll. */
  readonly veto?: (release: Release) => boolean;
  readonly onProgress?: (progress: Progress) => void;
  /**
   * Takes updates although the bootloader is not known to revert a bad one by itself: then only the
   * agent of the new image can go back, if it still runs. Default false.
   */
  readonly allowWithoutRollback?: boolean;
  /** Time between polls, at most 22 days; default 1 h, jittered by 10 %. */
  readonly pollIntervalMs?: number;
  /** Silence on a connection before it is given up; default 30 s. */
  readonly stallTimeoutMs?: number;
  /**
   * Verifies an Ed25519 signature; default is the strict verifier of crypto/ed25519.ts. A host with
   * a native one may give that, if it is as strict. One that takes longer than a second calls
   * `alive`, its last parameter, about as often.
   */
  readonly verifySignature?: SignatureVerifier;
}

/** Defaults of AgentOptions, in milliseconds, and bounds that are no options: times, counts. */
export const defaults = Object.freeze({
  pollIntervalMs: 3_600_000,
  trialTimeoutMs: 300_000,
  trialServerMs: 3_600_000,
  trialDwellMs: 10_000,
  watchdogTimeoutMs: 30_000,
  stallTimeoutMs: 30_000,
  /** Longest time for an offer or a report. */
  exchangeTimeoutMs: 60_000,
  /** A download may take this long, and a second more per KB. */
  downloadTimeoutMs: 120_000,
  /** Longest pause between two tries of a trial to reach the server: at first, and later. */
  trialRetryCapMs: 10_000,
  trialLateCapMs: 60_000,
  /** Tries before the pauses get longer: some 5 min. */
  trialEarlyTries: 60,
  /** Longest pause between tries in all other states. */
  retryCapMs: 900_000,
  /** Failed starts of the agent in one boot before an image on trial is given up. */
  startsMax: 5,
  /** Tries to confirm an image, or to record that, before the trial is given up: some 30 s. */
  confirmTriesMax: 6,
  /** Downloads that may end early without progress before the attempt ends. */
  triesMax: 16,
  /** Times that a complete image may turn out damaged before the attempt ends. */
  damagesMax: 3,
  /** Tries to deliver a result before it is kept for later and the next update may begin. */
  reportTriesMax: 3,
  /** First and longest pause between tries to deliver a result that was kept. */
  resultPauseMs: 60_000,
  resultPauseCapMs: 3_600_000,
  /** Between two refusals that are told. */
  refusalPauseMs: 900_000,
  /** Answers that refuse a kept result for good before it is dropped. */
  unwantedReportsMax: 12,
  /** Polls in a row without the release that is being downloaded before it counts as withdrawn. */
  absencesMax: 3,
  /** Signatures checked in an hour, whatever is offered: a minute of work at the most. */
  checksPerHourMax: 32,
});

/**
 * A watchdog must outlive the longest that JavaScript blocks: one signature check, for a verifier
 * need not call `alive`. Ours takes 55 million i386 instructions in a machine of the SDK's target
 * for a C3 that holds just the agent, 112 where an application holds 4600 slots (`npm run bench`),
 * and an ESP32 runs at least 60 million of those a second.
 */
const watchdogLeastMs = 3000;

/** Timers of hosts take 31 bits of milliseconds. */
const durationMsMax = 0x7fffffff;
/** With its jitter it is no more than that. */
export const pollIntervalMsMax = 1_950_000_000;
const dayMs = 86_400_000;

type Duration =
  | "pollIntervalMs"
  | "stallTimeoutMs"
  | "trialTimeoutMs"
  | "trialServerMs"
  | "trialDwellMs"
  | "watchdogTimeoutMs";

/** Throws RangeError for a time that no trial can pass with. */
export function checkBootOptions(options: BootOptions): void {
  const timeoutMs = checkDuration(options, "trialTimeoutMs", 1000);
  const dwellMs = checkDuration(options, "trialDwellMs", 0);
  checkDuration(options, "trialServerMs", 1000, dayMs);
  const watchdogMs = checkDuration(options, "watchdogTimeoutMs", 0);
  if (watchdogMs < watchdogLeastMs) {
    throw new RangeError(
      `watchdogTimeoutMs must be ${watchdogLeastMs} or more: one signature check may take 2 s`,
    );
  }
  // Otherwise the deadline ends every trial before it may pass, and each release counts as bad.
  if (dwellMs >= timeoutMs) throw new RangeError("trialDwellMs must be below trialTimeoutMs");
}

/** The time, or its default. Throws RangeError with the option's name when it is out of range. */
export function checkDuration(
  options: Partial<Readonly<Record<Duration, number>>>,
  name: Duration,
  leastMs: number,
  mostMs = durationMsMax,
): number {
  const valueMs = options[name] ?? defaults[name];
  if (valueMs >= leastMs && valueMs <= mostMs) return valueMs;
  throw new RangeError(`${name} must be ${leastMs} to ${mostMs} milliseconds`);
}
