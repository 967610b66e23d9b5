/**
 * What a flash operation leaves behind when the supply fails in it, and when that happens. Small
 * data that prints to one token and parses from it, so that every failure can be replayed.
 *
 * | token            | effect on the operation                                                 |
 * |------------------|-------------------------------------------------------------------------|
 * | before           | nothing happened                                                        |
 * | after            | it is complete, but nobody learns of it                                 |
 * | prefix:N         | the first N bytes are done, the rest is untouched                       |
 * | bits:SEED:SHARE  | of the bits still to change, about SHARE / 256 have changed, in no order |
 * | weak:SEED:SHARE  | about SHARE / 256 of them read differently from read to read            |
 */

import type { Prng } from "./prng.js";

export type Tear =
  | { readonly kind: "before" }
  | { readonly kind: "after" }
  | { readonly kind: "prefix"; readonly bytes: number }
  | { readonly kind: "bits"; readonly seed: number; readonly share: number }
  | { readonly kind: "weak"; readonly seed: number; readonly share: number };

/**
 * A fault at the operation with that index, counted from 0 since the plan was made. With `silent`
 * the supply holds: the operation reports success, and what it left differs.
 */
export interface Cut {
  readonly operation: number;
  readonly tear: Tear;
  readonly silent?: boolean;
}

export function printTear(tear: Tear): string {
  switch (tear.kind) {
    case "prefix":
      return `prefix:${tear.bytes}`;
    case "bits":
    case "weak":
      return `${tear.kind}:${tear.seed}:${tear.share}`;
    default:
      return tear.kind;
  }
}

/** Throws RangeError for a text that `printTear` does not make. */
export function parseTear(token: string): Tear {
  const [kind, first, second] = token.split(":");
  const tear = makeTear(kind, Number(first), Number(second));
  if (tear === null || printTear(tear) !== token) {
    throw new RangeError(`"${token}" is not a tear`);
  }
  return tear;
}

/** A cut as "12/prefix:16", a silent fault as "12~prefix:16". */
export function printCut(cut: Cut): string {
  return `${cut.operation}${cut.silent === true ? "~" : "/"}${printTear(cut.tear)}`;
}

/** Throws RangeError for a text that `printCut` does not make. */
export function parseCut(token: string): Cut {
  const silent = token.includes("~");
  const [operation, tear] = token.split(silent ? "~" : "/");
  const index = Number(operation);
  const cut: Cut = { operation: index, tear: parseTear(tear ?? ""), silent };
  if (!isCount(index) || printCut(cut) !== token) throw new RangeError(`"${token}" is not a cut`);
  return cut;
}

function makeTear(kind: string | undefined, first: number, second: number): Tear | null {
  if (kind === "before" || kind === "after") return { kind };
  if (kind === "prefix" && isCount(first)) return { kind, bytes: first };
  if ((kind === "bits" || kind === "weak") && isCount(first) && isCount(second) && second <= 256) {
    return { kind, seed: first, share: second };
  }
  return null;
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

/**
 * Which bits of byte `index` of an operation the tear lets through: all, none, or a random mask.
 * Called for every byte in order, with a generator made from the tear's seed.
 */
export function reachedBits(tear: Tear, index: number, random: Prng): number {
  switch (tear.kind) {
    case "before":
      return 0;
    case "after":
      return 0xff;
    case "prefix":
      return index < tear.bytes ? 0xff : 0;
    default:
      return randomMask(random, tear.share);
  }
}

/** Each bit set with a chance of share / 256. */
function randomMask(random: Prng, share: number): number {
  let mask = 0;
  for (let half = 0; half < 2; half++) {
    let draw = random.next();
    for (let bit = 0; bit < 4; bit++) {
      mask = (mask << 1) | ((draw & 0xff) < share ? 1 : 0);
      draw >>>= 8;
    }
  }
  return mask;
}
