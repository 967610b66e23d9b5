import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Prng } from "../../hosts/simulator/prng.js";
import { parseCut, parseTear, printCut, printTear } from "../../hosts/simulator/tear.js";

const test = suite("tear");

test("tears and cuts print to one token and parse from it", () => {
  for (const token of ["before", "after", "prefix:0", "prefix:17", "bits:7:128", "weak:0:256"]) {
    assert.is(printTear(parseTear(token)), token);
    for (const cut of [`0/${token}`, `12~${token}`]) assert.is(printCut(parseCut(cut)), cut);
  }
});

test("other texts are refused", () => {
  const bad = ["", "befor", "prefix", "prefix:-1", "prefix:1.5", "bits:1", "bits:1:257", "after:1"];
  for (const token of bad) assert.throws(() => parseTear(token), RangeError);
  for (const token of ["", "after", "/after", "x/after", "-1/after", "1/after~"]) {
    assert.throws(() => parseCut(token), RangeError);
  }
});

test("the generator repeats itself by seed, and its numbers are spread", () => {
  const draw = (seed: number) => {
    const random = new Prng(seed);
    return [random.next(), random.next(), random.next()];
  };
  assert.equal(draw(1), draw(1));
  assert.not.equal(draw(1), draw(2));
  const random = new Prng(9);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 4000; i++) counts[random.below(4)]++;
  assert.ok(counts.every((count) => count > 850 && count < 1150));
});

test.run();
