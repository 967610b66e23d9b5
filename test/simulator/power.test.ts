import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Power, PowerCut } from "../../hosts/simulator/power.js";

const test = suite("simulated power");
const isCut = (error: unknown) => error instanceof PowerCut;

test("operations are counted by kind, and cut at the planned index", () => {
  const power = new Power();
  power.plan([{ operation: 2, tear: { kind: "after" } }]);
  assert.is(power.begin("erase"), null);
  assert.is(power.begin("program"), null);
  assert.equal(power.begin("key-value"), { kind: "after" });
  assert.throws(() => power.fail(), isCut);
  assert.equal(
    [power.operations, power.erases, power.programs, power.keyValueWrites],
    [3, 1, 1, 1],
  );
});

test("a cut is latched until the supply is back", () => {
  const power = new Power();
  assert.throws(() => power.cut(), isCut);
  for (let i = 0; i < 3; i++) {
    assert.throws(() => power.check(), isCut);
    assert.throws(() => power.begin("erase"), isCut);
  }
  assert.is(power.operations, 0);
  power.restore();
  power.check();
});

test("a plan may cut several boots, one after the other", () => {
  const power = new Power();
  power.plan([
    { operation: 0, tear: { kind: "before" } },
    { operation: 1, tear: { kind: "after" } },
  ]);
  assert.equal(power.begin("erase"), { kind: "before" });
  assert.throws(() => power.fail(), isCut);
  power.restore();
  assert.equal(power.begin("erase"), { kind: "after" });
  assert.throws(() => power.fail(), isCut);
  power.restore();
  assert.is(power.begin("erase"), null);
});

test("a plan must rise", () => {
  const tear = { kind: "before" } as const;
  const power = new Power();
  assert.throws(
    () =>
      power.plan([
        { operation: 1, tear },
        { operation: 1, tear },
      ]),
    RangeError,
  );
});

test.run();
