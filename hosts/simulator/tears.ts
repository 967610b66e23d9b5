/**
 * Which tears are tried in one operation: every one that can differ in effect, or a fair sample.
 */
import type { OperationKind } from "./power.js";
import type { Tear } from "./tear.js";

/** One operation as a dry run saw it. */
export interface OperationSeen {
  readonly kind: OperationKind;
  /** Bytes programmed or erased; 0 for a key-value change. */
  readonly lengthBytes: number;
  /** Where in flash; 0 for a key-value change. */
  readonly address: number;
  /** "domain/key" of a key-value change, else "". */
  readonly key: string;
}

const before: Tear = Object.freeze({ kind: "before" });
const after: Tear = Object.freeze({ kind: "after" });
/** An atomic change: done or not (nvs_flash.rst). */
const atomic: readonly Tear[] = Object.freeze([before, after]);

/** Shares of 256 bits that came through; the high ones leave single bits behind. */
const shares: readonly number[] = Object.freeze([16, 128, 240, 250, 254]);

function prefixes(lengths: readonly number[]): Tear[] {
  return lengths.map((bytes) => ({ kind: "prefix", bytes }));
}

function mixes(seeds: number): Tear[] {
  const tears: Tear[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    for (const share of shares) tears.push({ kind: "bits", seed, share });
  }
  for (let seed = 1; seed <= seeds; seed++) {
    tears.push({ kind: "weak", seed, share: 32 }, { kind: "weak", seed, share: 224 });
  }
  return tears;
}

const erase: readonly Tear[] = Object.freeze([
  before,
  ...prefixes([1, 16, 24, 28, 32, 2048, 4095]),
  ...mixes(1),
  after,
]);

const programBlock: readonly Tear[] = Object.freeze([
  before,
  ...prefixes([1, 16, 2048, 4079]),
  ...mixes(1),
  after,
]);

const programShort = new Map<number, readonly Tear[]>();

/** All tears of an operation; "before" first and "after" last, every byte of short programs. */
export function tearsFor(operation: OperationSeen): readonly Tear[] {
  if (operation.kind === "key-value") return atomic;
  if (operation.kind === "erase") return erase;
  const { lengthBytes } = operation;
  if (lengthBytes > 64) return programBlock;
  let tears = programShort.get(lengthBytes);
  if (tears === undefined) {
    const lengths = Array.from({ length: lengthBytes - 1 }, (_, index) => index + 1);
    tears = [before, ...prefixes(lengths), ...mixes(2), after];
    programShort.set(lengthBytes, tears);
  }
  return tears;
}
