import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodeDigest, nodeMd5 } from "../../hosts/node/digest.js";
import { loadSigner } from "../../hosts/node/keys.js";
import { renderServe } from "../../hosts/node/render.js";
import { buildManifest, signEnvelope } from "../../src/author/envelope.js";
import { buildImage } from "../../src/author/esp-image.js";
import { bootCases, caseFlash, imageOf } from "../helpers/images.js";
import { goodInput } from "../helpers/suit.js";

const test = suite<{ dir: string }>("node/cli");

const cli = fileURLToPath(new URL("../../hosts/node/cli.js", import.meta.url));

interface Run {
  code: number | null;
  out: string;
  err: string;
}

function daruma(dir: string, ...args: string[]): Run {
  const run = spawnSync(process.execPath, [cli, ...args], {
    cwd: dir,
    encoding: "utf8",
    timeout: 20000,
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

const packArgs = [
  ...["pack", "--image", "app.bin", "--key", "release.key.pem", "--sequence", "12"],
  ...["--version", "1.4.0", "--vendor", "example.com", "--class", "lamp-v2"],
  ...["--uri", "app.bin", "--out", "app.suit"],
];
const trust = ["--trust", "release.pub.pem"];

function refusal(run: Run, code: string, exitCode = 1): void {
  assert.is(run.code, exitCode, run.out + run.err);
  const parsed = JSON.parse(run.out);
  assert.is(parsed.ok, false);
  assert.is(parsed.code, code, parsed.message);
  assert.ok(parsed.message.length > 20);
}

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), "daruma-cli-"));
  writeFileSync(join(context.dir, "app.bin"), imageOf("ok"));
});
test.after.each((context) => rmSync(context.dir, { recursive: true, force: true }));

test("help has examples, everywhere", ({ dir }) => {
  for (const command of ["", "keygen", "pack", "inspect", "verify", "serve", "boot"]) {
    const run = daruma(dir, ...(command === "" ? [] : [command]), "--help");
    assert.is(run.code, 0, command);
    assert.match(run.out, `Examples:\n  $ daruma ${command}`);
    assert.match(run.out, command === "" ? "Commands:" : "--json");
  }
  for (const option of ["--version", "-V"]) {
    assert.match(daruma(dir, option).out, /^\d+\.\d+\.\d+\n$/);
  }
});

test("wrong usage exits 2", ({ dir }) => {
  const wrong = [
    ["--bogus"],
    ["bogus"],
    ["keygen"],
    ["keygen", "--out", "x", "--bogus"],
    ["serve", "--dir", ".", "--port", "99999"],
    ["verify", "a.suit"],
    ["boot"],
    [...packArgs, "--sequence", "0"],
    [...packArgs, "--sequence", "1.5"],
    [...packArgs, "--uri", "../app.bin"],
    [...packArgs, "--out", "."],
  ];
  for (const args of wrong) refusal(daruma(dir, ...args, "--json"), "usage", 2);
  const told = daruma(dir, "keygen", "--bogus");
  assert.is(told.code, 2);
  assert.is(told.out, "");
  assert.match(told.err, /^daruma: .*; see daruma keygen --help\n$/);
  const sequence = daruma(dir, ...packArgs, "--sequence", "0");
  assert.match(sequence.err, /; see daruma pack --help\n$/);
  assert.match(daruma(dir, "bogus").err, /; see daruma --help\n$/);
  assert.is(daruma(dir).code, 2);
});

test("keygen, pack, inspect, verify", ({ dir }) => {
  const keys = daruma(dir, "keygen", "--out", ".", "--json");
  assert.is(keys.code, 0, keys.err);
  assert.is(statSync(join(dir, "release.key.pem")).mode & 0o777, 0o600);
  refusal(daruma(dir, "keygen", "--out", ".", "--json"), "key-exists");
  const packed = JSON.parse(daruma(dir, ...packArgs, "--json").out);
  assert.is(packed.ok, true);
  assert.is(packed.chip, "esp32");
  assert.is(packed.versionText, "1.4.0");
  const described = JSON.parse(daruma(dir, "inspect", "app.suit", "--json").out);
  assert.is(described.manifest.release.sequenceNumber, 12);
  assert.is(described.manifest.digest, packed.manifestDigest);
  assert.match(daruma(dir, "inspect", "app.suit").out, "version     1.4.0");
  const verified = daruma(dir, "verify", "app.suit", ...trust, "--image", "app.bin", "--json");
  assert.is(verified.code, 0, verified.out);
  assert.equal(JSON.parse(verified.out), {
    ok: true,
    manifestDigest: packed.manifestDigest,
    sequenceNumber: 12,
    versionText: "1.4.0",
    imageChecked: true,
  });
  assert.match(daruma(dir, "verify", "app.suit", ...trust).out, /^authentic: /);
});

test("inspect shows the chip; it and verify check the names that are given", ({ dir }) => {
  daruma(dir, "keygen", "--out", ".");
  daruma(dir, ...packArgs);
  const right = ["--vendor", "example.com", "--class", "lamp-v2"];
  const { release } = JSON.parse(
    daruma(dir, "inspect", "app.suit", ...right, "--json").out,
  ).manifest;
  assert.is(release.chip, "esp32");
  assert.is(release.chipId, 0);
  assert.match(daruma(dir, "inspect", "app.suit").out, "chip        esp32\n");
  assert.is(daruma(dir, "verify", "app.suit", ...trust, ...right).code, 0);
  assert.is(daruma(dir, "verify", "app.suit", ...trust, "--class", "lamp-v2").code, 0);
  for (const command of [["inspect"], ["verify", ...trust]]) {
    const run = (...names: string[]): Run =>
      daruma(dir, ...command, "app.suit", ...names, "--json");
    refusal(run("--vendor", "example.org"), "vendor-mismatch");
    refusal(run("--vendor", "example.com", "--class", "lamp-v1"), "class-mismatch");
  }
  const signer = loadSigner(join(dir, "release.key.pem"));
  writeFileSync(join(dir, "odd.suit"), signEnvelope(new Uint8Array([0xa0]), [signer], nodeDigest));
  assert.is(daruma(dir, "inspect", "odd.suit").code, 0);
  refusal(daruma(dir, "inspect", "odd.suit", ...right, "--json"), "manifest-malformed");
});

test("a release for newer agents is described, and verify refuses it", ({ dir }) => {
  daruma(dir, "keygen", "--out", ".");
  const signer = loadSigner(join(dir, "release.key.pem"));
  const manifest = buildManifest(goodInput({ profile: 2 }));
  writeFileSync(join(dir, "next.suit"), signEnvelope(manifest, [signer], nodeDigest));
  const { out, code } = daruma(dir, "inspect", "next.suit");
  assert.is(code, 0);
  assert.match(out, /^problem {5}manifest-unsupported$[\s\S]*^profile {5}2$/m);
  const json = daruma(dir, "verify", "next.suit", ...trust, "--json");
  refusal(json, "manifest-unsupported");
});

test("the version comes from the image when none is given", ({ dir }) => {
  daruma(dir, "keygen", "--out", ".");
  const args = packArgs.filter((arg) => arg !== "--version" && arg !== "1.4.0");
  const run = daruma(dir, ...args, "--json");
  assert.is(JSON.parse(run.out).versionText, "1.0.0");
  assert.is(run.err, "");
  assert.match(daruma(dir, ...packArgs).err, "calls itself");
});

test("refusals of verify have the reason's code", ({ dir }) => {
  daruma(dir, "keygen", "--out", ".");
  daruma(dir, "keygen", "--out", "other");
  daruma(dir, ...packArgs);
  const verify = (...args: string[]): Run => daruma(dir, "verify", ...args, "--json");
  const image = imageOf("ok");
  const strange = ["--trust", "other/release.pub.pem"];
  refusal(verify("app.suit", ...strange), "signature-untrusted");
  assert.is(verify("app.suit", ...strange, ...trust).code, 0);
  assert.is(verify(...trust, "app.suit").code, 0, "the envelope may follow the key");
  const told = daruma(dir, "verify", "app.suit", ...strange).err;
  assert.match(told, "; name the public key of whoever signed it");
  refusal(verify("app.suit", "--trust", "release.key.pem"), "key-private");
  refusal(verify("absent.suit", ...trust), "file-unreadable");
  refusal(verify("app.bin", ...trust), "envelope-malformed");
  writeFileSync(join(dir, "big.suit"), new Uint8Array(4097));
  refusal(verify("big.suit", ...trust), "envelope-too-big");
  writeFileSync(join(dir, "short.bin"), image.subarray(1));
  refusal(verify("app.suit", ...trust, "--image", "short.bin"), "payload-size-mismatch");
  image[1000] ^= 1;
  writeFileSync(join(dir, "changed.bin"), image);
  refusal(verify("app.suit", ...trust, "--image", "changed.bin"), "image-digest-mismatch");
  const envelope = readFileSync(join(dir, "app.suit"));
  envelope[envelope.length - 1] ^= 1;
  writeFileSync(join(dir, "changed.suit"), envelope);
  refusal(verify("changed.suit", ...trust), "digest-mismatch");
  refusal(daruma(dir, "inspect", "app.bin", "--json"), "envelope-malformed");
});

test("pack refuses what would not boot, and keys that cannot sign", ({ dir }) => {
  daruma(dir, "keygen", "--out", ".");
  for (const kind of ["blank", "magic", "flip", "sha", "sum", "trunc", "segs"] as const) {
    writeFileSync(join(dir, "app.bin"), imageOf(kind));
    refusal(daruma(dir, ...packArgs, "--json"), "image-unbootable");
  }
  writeFileSync(join(dir, "app.bin"), imageOf("ok").subarray(0, 1000));
  assert.match(daruma(dir, ...packArgs).err, "it ends before its last segment or hash");
  const trailing = new Uint8Array(imageOf("ok").length + 16);
  trailing.set(imageOf("ok"));
  writeFileSync(join(dir, "app.bin"), trailing);
  refusal(daruma(dir, ...packArgs, "--json"), "image-unbootable");
  writeFileSync(join(dir, "app.bin"), imageOf("ok"));
  refusal(daruma(dir, ...packArgs, "--key", "release.pub.pem", "--json"), "key-public");
  for (const [option, value] of [
    ["--vendor", "No Domain"],
    ["--class", "a/b"],
    ["--version", "one"],
  ]) {
    const wrong = daruma(dir, ...packArgs, option, value, "--json");
    refusal(wrong, "usage", 2);
    assert.match(JSON.parse(wrong.out).message, new RegExp(`^${option}: .*daruma pack --help$`));
  }
  refusal(daruma(dir, ...packArgs, "--out", "app.bin/a.suit", "--json"), "file-unwritable");
  chmodSync(join(dir, "release.key.pem"), 0o644);
  const warned = daruma(dir, ...packArgs, "--json");
  assert.is(warned.code, 0);
  assert.match(warned.err, "chmod 600");
});

test("pack does not write over what it reads", ({ dir }) => {
  writeFileSync(join(dir, "app.bin"), imageOf("ok"));
  const out = packArgs.slice(0, -1).concat("./app.bin", "--json");
  refusal(daruma(dir, ...out), "out-is-input", 2);
  assert.is(readFileSync(join(dir, "app.bin"))[0], 0xe9);
  writeFileSync(join(dir, "notes.txt"), "mine");
  daruma(dir, "keygen", "--out", ".");
  const over = packArgs.slice(0, -1).concat("notes.txt", "--json");
  refusal(daruma(dir, ...over), "out-exists");
  assert.is(readFileSync(join(dir, "notes.txt"), "utf8"), "mine");
});

test("pack makes the folder it writes to, and refuses a URI that no device fetches", ({ dir }) => {
  writeFileSync(join(dir, "app.bin"), imageOf("ok"));
  daruma(dir, "keygen", "--out", ".");
  const made = packArgs.slice(0, -1).concat("releases/new/app.suit", "--json");
  assert.is(daruma(dir, ...made).code, 0);
  const climbing = packArgs.map((one, at) => (packArgs[at - 1] === "--uri" ? "../app.bin" : one));
  const climbed = daruma(dir, ...climbing, "--json");
  refusal(climbed, "usage", 2);
  assert.match(JSON.parse(climbed.out).message, "a path relative to the envelope without");
  mkdirSync(join(dir, "folder"));
  const folder = daruma(dir, ...packArgs.slice(0, -1), "folder");
  assert.match(folder.err, `name the envelope to write, like ${join("folder", "app.suit")}`);
  const absolute = [...packArgs, "--uri", "https://cdn.example.com/app.bin"];
  assert.match(
    daruma(dir, ...absolute).out,
    "put the image at https://cdn.example.com/app.bin, the envelope at /example.com/lamp-v2/",
  );
});

test("boot tells what the bootloader does", ({ dir }) => {
  const [first] = bootCases();
  writeFileSync(join(dir, "flash.bin"), caseFlash(first));
  const run = daruma(dir, "boot", "flash.bin", "flash.bin", "--json");
  assert.is(run.code, 0, run.err);
  const lines = run.out.trim().split("\n");
  assert.is(lines.length, 2);
  assert.is(JSON.parse(lines[0]).file, "flash.bin");
  assert.match(daruma(dir, "boot", "flash.bin").out, "flash.bin:");
  writeFileSync(join(dir, "dead.bin"), new Uint8Array(0x9000));
  const dead = daruma(dir, "boot", "flash.bin", "dead.bin", "--json");
  assert.is(dead.code, 1);
  const oks = dead.out.trim().split("\n");
  assert.equal(
    oks.map((line) => JSON.parse(line).ok),
    [true, false],
  );
  refusal(daruma(dir, "boot", "absent.bin", "--json"), "file-unreadable");
  refusal(daruma(dir, "boot", "flash.bin", "--chip", "z80", "--json"), "unknown-chip", 2);
});

test("serve offers what pack wrote, and ends on SIGTERM", async ({ dir }) => {
  daruma(dir, "keygen", "--out", ".");
  daruma(dir, ...packArgs);
  refusal(daruma(dir, "serve", "--dir", "absent", "--port", "0", "--json"), "dir-unusable");
  const child = spawn(process.execPath, [cli, "serve", "--dir", ".", "--port", "0", "--json"], {
    cwd: dir,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once("data", (chunk) => resolve(String(chunk)));
      child.once("exit", () => reject(new Error("serve ended early")));
    });
    const { ok, url, port, offers } = JSON.parse(line);
    assert.is(ok, true);
    const [{ classId, ...first }, ...others] = offers;
    const told = { file: "app.suit", profile: 1, sequenceNumber: 12, versionText: "1.4.0" };
    assert.equal(first, told);
    assert.match(classId, /^[0-9a-f]{32}$/);
    assert.equal(others, []);
    const offer = await fetch(`${url}/example.com/lamp-v2/latest.suit`);
    const envelope = readFileSync(join(dir, "app.suit"));
    assert.ok(Buffer.from(await offer.arrayBuffer()).equals(envelope));
    const payload = await fetch(`${url}/example.com/lamp-v2/app.bin`);
    assert.ok(Buffer.from(await payload.arrayBuffer()).equals(Buffer.from(imageOf("ok"))));
    const key = await fetch(`${url}/example.com/lamp-v2/release.key.pem`);
    assert.is(key.status, 404);
    await key.text();
    refusal(daruma(dir, "serve", "--dir", ".", "--port", "0", "--json"), "dir-locked");
    mkdirSync(join(dir, "empty"));
    const taken = daruma(dir, "serve", "--dir", "empty", "--port", String(port), "--json");
    refusal(taken, "port-unusable");
    assert.equal(readdirSync(join(dir, "empty")), [], "no lock is left behind");
    const host = ["--port", "0", "--host", "no-such-host.invalid", "--json"];
    const nowhere = daruma(dir, "serve", "--dir", "empty", ...host);
    refusal(nowhere, "host-unusable");
    assert.match(nowhere.out, "--host no-such-host.invalid is no address of this machine");
  } finally {
    child.kill("SIGTERM");
  }
  assert.is(await ended, 0);
  assert.not(readdirSync(dir).includes("serve.lock"));
});

test("serve lists what it offers, and says when that is nothing", () => {
  const common = { classId: "ab", versionText: "1.0.0" };
  const one = { ...common, file: "a.suit", profile: 1, sequenceNumber: 7 };
  const served = { dir: "r", url: "http://h:1", port: 1 };
  const listed = renderServe({ ...served, offers: [one] });
  assert.match(listed, /\n {2}offers a\.suit: class id ab, sequence 7, version 1\.0\.0$/);
  const two = { ...common, file: "b.suit", profile: 2, sequenceNumber: 8 };
  const both = renderServe({ ...served, offers: [two, one] });
  assert.match(
    both,
    "b.suit: class id ab, sequence 8, version 1.0.0, to agents of profile 2 and ab",
  );
  assert.match(renderServe({ ...served, offers: [] }), "\n  offers nothing yet");
});

test("serve says at start what devices would not get", ({ dir }) => {
  daruma(dir, "keygen", "--out", ".");
  const releases = packArgs.slice(0, -1).concat("releases/new/app.suit");
  assert.is(daruma(dir, ...releases).code, 0);
  const serve = (): Run => daruma(dir, "serve", "--dir", "releases", "--port", "0", "--json");
  refusal(serve(), "payload-missing");
  assert.match(serve().out, "there is no file new/app.bin to send; copy the image there");
  writeFileSync(join(dir, "releases/new/app.bin"), imageOf("ok", 2));
  refusal(serve(), "payload-mismatch");
  assert.equal(readdirSync(join(dir, "releases")), ["new"], "no lock is left behind");
});

test("pack refuses an image for another chip than the one that was asked for", ({ dir }) => {
  daruma(dir, "keygen", "--out", ".");
  refusal(daruma(dir, ...packArgs, "--chip", "esp32c3", "--json"), "chip-mismatch");
  assert.not(readdirSync(dir).includes("app.suit"));
  refusal(daruma(dir, ...packArgs, "--chip", "esp8266", "--json"), "usage", 2);
  const packed = daruma(dir, ...packArgs, "--chip", "esp32");
  assert.is(packed.code, 0, packed.err);
  assert.match(packed.out, "2048 bytes for esp32,");
});

test("names in an image cannot command the terminal", ({ dir }) => {
  const version = "1\x1b]0;x\x07\x9b2J";
  writeFileSync(
    join(dir, "app.bin"),
    buildImage({ chipId: 0, version, projectName: "x" }, nodeDigest),
  );
  daruma(dir, "keygen", "--out", ".");
  const run = daruma(dir, ...packArgs);
  assert.match(run.out + run.err, "]0;x");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  assert.not.match(run.out + run.err, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
});

test("the sweep takes whole numbers only, and says which option is wrong", () => {
  const sweep = fileURLToPath(new URL("../../hosts/node/sweep.js", import.meta.url));
  for (const [option, value] of [
    ["--seed", "x"],
    ["--workers", "0"],
    ["--budget-ms", "1.5"],
  ]) {
    const run = spawnSync(process.execPath, [sweep, option, value], { encoding: "utf8" });
    assert.is(run.status, 2);
    assert.match(run.stderr, option);
    assert.match(run.stderr, "whole number");
  }
});

test("a plan is replayed alone: options that it would ignore are wrong usage", ({ dir }) => {
  const plan = "healthy known 1 8/after";
  assert.is(daruma(dir, "simulate", "--plan", plan, "--json").code, 0);
  for (const more of [
    ["--old", "a.bin"],
    ["--new", "a.bin"],
    ["--firmware", "crash"],
    ["--seed", "2"],
    ["--flash-out", "f.bin"],
  ]) {
    const run = daruma(dir, "simulate", "--plan", plan, ...more);
    assert.is(run.code, 2, more[0]);
    assert.match(run.err, "leave out all other options");
  }
});

test("the demo ends with 2 for an option that it does not know, with 1 for images of no use", ({
  dir,
}) => {
  const demo = fileURLToPath(new URL("../../hosts/node/demo.js", import.meta.url));
  const path = join(dir, "app.bin");
  writeFileSync(path, buildImage({ chipId: 0, version: "1", projectName: "x" }, nodeDigest));
  for (const [args, code, text] of [
    [["--bogus"], 2, "--help"],
    [["--old", path], 2, "give both"],
    [["--old", path, "--new", path], 1, "the same image"],
  ] as const) {
    const run = spawnSync(process.execPath, [demo, ...args], { encoding: "utf8" });
    assert.is(run.status, code);
    assert.match(run.stderr, text);
  }
});

test("labels in a flash cannot command the terminal", ({ dir }) => {
  const [first] = bootCases();
  assert.ok(first !== undefined);
  const flash = caseFlash(first);
  const rows = Buffer.from(flash.buffer, 0x8000, 0xc00);
  flash.set(Buffer.from("\x1b[2J\x07"), 0x8000 + rows.indexOf("ota_0"));
  const md5Row = rows.indexOf("ebeb", "hex");
  if (md5Row >= 0) flash.set(nodeMd5(flash.subarray(0x8000, 0x8000 + md5Row)), 0x8010 + md5Row);
  writeFileSync(join(dir, "flash.bin"), flash);
  const run = daruma(dir, "boot", "flash.bin");
  assert.match(run.out, "?[2J? boots");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  assert.not.match(run.out + run.err, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
});

test.run();
