import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runBootloader } from "../../hosts/simulator/bootloader.js";
import { explainBoot } from "../../hosts/simulator/explain-boot.js";
import { Flash } from "../../hosts/simulator/flash.js";
import { Power } from "../../hosts/simulator/power.js";
import { encodeEntry } from "../../src/boot/otadata-write.js";
import { hex } from "../../src/bytes.js";
import { crypto } from "../helpers/digest.js";
import { type BootCase, bootCases, caseFlash, fromHex } from "../helpers/images.js";

const test = suite("simulated bootloader");

function flashOf(bytes: Uint8Array): { flash: Flash; power: Power } {
  const power = new Power();
  const flash = new Flash({ power, sizeBytes: bytes.length });
  flash.load(0, bytes);
  return { flash, power };
}

function byName(name: string): BootCase {
  const found = bootCases().find((each) => each.name === name);
  if (found === undefined) throw new Error(`no case "${name}"`);
  return found;
}

test("there are the 37 recorded cases", () => {
  assert.is(bootCases().length, 37);
});

for (const bootCase of bootCases()) {
  test(`agrees with the real bootloader: ${bootCase.name}`, () => {
    for (let boot = 0; boot < bootCase.boots.length; boot++) {
      const expected = bootCase.boots[boot];
      const before = caseFlash(bootCase, boot);
      const { flash } = flashOf(before);
      const result = runBootloader(flash, crypto);
      assert.is(result.slot ?? "RESET", expected.slot);
      assert.is(result.reset, expected.slot === "RESET");
      const sectors = new Set(result.writes.map((address) => `0x${address.toString(16)}`));
      assert.equal([...sectors].sort(), [...expected.sectorsWritten].sort());
      // Every byte of the flash: the sectors written hold the entry and FF, nothing else moved.
      const after = before.slice();
      for (const sector of expected.sectorsWritten) {
        const at = Number(sector);
        after.fill(0xff, at, at + 0x1000);
        const which = at % 0x2000 === 0x1000 ? 0 : 1;
        after.set(fromHex(expected.otadataAfter[which]), at);
      }
      assert.ok(Buffer.from(flash.bytes).equals(Buffer.from(after)), "flash after the boot");
      if (result.otadataAfter !== null) {
        const entries = result.otadataAfter.map((entry) => hex(encodeEntry(entry)));
        assert.equal(entries, expected.otadataAfter);
      }
    }
  });
}

test("a dry run reports the same and writes nothing", () => {
  const before = caseFlash(byName("1 VALID/2 NEW"));
  const { flash } = flashOf(before);
  const dry = runBootloader(flash, crypto, { write: false });
  assert.ok(Buffer.from(flash.bytes).equals(Buffer.from(before)));
  const wet = runBootloader(flash, crypto);
  assert.equal(dry, wet);
  assert.equal(wet.writes, [0xe000]);
});

test("an image that is refused leaves otadata alone, and the words say so", () => {
  const { flash } = flashOf(caseFlash(byName("3 VALID/4 NEW, ota_1 flip")));
  const result = runBootloader(flash, crypto);
  assert.is(result.reason, "fallback");
  assert.equal(explainBoot(result), [
    "The newest otadata entry is new: its slot boots on trial, and must confirm itself.",
    "ota_1 is refused: its checksum does not match.",
    "Entry 1 (sequence 4) becomes pending-verify.",
    "ota_0 boots.",
  ]);
});

test("without validation a corrupt image boots, as Moddable's plain ESP32 settings have it", () => {
  const { flash } = flashOf(caseFlash(byName("3 VALID/4 NEW, ota_1 flip")));
  assert.is(runBootloader(flash, crypto, { skipValidate: true }).slot, "ota_1");
});

test("without rollback a new entry boots unguarded and nothing is written", () => {
  const { flash } = flashOf(caseFlash(byName("1 VALID/2 NEW")));
  const result = runBootloader(flash, crypto, { rollback: false });
  assert.is(result.slot, "ota_1");
  assert.equal(result.writes, []);
});

test("a cut between erase and program of new to pending loses the update without a trace", () => {
  const { flash, power } = flashOf(caseFlash(byName("1 VALID/2 NEW")));
  power.plan([{ operation: 1, tear: { kind: "before" } }]);
  assert.throws(() => runBootloader(flash, crypto), /supply/);
  assert.throws(() => flash.read(0, new Uint8Array(1), 0, 1), /supply/);
  power.restore();
  const result = runBootloader(flash, crypto);
  assert.is(result.slot, "ota_0");
  assert.is(result.reason, "active");
});

test("every boot of every case ends in words", () => {
  for (const bootCase of bootCases()) {
    const { flash } = flashOf(caseFlash(bootCase));
    const lines = explainBoot(runBootloader(flash, crypto));
    assert.match(lines[lines.length - 1], /boots\.$|for ever\.$/);
  }
});

test.run();
