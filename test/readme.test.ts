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

test.run();
