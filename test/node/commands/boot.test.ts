import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BootCommandError, bootFiles, renderBoot } from "../../../hosts/node/commands/boot.js";
import { buildImage } from "../../../src/author/esp-image.js";
import { digest } from "../../helpers/digest.js";
import { bootCases, caseFlash, imageOf } from "../../helpers/images.js";

const test = suite("daruma boot");
let folder = "";
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "daruma-boot-"));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

function save(name: string, bytes: Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return file;
}

function fails(code: string, call: () => unknown): void {
  assert.throws(call, (error: unknown) => error instanceof BootCommandError && error.code === code);
}

for (const bootCase of bootCases()) {
  test(`tells what the real bootloader does: ${bootCase.name}`, () => {
    const before = caseFlash(bootCase);
    const file = save("flash.bin", before);
    const [dry] = bootFiles([file], { chip: "esp32", write: false });
    assert.ok(readFileSync(file).equals(before), "a dry run writes nothing");
    const expected = bootCase.boots[0];
    assert.is(dry.slot ?? "RESET", expected.slot);
    assert.equal([...dry.written].sort(), [...expected.sectorsWritten].sort());
    assert.match(renderBoot(dry), dry.reset ? /resets for ever/ : new RegExp(`${dry.slot} boots`));
    // Let it write, boot by boot: each boot finds what the last one left.
    let chained = true;
    bootCase.boots.forEach((boot, index) => {
      const previous = bootCase.boots[index - 1];
      chained &&= index === 0 || boot.otadataBefore.join() === previous.otadataAfter.join();
      if (!chained) return;
      const [report] = bootFiles([file], { chip: "esp32", write: true });
      assert.is(report.slot ?? "RESET", boot.slot);
    });
  });
}

test("the JSON line has exactly the documented members", () => {
  const bootCase = bootCases()[0];
  const file = save("line.bin", caseFlash(bootCase));
  const [report] = bootFiles([file], { chip: "esp32", write: false });
  assert.is(
    JSON.stringify(report),
    `{"ok":true,"file":${JSON.stringify(file)},"slot":"ota_0","reset":false,` +
      `"reason":"initial","chip":"esp32",` +
      `"otadata":[{"sequence":1,"state":"valid","crcOk":true},` +
      `{"sequence":4294967295,"state":"undefined","crcOk":false}],"written":["0xd000"]}`,
  );
});

test("bad input gives a code, never a stack", () => {
  const options = { chip: "esp32", write: false };
  fails("unknown-chip", () => bootFiles([], { chip: "esp8266", write: false }));
  fails("file-unreadable", () => bootFiles([join(folder, "absent.bin")], options));
  fails("file-unreadable", () => bootFiles(["/dev/zero"], options));
  fails("flash-size", () => bootFiles([save("small.bin", new Uint8Array(0x8fff))], options));
  const [report] = bootFiles([save("least.bin", new Uint8Array(0x9000 + 3))], options);
  assert.is(report.reason, "partition-table-invalid");
  assert.ok(report.reset);
});

test("an application's image is named as what it is, not taken for a flash", () => {
  const options = { chip: "esp32", write: false };
  for (const [chipId, chip] of [
    [0, "esp32"],
    [5, "esp32c3"],
    [99, "a chip with id 99"],
  ] as const) {
    for (const sizeBytes of [2048, 0x9000]) {
      const image = buildImage({ chipId, version: "1", projectName: "lamp", sizeBytes }, digest);
      assert.throws(
        () => bootFiles([save("app.bin", image)], options),
        (error: unknown) =>
          error instanceof BootCommandError &&
          error.code === "application-image" &&
          error.message.includes(`"lamp" for ${chip}, not a flash`),
      );
    }
  }
});

test("a flash that begins with its bootloader, as newer chips have it, is one", () => {
  const flash = caseFlash(bootCases()[0]);
  // An image header without the descriptor of an application (esp_bootloader_desc: magic 80).
  const bootloader = imageOf("ok").subarray(0, 288);
  bootloader.fill(0, 32);
  bootloader[32] = 80;
  flash.set(bootloader, 0);
  const [report] = bootFiles([save("c3.bin", flash)], { chip: "esp32", write: false });
  assert.is(report.slot, "ota_0");
});

test("the chip is that of the images unless it is named; then a misfit is told", () => {
  const flash = caseFlash(bootCases()[0]);
  for (const offset of [0x10000, 0x190000]) flash.set(imageOf("chip"), offset);
  const file = save("c3.bin", flash);
  const [guessed] = bootFiles([file], { write: false });
  assert.is(guessed.slot, "ota_0");
  assert.is(guessed.chip, "esp32c3");
  assert.match(renderBoot(guessed), "ota_0 boots (initial) on esp32c3");
  const [named] = bootFiles([file], { chip: "esp32", write: false });
  assert.is(named.slot, null);
  assert.match(JSON.stringify(named), /^{"ok":false,/);
  assert.match(renderBoot(named), "Its images are for esp32c3, not esp32: name --chip esp32c3.");
  const [fitting] = bootFiles([file], { chip: "esp32c3", write: false });
  assert.not.match(renderBoot(fitting), "--chip");
});

test("images for two chips, or none, leave the default", () => {
  const flash = caseFlash(bootCases()[0]);
  flash.set(imageOf("chip"), 0x190000);
  const [two] = bootFiles([save("two.bin", flash)], { write: false });
  assert.is(two.chip, "esp32");
  const [none] = bootFiles([save("none.bin", new Uint8Array(0x9000))], { write: false });
  assert.is(none.chip, "esp32");
});

test("a file of any size is a chip of that size: a slot past its end spoils the table", () => {
  const file = save("short.bin", caseFlash(bootCases()[0]).subarray(0, 0x200000));
  const [report] = bootFiles([file], { chip: "esp32", write: true });
  assert.is(report.reason, "partition-table-invalid");
  assert.match(renderBoot(report), "The file is shorter than its partition table");
});

test.run();
