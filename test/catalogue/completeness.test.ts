import { readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { waiting } from "./waiting.js";

const sizes = { A: 17, B: 14, C: 11, D: 16 };

test("each of the 58 cases is a test that cites its bug, or waits for something named", () => {
  const folder = new URL("../../../test/catalogue/", import.meta.url);
  const tested = new Set<string>();
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".test.ts")) continue;
    const text = readFileSync(new URL(name, folder), "utf8");
    // The citation ends the test's name, or stands in a comment above where it would be too long.
    for (const [, id, title] of text.matchAll(/test\(\s*["`]([A-D]\d+) (.*?)["`], \(\) =>/g)) {
      tested.add(id);
      const isCited = /\([^()]+\)$/.test(title) || text.includes(`// ${id} (`);
      assert.ok(isCited, `${id} cites where it happened`);
    }
  }
  const all = Object.entries(sizes).flatMap(([group, size]) =>
    Array.from({ length: size }, (_, i) => `${group}${i + 1}`),
  );
  assert.is(all.length, 58);
  const missing = all.filter((id) => !tested.has(id) && waiting[id] === undefined);
  assert.equal(missing, []);
  const both = Object.keys(waiting).filter((id) => tested.has(id) || !all.includes(id));
  assert.equal(both, []);
  assert.is(tested.size + Object.keys(waiting).length, 58);
  console.log(`catalogue: ${tested.size} cases tested, ${Object.keys(waiting).length} waiting`);
});

test.run();
