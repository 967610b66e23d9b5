/**
 * Pure parts of the device as questions with a text for an answer: asked on Node and on XS, they
 * must say the same.
 */
import { next, table } from "../../../src/agent/machine.js";
import { reconcile } from "../../../src/agent/reconcile.js";
import { pollDelayMs, retryDelayMs } from "../../../src/agent/schedule.js";
import { decimal, parseHttpUrl, resolveUri } from "../../../src/agent/url.js";
import { parseImageHeader } from "../../../src/boot/image.js";
import { chipIdOfHead } from "../../../src/boot/image-head.js";
import { activeEntry, crcMatches, decodeEntry } from "../../../src/boot/otadata.js";
import { encodeEntry } from "../../../src/boot/otadata-write.js";
import { asciiText, hex, readU32 } from "../../../src/bytes.js";
import { CborReader } from "../../../src/cbor/reader.js";
import { crc32 } from "../../../src/crc.js";
import type { DigestFactory } from "../../../src/crypto/digest.js";
import { verifyEd25519 } from "../../../src/crypto/ed25519.js";
import type { ResetReason, SlotState } from "../../../src/hal.js";
import { decodeRecord, encodeRecord, type Phase } from "../../../src/journal/records.js";
import { authenticate } from "../../../src/suit/envelope.js";
import { parseManifest } from "../../../src/suit/manifest.js";
import { classIdOf, vendorIdOf } from "../../../src/suit/uuid5.js";

export const kinds = Object.freeze({
  cbor: 1,
  ed25519: 2,
  envelope: 3,
  otadata: 4,
  imageHeader: 5,
  records: 6,
  url: 7,
  schedule: 8,
  machine: 9,
  uuid5: 10,
  reconcile: 11,
  /** A signature by a digest that says what it is given. */
  sum: 12,
});

/** Any value as text; bytes in hexadecimal, keys in their order. */
export function show(value: unknown): string {
  if (value instanceof Uint8Array) return `h'${hex(value)}'`;
  if (Array.isArray(value)) return `[${value.map(show).join(",")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, one]) => `${key}:${show(one)}`)
    .join(",")}}`;
}

function readItem(reader: CborReader, depth: number): string {
  if (reader.failed || depth > 6) {
    reader.expect(false);
    return "failed";
  }
  switch (reader.peek()) {
    case 0:
    case 1:
      return String(reader.int());
    case 2:
      return show(reader.byteString());
    case 3:
      return reader.text(300);
    case 4: {
      let text = "[";
      const count = reader.array(40);
      for (let i = 0; i < count && !reader.failed; i++) text += `${readItem(reader, depth + 1)} `;
      return `${text}]`;
    }
    case 5: {
      let text = "{";
      const count = reader.map(40);
      let key: number | undefined;
      for (let i = 0; i < count && !reader.failed; i++) {
        key = reader.key(key);
        text += `${key}: ${readItem(reader, depth + 1)} `;
      }
      return `${text}}`;
    }
    case 6:
      return `tag ${reader.tag()}`;
    default:
      reader.nil();
      return "null";
  }
}

const states: readonly SlotState[] = Object.freeze([
  "new",
  "pending-verify",
  "valid",
  "invalid",
  "aborted",
  "undefined",
  "none",
] as const);
const resets: readonly ResetReason[] = Object.freeze(["power-on", "software", "panic"] as const);
const runs = Object.freeze(["confirmed", "candidate", "previous", "rejected", "unknown"] as const);

/** Crc of the answers to every combination of facts, so that one number compares them all. */
function reconcileAll(): string {
  const bytes = new Uint8Array(64);
  let sum = 0;
  for (let phase = 0; phase <= 6; phase++) {
    for (const running of runs) {
      for (const runningState of states) {
        for (const targetState of states) {
          for (const resetReason of resets) {
            const text = show(
              reconcile({
                phase: phase === 0 ? null : (phase as Phase),
                running,
                runningState,
                targetState,
                resetReason,
                targetRuns: running === "candidate",
                imageWritten: false,
                unguarded: phase === 2 && resetReason === "panic",
                reverted: "",
                powerTrials: 1,
                restages: 1,
                returns: phase,
                hasConfirmed: phase !== 1,
              }),
            );
            for (let i = 0; i < text.length; i++) bytes[i % 64] = text.charCodeAt(i);
            sum = (sum + crc32(bytes, 0, 64)) >>> 0;
          }
        }
      }
    }
  }
  return String(sum);
}

function machineAll(): string {
  let text = "";
  for (const [state, row] of Object.entries(table)) {
    for (const event of Object.keys(row)) {
      text += `${state} ${event} ${show(next(state as "ready", event as "pollDue"))}\n`;
    }
  }
  return text;
}

function records(bytes: Uint8Array): string {
  const attempt = decodeRecord("attempt", bytes, bytes.length);
  const confirmed = decodeRecord("confirmed", bytes, bytes.length);
  const again = new Uint8Array(320);
  const written =
    attempt !== null
      ? encodeRecord("attempt", attempt, again)
      : confirmed !== null
        ? encodeRecord("confirmed", confirmed, again)
        : 0;
  const others = [
    decodeRecord("progress", bytes, bytes.length),
    decodeRecord("bad", bytes, bytes.length),
  ];
  return show([attempt, confirmed, others, again.subarray(0, written)]);
}

/** Why an envelope is refused, or the release in it. */
function envelope(bytes: Uint8Array, anchor: Uint8Array, digest: DigestFactory): string {
  const verify = (key: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean =>
    verifyEd25519(key, signature, message, digest);
  const authentic = authenticate(bytes, bytes.length, [anchor], digest, verify);
  return typeof authentic === "string" ? authentic : show(parseManifest(authentic));
}

/** The answer to one question. Throws what the code under test throws. */
export function evaluate(
  kind: number,
  first: Uint8Array,
  second: Uint8Array,
  third: Uint8Array,
  digest: DigestFactory,
): string {
  switch (kind) {
    case kinds.cbor: {
      const reader = new CborReader(first, 0, first.length);
      const text = readItem(reader, 0);
      return `${text} ${reader.failed} ${reader.atEnd}`;
    }
    case kinds.ed25519:
      return String(verifyEd25519(first, second, third, digest));
    case kinds.sum: {
      const said: DigestFactory = () => ({ write: () => undefined, close: () => third });
      return String(verifyEd25519(first, second, new Uint8Array(0), said));
    }
    case kinds.envelope:
      return envelope(first, second, digest);
    case kinds.otadata: {
      const pair = [decodeEntry(first, 0), decodeEntry(second, 0)] as const;
      return show([pair, activeEntry(pair), pair.map(crcMatches), pair.map(encodeEntry)]);
    }
    case kinds.imageHeader:
      return show([parseImageHeader(first), chipIdOfHead(first)]);
    case kinds.records:
      return records(first);
    case kinds.url: {
      const base = parseHttpUrl(asciiText(first, 0, first.length), "http");
      const reference = asciiText(second, 0, second.length);
      return show([base, base === null ? null : resolveUri(base, reference), decimal(reference)]);
    }
    case kinds.schedule: {
      const random = readU32(first, 0);
      return show([retryDelayMs(first[4] + 1, random, 900_000), pollDelayMs(3_600_000, random)]);
    }
    case kinds.machine:
      return machineAll();
    case kinds.reconcile:
      return reconcileAll();
    case kinds.uuid5: {
      const vendor = vendorIdOf(asciiText(first, 0, first.length), digest);
      return show([vendor, classIdOf(vendor, asciiText(second, 0, second.length), digest)]);
    }
  }
  return "no such question";
}
