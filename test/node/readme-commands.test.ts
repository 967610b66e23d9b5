/** The lines of the README that a person types, as they stand there, in a folder of their own. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { imageOf } from "../helpers/images.js";
import { resolveBuild } from "../helpers/moddable-manifest.js";

const test = suite<{ dir: string }>("node/readme-commands");

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const cli = join(root, "dist/hosts/node/cli.js");
const readme = readFileSync(join(root, "README.md"), "utf8");

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), "daruma-readme-"));
});
test.after.each((context) => rmSync(context.dir, { recursive: true, force: true }));

/** Commands in the code of a section and in its lines, those that go over two lines joined. */
function commandsOf(heading: string): string[] {
  const start = readme.indexOf(`\n## ${heading}\n`);
  assert.ok(start >= 0, heading);
  const section = readme.slice(start, readme.indexOf("\n## ", start + 4));
  const text = section.replace(/ \\\n\s+/g, " ");
  return [...text.matchAll(/(?:^ {4,}|`)((?:npx daruma|cp|mkdir) [^`\n]+)/gm)].map((match) =>
    match[1].trim(),
  );
}

function run(dir: string, command: string): void {
  const [program, ...args] = command.replace(/^npx daruma/, "daruma").split(/\s+/);
  const done =
    program !== "daruma"
      ? spawnSync(program, args, { cwd: dir, encoding: "utf8" })
      : spawnSync(process.execPath, [cli, ...args], { cwd: dir, encoding: "utf8" });
  assert.is(done.status, 0, `${command}: ${done.stdout}${done.stderr}`);
}

/** Starts the server of a README line on a port of the system's choice; returns its address. */
async function served(dir: string, command: string, use: (url: string) => Promise<void>) {
  const args = command.split(/\s+/).slice(2);
  const port = args.indexOf("--port");
  if (port >= 0) args.splice(port, 2);
  const host = args.indexOf("--host");
  if (host >= 0) args.splice(host, 2);
  const child = spawn(process.execPath, [cli, ...args, "--port", "0", "--json"], {
    cwd: dir,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once("data", (chunk) => resolve(String(chunk)));
      child.once("exit", () => reject(new Error(`${command} ended early`)));
    });
    await use(JSON.parse(line).url);
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

for (const [heading, image, payload] of [
  ["Release an update", "app.bin", "app.bin"],
  ["Put it in your app", "xs_esp32.bin", "app-2.bin"],
] as const) {
  test(`the commands of "${heading}" lead to an offer and its payload`, async ({ dir }) => {
    const commands = commandsOf(heading).filter((one) =>
      /daruma (keygen|pack|verify|serve)|^(cp|mkdir) /.test(one),
    );
    assert.ok(commands.length >= 4, commands.join("\n"));
    const last = commands.pop() ?? "";
    assert.match(last, /^npx daruma serve /);
    writeFileSync(join(dir, image), imageOf("ok"));
    for (const command of commands) run(dir, command);
    await served(dir, last, async (url) => {
      const base = `${url}/example.com/lamp-v2`;
      assert.is((await fetch(`${base}/latest.suit`)).status, 200);
      const answer = await fetch(`${base}/${payload}`);
      assert.ok(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(imageOf("ok"))));
    });
  });
}

test("the build manifest of the README resolves where the package is installed", ({ dir }) => {
  const line = readme.split("\n").find((one) => one.includes('"include": "./node_modules/')) ?? "";
  const manifest = JSON.parse(line);
  assert.equal(Object.keys(manifest), ["include", "modules"]);
  const installed = manifest.include.replace("./node_modules/daruma-ota", root);
  writeFileSync(join(dir, "main.js"), "");
  writeFileSync(join(dir, "manifest.json"), JSON.stringify({ ...manifest, include: installed }));
  assert.ok(resolveBuild(join(dir, "manifest.json")).modules.has("daruma-ota/esp32"));
});

test("the sizes of partitions in the README are those of the tables", () => {
  const rowOf = (file: string): string =>
    readme.split("\n").find((one) => one.includes(`partitions/${file}.csv\` |`)) ?? "";
  const sizesOf = (text: string): number[] =>
    [...text.matchAll(/(\d+) KB/g)].map((match) => Number(match[1]) * 1024);
  const [, mods, store] = sizesOf(rowOf("4mb"));
  assert.match(rowOf("8mb"), / KB \| the same \| the same \|$/);
  for (const file of ["4mb", "8mb"]) {
    const csv = readFileSync(join(root, `manifests/partitions/${file}.csv`), "utf8");
    const sizeOf = (label: string): number =>
      Number(new RegExp(`^${label},.*,\\s+(0x[0-9a-f]+)$`, "m").exec(csv)?.[1]);
    const labels = ["ota_0", "xs", "mod_a", "mod_b", "store"];
    assert.equal(labels.map(sizeOf), [sizesOf(rowOf(file))[0], mods, mods, mods, store], file);
  }
});

test.run();
