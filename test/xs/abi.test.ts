/**
 * The machine that the XS tests run in, said first: budgets of a device are judged in one of 32
 * bits only, and one of 64 has limits of its own.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Bits, xsProgram } from "../../hosts/node/xs-process.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

test("the first line of the XS part says which machine runs, and what is judged in it", () => {
  const { bits } = xsProgram();
  const judged = {
    32: "the budgets of the device are judged",
    64: "limits of its own are judged, not the device's: for those install gcc-multilib",
  };
  console.log(`XS: a machine of ${bits} bits; ${judged[bits]}`);
  const files = readdirSync(join(root, "dist/test/xs")).filter((name) => name.endsWith(".test.js"));
  // As uvu sorts them.
  assert.is(files.sort((a, b) => a.localeCompare(b))[0], "abi.test.js");
});

test("the program has the size that its build was chosen for", () => {
  const { path, bits } = xsProgram();
  // The class of an ELF file: 1 for 32 bits, 2 for 64.
  assert.is(readFileSync(path)[4], bits / 32);
});

test("the program is the one that was built last, never another size than was asked for", () => {
  const cache = mkdtempSync(join(tmpdir(), "daruma-cache-"));
  try {
    assert.throws(() => xsProgram(cache, null), "is not built");
    for (const folder of ["m32", "m64"]) {
      mkdirSync(join(cache, folder));
      writeFileSync(join(cache, folder, "daruma-xs"), "");
    }
    for (const bits of [64, 32] as const) {
      writeFileSync(join(cache, "bits"), `${bits}`);
      const built = { path: join(cache, `m${bits}`, "daruma-xs"), bits };
      assert.equal(xsProgram(cache, null), built);
      assert.equal(xsProgram(cache, `${bits}`), built);
      assert.throws(() => xsProgram(cache, `${96 - bits}`), `the XS host has ${bits} bits`);
    }
  } finally {
    rmSync(cache, { recursive: true });
  }
});

interface Choice {
  chooseBits(asked: string | undefined, canBuild32: () => boolean): Bits;
}

test("32 bits where gcc can build them, else 64; what was asked for or nothing", async () => {
  const { chooseBits }: Choice = await import(join(root, "hosts/xs/choose-bits.mjs"));
  for (const [asked, can, answer] of [
    [undefined, true, 32],
    [undefined, false, 64],
    ["32", true, 32],
    ["64", true, 64],
    ["64", false, 64],
  ] as const) {
    assert.is(
      chooseBits(asked, () => can),
      answer,
      `${asked}, ${can}`,
    );
  }
  assert.throws(() => chooseBits("32", () => false), "cannot build for 32 bits");
  for (const asked of ["", "16", "032", "32 ", "x64"]) {
    for (const can of [true, false]) {
      assert.throws(() => chooseBits(asked, () => can), `XS_BITS is "${asked}"; it must be`);
    }
  }
});

/** Runs the build, whose gcc cannot do what `gcc` says: a script in its place. */
function build(
  bits: string,
  gcc: string,
): { readonly status: number | null; readonly text: string } {
  const folder = mkdtempSync(join(tmpdir(), "daruma-gcc-"));
  try {
    writeFileSync(join(folder, "gcc"), `#!/bin/sh\n${gcc}\n`, { mode: 0o755 });
    const env = { ...process.env, XS_BITS: bits, PATH: `${folder}:${process.env.PATH}` };
    const script = join(root, "hosts/xs/build.mjs");
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { env });
    return { status, text: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the build fails when the size asked for cannot be built, and changes nothing", () => {
  const before = xsProgram();
  const without32 = build("32", 'for one in "$@"; do [ "$one" = -m32 ] && exit 1; done');
  assert.is(without32.status, 1);
  assert.match(without32.text, /^xs: XS_BITS is 32, but gcc cannot build for 32 bits/);
  const another = build("48", "exit 0");
  assert.is(another.status, 1);
  assert.match(another.text, /^xs: XS_BITS is "48"; it must be 32 or 64/);
  assert.equal(xsProgram(), before);
});

test.run();
