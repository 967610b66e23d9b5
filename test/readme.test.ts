/** The README says what the code does: its tables are compared, `UPDATE_README=1` rewrites them. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { reasonTable, stateTable, withTable } from "./helpers/readme.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const path = join(root, "README.md");

const tables: readonly (readonly [string, () => string])[] = [
  ["state-table", stateTable],
  ["reasons", reasonTable],
];

for (const [name, make] of tables) {
  test(`the README's table "${name}" is the one of the code`, () => {
    const readme = readFileSync(path, "utf8");
    const wanted = withTable(readme, name, make());
    if (process.env.UPDATE_README === "1") writeFileSync(path, wanted);
    else assert.ok(readme === wanted, `README: run UPDATE_README=1 npm test to renew "${name}"`);
  });
}

test("every command of the command line is in the README", () => {
  const readme = readFileSync(path, "utf8");
  const commands = readdirSync(join(root, "hosts", "node", "commands"))
    .filter((name) => !name.startsWith("register-"))
    .map((name) => name.replace(/\.ts$/, ""));
  assert.ok(commands.length >= 7);
  for (const name of commands) assert.ok(readme.includes(`\`${name}`), `no word of ${name}`);
});

test("the device example is the published one, which other tests compile", () => {
  const readme = readFileSync(path, "utf8");
  const start = readme.indexOf("```ts\n", readme.indexOf("## On the device")) + 6;
  const block = readme.slice(start, readme.indexOf("```", start)).trim();
  const example = readFileSync(join(root, "manifests/examples/minimal/main.ts"), "utf8");
  assert.is(block, example.replace(/^\/\/.*\n/gm, "").trim());
  assert.ok(block.split("\n").length <= 34);
});

test("the power-cut example is the one that the tests run", () => {
  const readme = readFileSync(path, "utf8");
  const start = readme.indexOf('test("the lamp survives');
  const block = readme.slice(
    start,
    readme.indexOf("});\n", readme.indexOf("  assert.ok(verdict.int", start)),
  );
  const example = readFileSync(join(root, "test/examples/power-cut.test.ts"), "utf8");
  assert.ok(start > 0 && block.length > 200 && example.includes(block));
});

test("every key of the journal is documented, and no other", () => {
  const readme = readFileSync(path, "utf8");
  const section = readme.slice(readme.indexOf("## The journal"), readme.indexOf("## Reason codes"));
  const documented = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1]).sort();
  const used = new Set<string>();
  for (const name of ["journal", "ledger", "abort", "capabilities"]) {
    const code = readFileSync(join(root, `src/agent/${name}.ts`), "utf8");
    for (const match of code.matchAll(
      /(?:(?:this|journal)\.write|keyValue\.(?:write|delete))\(\s*"([a-z-]+)"/g,
    )) {
      used.add(match[1]);
    }
    for (const match of code.matchAll(/^(?:export )?const \w+Key = "([a-z-]+)";/gm))
      used.add(match[1]);
  }
  assert.equal(documented, [...used].sort());
});

test.run();
