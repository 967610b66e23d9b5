/** The pure parts give the same answers on XS as on Node, and the known answers on both. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { encodeEntry, makeEntry } from "../../src/boot/otadata-write.js";
import { asciiBytes } from "../../src/bytes.js";
import { emptyAttempt, encodeRecord } from "../../src/journal/records.js";
import { rfc8032Vectors } from "../crypto/rfc8032.js";
import { fromHex } from "../helpers/cbor.js";
import { imageOf } from "../helpers/images.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { refusalCases } from "../helpers/refusals.js";
import { randomBytes, randomFrom, seed } from "../helpers/seed.js";
import { goodRelease, releaseKey } from "../helpers/suit.js";
import { askXs, type Question } from "../helpers/xs.js";
import { evaluate, kinds } from "./device/evaluate.js";

const none = new Uint8Array(0);

/** Asks XS and Node, compares, and returns the answers. */
function askBoth(questions: readonly Question[]): string[] {
  const answers: string[] = [];
  askXs(questions, ({ kind, inputs }, answer) => {
    const [first = none, second = none, third = none] = inputs;
    const expected = evaluate(kind, first, second, third, nodeDigest);
    const what = inputs.map((bytes) => Buffer.from(bytes).toString("hex")).join(" ");
    assert.is(answer, expected, `question ${kind} of ${what} (SEED=${seed})`);
    answers.push(answer);
  });
  assert.is(answers.length, questions.length);
  return answers;
}

/** A copy with one to three bytes changed, or cut off at the end. */
function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  if (random() < 0.1) return bytes.slice(0, Math.floor(random() * bytes.length));
  const copy = bytes.slice();
  for (let i = 1 + Math.floor(random() * 3); i > 0; i--) {
    copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256);
  }
  return copy;
}

test("Ed25519: the vectors of RFC 8032 verify on XS, and fail with one bit changed", () => {
  const questions = rfc8032Vectors.flatMap(([, key, message, signature]) => {
    const inputs = [fromHex(key), fromHex(signature), fromHex(message)];
    const bad = fromHex(signature);
    bad[5] ^= 1;
    return [
      { kind: kinds.ed25519, inputs },
      { kind: kinds.ed25519, inputs: [inputs[0], bad, inputs[2]] },
    ];
  });
  const answers = askBoth(questions);
  assert.equal(
    answers,
    questions.map((_, index) => String(index % 2 === 0)),
  );
});

test("the good envelope is believed and read on XS", () => {
  const inputs = [goodRelease(), releaseKey.publicKey];
  const [answer] = askBoth([{ kind: kinds.envelope, inputs }]);
  assert.ok(answer.includes("sequenceNumber:7"), answer);
});

test("every refusal case is refused on XS for its reason", () => {
  const cases = refusalCases();
  const answers = askBoth(
    cases.map(({ envelope }) => ({
      kind: kinds.envelope,
      inputs: [envelope, releaseKey.publicKey],
    })),
  );
  cases.forEach(({ name, expected }, index) => {
    assert.is(answers[index], expected, name);
  });
  assert.ok(cases.length > 50);
});

test("CBOR items, well formed and not, read the same", () => {
  const random = randomFrom(seed);
  const questions = Array.from({ length: 1500 }, () => ({
    kind: kinds.cbor,
    inputs: [randomBytes(random, 1 + Math.floor(random() * 40))],
  }));
  const known = { kind: kinds.cbor, inputs: [fromHex("a2 01 83 01 20 42 ff00 02 63 616263")] };
  const answers = askBoth([known, ...questions]);
  assert.is(answers[0], "{1: [1 -1 h'ff00' ] 2: abc } false true");
  assert.ok(answers.some((answer) => answer.includes("false true")));
});

test("otadata entries read, compare and write the same", () => {
  const random = randomFrom(seed);
  const entries = [1, 2, 7, 0xfffffffe].flatMap((sequence) =>
    [0, 1, 2, 3, 4, 0xffffffff].map((state) => encodeEntry(makeEntry(sequence, state))),
  );
  entries.push(new Uint8Array(32).fill(0xff), randomBytes(random, 32));
  const questions = entries.flatMap((first) =>
    entries.map((second) => ({ kind: kinds.otadata, inputs: [first, second] })),
  );
  const answers = askBoth(questions);
  // ESP-IDF bootloader_common.c: crc32 of the sequence with the register at 0; for 1 it is
  // 4743989a.
  assert.ok(answers[0].includes(String(0x4743989a)), answers[0]);
});

test("image headers read the same", () => {
  const random = randomFrom(seed);
  const images = (["ok", "nohash", "magic", "chip", "segs"] as const).map((kind) => imageOf(kind));
  const questions = images.flatMap((image) =>
    Array.from({ length: 30 }, (_, index) => {
      const head = image.subarray(0, 288);
      return { kind: kinds.imageHeader, inputs: [index === 0 ? head : mutate(head, random)] };
    }),
  );
  assert.ok(askBoth(questions)[0].includes("ok:true"));
});

test("journal records read and write the same, whole and damaged", () => {
  const random = randomFrom(seed);
  const bytes = new Uint8Array(320);
  const attempt = bytes.slice(
    0,
    encodeRecord("attempt", emptyAttempt(randomBytes(random, 8)), bytes),
  );
  const digest = randomBytes(random, 32);
  const confirmed = bytes.slice(
    0,
    encodeRecord(
      "confirmed",
      {
        slot: 1,
        previousSlot: -1,
        imageSizeBytes: 100_000,
        previousSizeBytes: 0,
        sequenceFloor: 2 ** 40,
        manifestDigest: digest,
        imageDigest: digest,
        identity: digest,
        previousIdentity: digest,
      },
      bytes,
    ),
  );
  const questions = [attempt, confirmed].flatMap((record) =>
    Array.from({ length: 200 }, (_, index) => ({
      kind: kinds.records,
      inputs: [index === 0 ? record : mutate(record, random)],
    })),
  );
  const answers = askBoth(questions);
  assert.ok(answers[200].includes(`sequenceFloor:${2 ** 40}`), answers[200]);
});

test("addresses, pauses, identifiers, the table and reconciliation are the same", () => {
  const random = randomFrom(seed);
  const urls = ["http://a.b:80/c/", "http://h/", "https://h/", "http://h:99999/", "http://h"];
  const references = ["x.bin", "/x", "http://o/p", "//h", "a b", "../x", ""];
  const questions: Question[] = urls.flatMap((url) =>
    references.map((reference) => ({
      kind: kinds.url,
      inputs: [asciiBytes(url), asciiBytes(reference)],
    })),
  );
  for (let i = 0; i < 200; i++) {
    questions.push({ kind: kinds.schedule, inputs: [randomBytes(random, 5)] });
  }
  questions.push({ kind: kinds.machine, inputs: [] }, { kind: kinds.reconcile, inputs: [] });
  const names = [asciiBytes("example.com"), asciiBytes("lamp-v2")];
  questions.push({ kind: kinds.uuid5, inputs: names });
  const answers = askBoth(questions);
  assert.ok(answers.at(-3)?.includes("ready pollDue {to:ready,actions:[fetchOffer]}"));
  // RFC 9562 5.5, computed with Python's uuid.uuid5(NAMESPACE_DNS, "example.com").
  assert.ok(answers.at(-1)?.includes("cfbff0d193755685968c48ce8b15ae17"));
});

test.run();
