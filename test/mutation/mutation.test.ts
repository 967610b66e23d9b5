import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { seed } from "../helpers/seed.js";
import { sweepWithout } from "./harness.js";
import { mutants } from "./mutants.js";

// All of them take a few minutes: MUTANTS=all npm test. Otherwise a share by the seed.
const all = process.env.MUTANTS === "all";
const share = mutants.filter((_, index) => all || index % 5 === seed % 5);
console.log(`${share.length} of ${mutants.length} safeguards are switched off, SEED=${seed}`);

for (const mutant of share) {
  test(`the sweeps notice that this is missing: ${mutant.name}`, async () => {
    const { promise, text, line, replayed } = await sweepWithout(mutant, false);
    assert.is.not(promise, "", "nothing notices it");
    console.log(`${promise} ${mutant.name}: ${text} (${line})`);
    assert.is(replayed, promise, `daruma simulate --plan '${line}' shows the same`);
  });
}

test("the text of every mutant occurs once in the compiled code", () => {
  for (const { name, file, find } of mutants) {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    assert.is(text.split(find).length - 1, 1, name);
  }
});

test("there are mutants enough, each with a name of its own", () => {
  assert.ok(mutants.length >= 20);
  assert.is(new Set(mutants.map(({ name }) => name)).size, mutants.length);
});

test("the product as it is passes the plans that mutants fail", async () => {
  for (const mutant of mutants) {
    if (mutant.plan === undefined) continue;
    assert.is((await sweepWithout(mutant, true)).promise, "", mutant.plan);
  }
});

test.run();
