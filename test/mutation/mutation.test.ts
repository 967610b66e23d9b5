import { test } from "uvu";
import * as assert from "uvu/assert";
import { seed } from "../helpers/seed.js";
import { sweepWithout } from "./harness.js";
import { mutants, redundant } from "./mutants.js";

test("the sweeps notice each safeguard that is missing", async () => {
  assert.ok(mutants.length >= 20);
  const rows: string[] = [];
  // All of them take a minute or two: MUTANTS=all npm test. Otherwise a share by the seed.
  const all = process.env.MUTANTS === "all";
  const share = mutants.filter((_, index) => all || index % 5 === seed % 5);
  for (const mutant of share) {
    const { promise, text, line } = await sweepWithout(mutant, false);
    rows.push(`${promise.padEnd(3)} ${mutant.name}: ${text} (${line})`);
    assert.is.not(promise, "", `nothing notices that this is missing: ${mutant.name}`);
  }
  console.log(rows.join("\n"));
});

test("the product as it is passes the plans that mutants fail", async () => {
  for (const mutant of mutants) {
    if (mutant.plan === undefined) continue;
    assert.is((await sweepWithout(mutant, true)).promise, "", mutant.plan);
  }
});

test("second lines of defence name what covers for them", () => {
  for (const { name, covered } of redundant) assert.ok(covered.length > 20, name);
});

test.run();
