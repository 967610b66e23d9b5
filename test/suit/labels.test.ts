/** The labels in use, and the numbers that devices in the field keep their meaning of. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { label } from "../../src/suit/labels.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const own = "src/suit/labels.ts";

/** IANA's private range of SUIT labels, by its narrowest reading. */
const isPrivate = (number: number): boolean => number <= -257;

const inUse = Object.entries(label).filter(([, number]) => isPrivate(number));

test("private labels keep their numbers for ever, and none is given out twice", () => {
  assert.equal(Object.fromEntries(inUse), { manifestProfile: -259, parameterImageChip: -258 });
  assert.is(new Set(inUse.map(([, number]) => number)).size, inUse.length);
});

test("the list in labels.ts names every private label, and one number that is kept", () => {
  const text = readFileSync(join(root, own), "utf8");
  const listed = [...text.matchAll(/^ \* {5}(-\d+) {2}(.+)$/gm)].map((match) => [
    match[2],
    match[1],
  ]);
  const kept = ["kept for a payload that is decoded on its way into the slot", "-257"];
  const used = inUse.map(([name, number]) => [name, `${number}`]);
  assert.equal(listed.sort(), [kept, ...used].sort());
});

test("no other file of the product writes such a number", () => {
  for (const folder of ["src", "hosts"]) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      const path = join(folder, name);
      if (!path.endsWith(".ts") || path === own) continue;
      const code = readFileSync(join(root, path), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      assert.not.match(code, /(?<![\w)\]] ?)-2(?:5[7-9]|6\d)\b/, path);
    }
  }
});

test.run();
