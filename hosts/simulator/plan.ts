/**
 * A fault plan: everything that decides a run, as one short printable line. Same line, same run.
 *
 *     healthy known 7 12/prefix:16 40/after!brown-out rot:69700:1@30 server:next@9 net:stall
 *
 * | word                       | meaning                                                          |
 * |----------------------------|------------------------------------------------------------------|
 * | ENDING START SEED          | first three words: the firmware, where it begins, seed of chance |
 * | OPERATION/TEAR[!RESET]     | the supply fails there; the next boot has that reset reason      |
 * | OPERATION~TEAR             | that operation reports success and leaves what the tear says     |
 * | rot:ADDRESS:MASK@OPERATION | those bits flip once, just before the operation                  |
 * | stick:ADDRESS:MASK:VALUE   | those bits never change any more                                 |
 * | server:CHANGE@OPERATION    | "next": a newer release; "withdraw": no offer any more           |
 * | lost:KEY@OPERATION         | that record of the journal is damaged                            |
 * | cable@OPERATION            | the supply fails, and the factory image is flashed by cable      |
 * | image:BYTES                | size of the new image; default 9216                              |
 * | board:skip-validate        | bootloader and apps do not validate images                       |
 * | board:loop-unwatched       | the event loop's task is no user of the task watchdog            |
 * | net:...                    | a network fault (network-faults.ts)                              |
 *
 * Operations are flash erases, flash programs and key-value changes, counted from 0 over all boots.
 */
import { type NetworkFault, parseNetworkFault, printNetworkFault } from "./network-faults.js";
import { type BootEnd, resetReasons } from "./reset-reasons.js";
import { type Cut, parseCut, printCut } from "./tear.js";

/** What the new firmware does, or what is wrong with its release. */
export const endings = Object.freeze([
  "healthy",
  "crash",
  "hang",
  "fail-test",
  "no-network",
  "brown-out",
  "refused",
  "installed",
  "older",
  "other-vendor",
  "other-class",
  "other-chip",
  "too-big",
] as const);
export type Ending = (typeof endings)[number];

/**
 * Endings whose release no device of the bench may take: forged, below the floor, for another
 * vendor, class or chip, too large for the slot. The server offers it all the same.
 */
export const refusedEndings = Object.freeze([
  "refused",
  "older",
  "other-vendor",
  "other-class",
  "other-chip",
  "too-big",
] as const satisfies readonly Ending[]);

export function isRefused(ending: Ending): boolean {
  return (refusedEndings as readonly Ending[]).includes(ending);
}

/** False where there is no such run: a device from the factory has no floor yet. */
export function canBegin(ending: Ending, start: Start): boolean {
  return ending !== "older" || start !== "fresh";
}

/**
 * Where the run begins. "fresh": from the factory, boot record blank. "known": the old release is
 * confirmed in ota_0. "second": it is confirmed in ota_1, an older one lies in ota_0. "third": it
 * is confirmed in ota_0, and an older one lies in ota_1, with its entry.
 */
export const starts = Object.freeze(["fresh", "known", "second", "third"] as const);
export type Start = (typeof starts)[number];

export type ServerChange = "next" | "withdraw";

/** The supply fails, or an operation leaves something else than it reports. */
export interface CutFault {
  readonly kind: "cut";
  readonly cut: Cut;
  readonly reset: BootEnd;
}

export type Fault =
  | CutFault
  | {
      readonly kind: "rot";
      readonly operation: number;
      readonly address: number;
      readonly mask: number;
    }
  | {
      readonly kind: "stick";
      readonly address: number;
      readonly mask: number;
      readonly value: 0 | 1;
    }
  | { readonly kind: "server"; readonly operation: number; readonly change: ServerChange }
  | { readonly kind: "lost"; readonly operation: number; readonly key: string }
  | { readonly kind: "cable"; readonly operation: number };

export interface Plan {
  readonly ending: Ending;
  readonly start: Start;
  readonly seed: number;
  /** Bytes of the new image: a multiple of 16. */
  readonly imageBytes: number;
  /** True on a board whose bootloader boots images unseen (CONFIG_BOOTLOADER_SKIP_VALIDATE_*). */
  readonly skipsValidation?: boolean;
  /** True on a board where only the agent arms a watchdog. */
  readonly loopUnwatched?: boolean;
  readonly faults: readonly Fault[];
  readonly network: readonly NetworkFault[];
}

export const defaultImageBytes = 9216;
const skipValidate = "board:skip-validate";
const loopUnwatched = "board:loop-unwatched";
/** The records that a fault may damage. */
export const journalKeys = Object.freeze([
  "attempt",
  "confirmed",
  "progress",
  "bad",
  "ledger",
  "result",
] as const);

/** A cut of the supply in operation `operation`. */
export function cutFault(cut: Cut, reset: BootEnd = "power-on"): Fault {
  return { kind: "cut", cut, reset };
}

export function printPlan(plan: Plan): string {
  const words: string[] = [plan.ending, plan.start, `${plan.seed}`];
  if (plan.imageBytes !== defaultImageBytes) words.push(`image:${plan.imageBytes}`);
  if (plan.skipsValidation === true) words.push(skipValidate);
  if (plan.loopUnwatched === true) words.push(loopUnwatched);
  words.push(...plan.faults.map(printFault), ...plan.network.map(printNetworkFault));
  return words.join(" ");
}

function printFault(fault: Fault): string {
  switch (fault.kind) {
    case "cut":
      return printCut(fault.cut) + (fault.reset === "power-on" ? "" : `!${fault.reset}`);
    case "rot":
      return `rot:${fault.address}:${fault.mask}@${fault.operation}`;
    case "stick":
      return `stick:${fault.address}:${fault.mask}:${fault.value}`;
    case "server":
      return `server:${fault.change}@${fault.operation}`;
    case "lost":
      return `lost:${fault.key}@${fault.operation}`;
    case "cable":
      return `cable@${fault.operation}`;
  }
}

/** Reads a line that `printPlan` made. Throws RangeError, naming the word that is wrong. */
export function parsePlan(line: string): Plan {
  const [ending, start, seed, ...rest] = line.trim().split(/\s+/);
  const knownEnding = endings.find((one) => one === ending);
  const knownStart = starts.find((one) => one === start);
  if (knownEnding === undefined) throw wrong(ending, `an ending: ${endings.join(", ")}`);
  if (knownStart === undefined) throw wrong(start, `a start: ${starts.join(", ")}`);
  const faults: Fault[] = [];
  const network: NetworkFault[] = [];
  const boards = new Set<string>();
  let imageBytes = defaultImageBytes;
  for (const word of rest) {
    if (word.startsWith("net:")) network.push(parseNetworkFault(word));
    else if (word === skipValidate || word === loopUnwatched) boards.add(word);
    else if (word.startsWith("image:")) imageBytes = numberOf(word.slice(6), word);
    else faults.push(parseFault(word));
  }
  return {
    ending: knownEnding,
    start: knownStart,
    seed: numberOf(seed ?? "", seed ?? "the third word"),
    imageBytes,
    ...(boards.has(skipValidate) ? { skipsValidation: true } : {}),
    ...(boards.has(loopUnwatched) ? { loopUnwatched: true } : {}),
    faults,
    network,
  };
}

function parseFault(word: string): Fault {
  const [head, at] = word.split("@");
  const parts = head.split(":");
  if (parts[0] === "rot") {
    const [address, mask, operation] = [parts[1], parts[2], at].map((one) => numberOf(one, word));
    return { kind: "rot", address, mask, operation };
  }
  if (parts[0] === "stick") {
    const [address, mask, value] = parts.slice(1).map((one) => numberOf(one, word));
    if (value !== 0 && value !== 1) throw wrong(word, "a stuck bit");
    return { kind: "stick", address, mask, value };
  }
  if (parts[0] === "server") {
    const change = parts[1];
    if (change !== "next" && change !== "withdraw") throw wrong(word, "a change of the server");
    return { kind: "server", change, operation: numberOf(at, word) };
  }
  if (parts[0] === "lost") {
    const key = journalKeys.find((one) => one === parts[1]);
    if (key === undefined) throw wrong(word, `a record: ${journalKeys.join(", ")}`);
    return { kind: "lost", key, operation: numberOf(at, word) };
  }
  if (parts[0] === "cable") return { kind: "cable", operation: numberOf(at, word) };
  const [cut, reset = "power-on"] = word.split("!");
  if (!isReset(reset)) throw wrong(word, "a reset reason");
  return { kind: "cut", cut: parseCut(cut), reset };
}

function isReset(text: string): text is BootEnd {
  return Object.hasOwn(resetReasons, text);
}

function numberOf(text: string | undefined, word: string): number {
  const value = Number(text);
  if (text === undefined || !/^\d+$/.test(text) || value > 0xffffffff) {
    throw wrong(word, "a fault with whole numbers from 0 to 4294967295");
  }
  return value;
}

function wrong(word: string | undefined, what: string): RangeError {
  return new RangeError(`plan: "${word ?? ""}" is not ${what}`);
}

/** The operation a fault waits for; -1 for one that is there from the start. */
export function operationOf(fault: Fault): number {
  if (fault.kind === "cut") return fault.cut.operation;
  return fault.kind === "stick" ? -1 : fault.operation;
}
