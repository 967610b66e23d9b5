import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blockBytes, Flash, FlashMisuse } from "../../hosts/simulator/flash.js";
import { Power, PowerCut } from "../../hosts/simulator/power.js";
import type { Tear } from "../../hosts/simulator/tear.js";

const test = suite("simulated flash");

function make(blocks = 4): { flash: Flash; power: Power } {
  const power = new Power();
  return { power, flash: new Flash({ power, sizeBytes: blocks * blockBytes, seed: 5 }) };
}

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

const tears: fc.Arbitrary<Tear> = fc.oneof(
  fc.constant<Tear>({ kind: "before" }),
  fc.constant<Tear>({ kind: "after" }),
  fc.record({ kind: fc.constant("prefix" as const), bytes: fc.nat(5000) }),
  fc.record({
    kind: fc.constantFrom("bits" as const, "weak" as const),
    seed: fc.nat(),
    share: fc.nat(256),
  }),
);

test("a new chip is erased, writes are read back, erasing restores FF", () => {
  const { flash } = make();
  flash.write(4096, filled(16, 0x5a), 0, 16);
  const into = filled(20, 0);
  flash.read(4096, into, 2, 17);
  assert.equal(into.slice(2, 19), Uint8Array.of(...filled(16, 0x5a), 0xff));
  flash.eraseBlock(4096);
  assert.ok(flash.bytes.every((byte) => byte === 0xff));
  assert.equal([flash.erases[1], flash.programs[1], flash.erases[0]], [1, 1, 0]);
});

test("programming clears bits and never sets one, by words and by bytes", () => {
  const pair = fc.tuple(fc.nat(255), fc.nat(255), fc.constantFrom(0, 1));
  fc.assert(
    fc.property(pair, ([first, second, start]) => {
      const { flash } = make(1);
      flash.write(0, filled(17, first), start, 16);
      const write = () => flash.write(0, filled(17, second), start, 16);
      if ((second & ~first) !== 0)
        return assert.throws(write, (e: unknown) => e instanceof FlashMisuse);
      write();
      assert.ok(flash.bytes.subarray(0, 16).every((byte) => byte === (first & second)));
    }),
  );
});

test("calls that no driver makes are misuse", () => {
  const { flash, power } = make();
  const four = filled(4, 0);
  const calls = [
    () => flash.read(4 * 4096 - 2, four, 0, 4),
    () => flash.read(-4, four, 0, 4),
    () => flash.read(0, four, 1, 4),
    () => flash.write(4 * 4096, four, 0, 4),
    () => flash.write(2, four, 0, 4),
    () => flash.write(0, four, 0, 3),
    () => flash.write(0, four, 0, 8),
    () => flash.write(Number.NaN, four, 0, 4),
    () => flash.eraseBlock(100),
    () => flash.eraseBlock(4 * 4096),
  ];
  for (const call of calls) assert.throws(call, (e: unknown) => e instanceof FlashMisuse);
  assert.is(power.operations, 0);
});

test("a torn program leaves every bit old or new, and touches nothing else", () => {
  fc.assert(
    fc.property(tears, fc.uint8Array({ minLength: 64, maxLength: 64 }), (tear, data) => {
      const { flash, power } = make(2);
      power.plan([{ operation: 0, tear }]);
      assert.throws(
        () => flash.write(32, data, 0, 64),
        (e: unknown) => e instanceof PowerCut,
      );
      for (let i = 0; i < flash.bytes.length; i++) {
        const next = i >= 32 && i < 96 ? data[i - 32] : 0xff;
        // Old was FF: a cell lies between new and old when it has no bit less than new.
        assert.is(next & ~flash.bytes[i], 0);
        if (tear.kind === "before") assert.is(flash.bytes[i], 0xff);
        if (tear.kind === "after") assert.is(flash.bytes[i], next);
        if (tear.kind === "prefix") assert.is(flash.bytes[i], i < 32 + tear.bytes ? next : 0xff);
      }
    }),
  );
});

test("a torn erase leaves every bit old or set, and touches no other block", () => {
  fc.assert(
    fc.property(tears, fc.nat(255), (tear, value) => {
      const { flash, power } = make(2);
      flash.load(0, filled(2 * blockBytes, value));
      power.plan([{ operation: 0, tear }]);
      assert.throws(
        () => flash.eraseBlock(0),
        (e: unknown) => e instanceof PowerCut,
      );
      assert.ok(flash.bytes.subarray(0, blockBytes).every((byte) => (value & ~byte) === 0));
      assert.ok(flash.bytes.subarray(blockBytes).every((byte) => byte === value));
    }),
    { numRuns: 50 },
  );
});

test("the same tear gives the same cells, another seed gives others", () => {
  const cells = (seed: number) => {
    const { flash, power } = make(1);
    power.plan([{ operation: 0, tear: { kind: "bits", seed, share: 128 } }]);
    assert.throws(() => flash.write(0, filled(64, 0), 0, 64));
    return flash.bytes.slice(0, 64);
  };
  assert.equal(cells(1), cells(1));
  assert.not.equal(cells(1), cells(2));
});

test("weak bits read differently until their block is erased", () => {
  const { flash, power } = make(1);
  power.plan([{ operation: 0, tear: { kind: "weak", seed: 3, share: 128 } }]);
  assert.throws(() => flash.write(0, filled(64, 0x0f), 0, 64));
  power.restore();
  const first = filled(64, 0);
  const second = filled(64, 0);
  flash.read(0, first, 0, 64);
  flash.read(0, second, 0, 64);
  assert.not.equal(first, second);
  assert.ok(first.every((byte) => (byte & 0x0f) === 0x0f));
  flash.eraseBlock(0);
  flash.read(0, first, 0, 64);
  assert.ok(first.every((byte) => byte === 0xff));
});

test("a weak bit that is programmed to 0 becomes firm; the others stay weak", () => {
  const { flash, power } = make(1);
  power.plan([{ operation: 0, tear: { kind: "weak", seed: 3, share: 256 } }]);
  assert.throws(() => flash.write(0, filled(4, 0), 0, 4));
  power.restore();
  flash.write(0, filled(4, 0xf0), 0, 4);
  let seen = 0;
  for (let i = 0; i < 64; i++) {
    const into = filled(4, 0);
    flash.read(0, into, 0, 4);
    assert.is(into[0] & 0x0f, 0);
    seen |= into[0] ^ flash.bytes[0];
  }
  assert.is(seen, 0xf0);
});

test("stuck bits keep their value, rot flips once, a silent fault reports success", () => {
  const { flash, power } = make(1);
  flash.stick(0, 0x01, 0);
  flash.stick(4, 0x80, 1);
  flash.write(4, filled(4, 0), 0, 4);
  assert.is(flash.bytes[4], 0x80);
  flash.eraseBlock(0);
  assert.is(flash.bytes[0], 0xfe);
  flash.rot(8, 0x10);
  assert.is(flash.bytes[8], 0xef);
  power.plan([{ operation: 0, tear: { kind: "prefix", bytes: 2 }, silent: true }]);
  flash.write(16, filled(4, 0), 0, 4);
  assert.equal(flash.bytes.slice(16, 20), Uint8Array.of(0, 0, 0xff, 0xff));
  assert.not.ok(power.isCut);
});

test("snapshots bring back cells, wear and chance, in any order", () => {
  const { flash, power } = make(4);
  const blank = flash.snapshot();
  flash.write(0, filled(16, 1), 0, 16);
  const one = flash.snapshot();
  flash.eraseBlock(0);
  flash.write(8192, filled(16, 2), 0, 16);
  power.plan([{ operation: 0, tear: { kind: "weak", seed: 1, share: 256 } }]);
  assert.throws(() => flash.write(4096, filled(16, 3), 0, 16));
  power.restore();
  const weak = flash.snapshot();
  const readWeak = () => {
    const into = filled(16, 0);
    flash.read(4096, into, 0, 16);
    return into;
  };
  const seen = readWeak();
  flash.restore(one);
  assert.equal([flash.bytes[0], flash.bytes[8192], flash.erases[0]], [1, 0xff, 0]);
  assert.equal(readWeak(), filled(16, 0xff));
  flash.restore(weak);
  assert.equal([flash.bytes[0], flash.bytes[8192], flash.erases[0]], [0xff, 2, 1]);
  assert.equal(readWeak(), seen);
  flash.restore(blank);
  assert.ok(flash.bytes.every((byte) => byte === 0xff));
  flash.write(0, filled(16, 4), 0, 16);
  flash.restore(blank);
  assert.is(flash.bytes[0], 0xff);
});

test("random work followed by a restore always gives the snapshot back", () => {
  const work = fc.array(fc.record({ block: fc.nat(3), kind: fc.nat(3), value: fc.nat(255) }));
  fc.assert(
    fc.property(work, work, (before, after) => {
      const { flash } = make(4);
      const run = (list: typeof before) => {
        for (const { block, kind, value } of list) {
          if (kind === 0) flash.eraseBlock(block * blockBytes);
          else if (kind === 1) flash.load(block * blockBytes + value, filled(8, value));
          else if (kind === 2) flash.rot(block * blockBytes + value, 0x11);
          else flash.snapshot();
        }
      };
      run(before);
      const kept = flash.snapshot();
      const bytes = flash.bytes.slice();
      run(after);
      flash.restore(kept);
      assert.ok(Buffer.from(bytes).equals(Buffer.from(flash.bytes)));
    }),
  );
});

test.run();
