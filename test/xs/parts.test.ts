/** Byte code and RAM of each part, measured on XS: the limits of `npm run budgets`, always held. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { headAtBound, measureUpdate } from "../../hosts/node/xs-measure.js";
import {
  liveLimitsOf,
  measureParts,
  moduleSizes,
  most,
  type PartCost,
  type PartLimits,
  partLimitsOf,
  partsOver,
} from "../../hosts/node/xs-parts.js";
import { xsProgram } from "../../hosts/node/xs-process.js";
import { limits } from "../../src/limits.js";

function measured(): PartCost[] {
  const update = measureUpdate(40_000, false, { collectOften: true });
  assert.ok(update !== null);
  return measureParts(update);
}

const parts = measured();
const { bits } = xsProgram();

test(`each part stays within its ${bits}-bit limits of byte code, slots and chunk`, () => {
  const most = partLimitsOf(bits);
  assert.equal(
    parts.filter(({ part }) => part in most).map(({ part }) => part),
    Object.keys(most),
  );
  assert.equal(partsOver(parts), []);
});

test("each limit of a machine of 64 bits allows at least as much as that of one of 32", () => {
  const [small, large] = [partLimitsOf(32), partLimitsOf(64)];
  assert.equal(Object.keys(large), Object.keys(small));
  for (const [part, { codeBytes, slots, chunkBytes }] of Object.entries(small)) {
    assert.ok(large[part].codeBytes > codeBytes, part);
    assert.ok(large[part].slots >= slots && large[part].chunkBytes >= chunkBytes, part);
  }
});

test("a limit below what a part needs is reported, for each of the three", () => {
  for (const [field, unit] of [
    ["codeBytes", "bytes of code"],
    ["slots", "slots"],
    ["chunkBytes", "bytes of chunk"],
  ] as const) {
    const agent: PartLimits = { codeBytes: 1e9, slots: 1e9, chunkBytes: 1e9, [field]: 10 };
    const over = partsOver(parts, { agent });
    assert.is(over.length, 1);
    assert.ok(over[0].startsWith("agent: ") && over[0].endsWith(unit), over[0]);
  }
});

const live = liveLimitsOf(bits);

test(`with heads as large as they may be, at most ${live.chunkBytes} bytes are live`, () => {
  for (const kind of ["lines", "line"] as const) {
    const sizes = new Set<number>();
    const onHead = (_path: string, head: string): string => {
      const changed = headAtBound(head, kind);
      sizes.add(changed.length);
      assert.ok(changed.split("\r\n").length - 1 <= limits.headLinesMax);
      return changed;
    };
    const update = measureUpdate(40_000, false, { collectOften: true, onHead });
    assert.equal([...sizes], [limits.headBytesMax]);
    assert.ok(update !== null);
    const { chunkBytes, slots } = most(update);
    assert.ok(chunkBytes <= live.chunkBytes, `${chunkBytes} bytes`);
    assert.ok(slots <= live.slots, `${slots} slots`);
  }
});

test("preloaded modules hold nothing but aliases", () => {
  for (const { part, loaded } of parts) {
    assert.ok(loaded.slots <= 4 && loaded.chunkBytes === 0, `${part}: ${loaded.slots} slots`);
  }
});

test("the boot entry loads nothing of polling, downloading, SUIT or signatures", () => {
  const modules = [...moduleSizes("dist/hosts/xs/parts/boot.js").keys()];
  assert.ok(modules.includes("src/agent/boot-check.js"));
  const others =
    /^(@noble|src\/(suit|cbor|crypto)|src\/agent\/(agent|poller|updater|download|url))/;
  assert.equal(
    modules.filter((path) => others.test(path)),
    [],
  );
});

test.run();
