/** Signature checks on XS: right in every sum, and with few collections in a small machine. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { esp32c3Creation, exitCodes, smallCreation } from "../../hosts/node/xs-process.js";
import { sums } from "../crypto/points.js";
import { randomFrom, seed } from "../helpers/seed.js";
import { askXs, type Question, runAlone } from "../helpers/xs.js";
import { kinds } from "./device/evaluate.js";

test("s*B - k*A is the library's on XS too, in the machine of a C3", () => {
  const cases = [...sums(randomFrom(seed))].filter((_, index) => index % 5 === seed % 5);
  const questions = cases.map(({ publicKey, signature, hash }): Question => {
    return { kind: kinds.sum, inputs: [publicKey, signature, hash] };
  });
  const answers: string[] = [];
  askXs(questions, (_, answer) => answers.push(answer), esp32c3Creation);
  assert.is(answers.length, cases.length);
  cases.forEach(({ isGood, what }, index) => {
    assert.is(answers[index], String(isGood), `SEED=${seed}: ${what}`);
  });
  assert.ok(answers.filter((answer) => answer === "true").length > 80);
});

/** Collections of one check, in how many stretches between two calls of `alive`. */
function collectionsOf(creation: typeof smallCreation): number {
  const { status, output } = runAlone("dist/hosts/xs/parts/signature.js", creation);
  assert.is(status, exitCodes.ok, output);
  const marks = [...output.matchAll(/^mark signature \d+ \d+ (\d+)/gm)];
  assert.is(marks.length, 10);
  return marks.reduce((sum, [, collections]) => sum + Number(collections), 0);
}

test("a check makes a small heap grow once, and not be collected at every other product", () => {
  const inSmall = collectionsOf(esp32c3Creation);
  const inLarge = collectionsOf(smallCreation);
  // 2,771 and 119 when the library added.
  assert.ok(inSmall <= 400, `${inSmall} collections`);
  assert.ok(inLarge <= 120, `${inLarge} collections`);
});

test("heaps grow by their increments, and end the machine without", () => {
  const fixed = { ...esp32c3Creation, chunkStepBytes: 0 };
  const status = runAlone("dist/hosts/xs/parts/signature.js", fixed).status;
  assert.is(status, exitCodes.memoryFull);
  const full = "dist/hosts/xs/parts/signature-crowded.js";
  assert.is(runAlone(full, { ...esp32c3Creation, heapStepSlots: 0 }).status, exitCodes.memoryFull);
  assert.is(runAlone(full, esp32c3Creation).status, exitCodes.ok);
});

test.run();
