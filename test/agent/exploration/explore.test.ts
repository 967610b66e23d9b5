import { test } from "uvu";
import * as assert from "uvu/assert";
import { explore, type Mutation } from "./explore.js";

test("no state, event or cut breaks a promise, and every state leads to a settled device", () => {
  const { states, transitions, cuts, settled, violations, stranded } = explore();
  console.log(
    `state machine explored: ${states} states, ${transitions} transitions, ` +
      `${cuts} boots after a cut or reset, ${settled} settled states`,
  );
  assert.equal(violations, []);
  assert.equal(stranded, []);
  assert.ok(states > 1000 && settled > 1);
});

const mutations: readonly [Mutation, string][] = [
  ["early-confirmed", "an image counts as confirmed once it is staged"],
  ["no-memory", "failed releases are not remembered"],
  ["early-floor", "the floor rises before the confirm"],
  ["one-reject", "a reject that was torn is not begun anew"],
  ["free-erase", "bytes that were damaged are written again without a pass"],
  ["lost-result", "a result that could not be told is not kept"],
];
for (const [mutation, text] of mutations) {
  test(`the exploration notices when ${text}`, () => {
    const { violations, stranded } = explore(mutation);
    assert.ok(violations.length + stranded.length > 0);
  });
}

test.run();
