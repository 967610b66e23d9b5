import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileStore } from "../../hosts/node/file-store.js";
import { asciiText } from "../../src/bytes.js";
import type { StoredRelease } from "../../src/server/catalog.js";
import { decodeReport, type StoredReport } from "../../src/server/report.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { reportBytes } from "../helpers/report-bytes.js";

const test = suite<{ dir: string; warnings: string[] }>("node/file-store");

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), "daruma-store-"));
  context.warnings = [];
});
test.after.each((context) => rmSync(context.dir, { recursive: true, force: true }));

/** Toy envelopes: "envelope <uri>". */
function open(context: { dir: string; warnings: string[] }): FileStore {
  return new FileStore({
    dir: context.dir,
    digest: nodeDigest,
    describe: (envelope) => {
      const [word, uri] = asciiText(envelope, 0, envelope.length).split(" ");
      if (word !== "envelope") return null;
      return {
        vendorId: new Uint8Array(16),
        classId: new Uint8Array(16),
        profile: 1,
        sequenceNumber: 1,
        uris: [uri],
        manifestDigest: new Uint8Array(32),
        versionText: null,
        imageDigest: null,
        imageSizeBytes: null,
      };
    },
    onWarning: (message) => context.warnings.push(message),
  });
}

function report(changes: Record<number, unknown> = {}): StoredReport {
  const decoded = decodeReport(reportBytes(changes));
  if (decoded === null) throw new Error("not a report");
  return { ...decoded, vendor: "v", deviceClass: "c", receivedMs: 1 };
}

function names(store: FileStore): string[] {
  return store.releases().map((release) => release.name);
}

function contentOf(store: FileStore, release: StoredRelease, uriPath: string): string | null {
  const opened = store.openPayload(release, uriPath);
  if (opened === null) return null;
  const bytes = new Uint8Array(opened.body.lengthBytes);
  opened.body.read(0, bytes, 0, bytes.length);
  opened.body.close();
  opened.body.close();
  assert.is(opened.body.read(0, bytes, 0, bytes.length), 0);
  return asciiText(bytes, 0, bytes.length);
}

test("envelopes are found three folders down, added, replaced and removed", (context) => {
  const { dir } = context;
  mkdirSync(join(dir, "a/b/c/d"), { recursive: true });
  mkdirSync(join(dir, ".git"));
  for (const path of ["x.suit", "a/b/c/y.suit", "a/b/c/d/deep.suit", ".git/z.suit", ".h.suit"]) {
    writeFileSync(join(dir, path), "envelope app.bin");
  }
  const store = open(context);
  assert.equal(names(store), ["a/b/c/y.suit", "x.suit"]);
  const before = store.releases()[1];
  assert.is(store.releases()[1], before);
  writeFileSync(join(dir, "x.suit"), "envelope other.bin");
  assert.equal(store.releases()[1].info.uris, ["other.bin"]);
  assert.is.not(store.releases()[1].etag, before.etag);
  rmSync(join(dir, "x.suit"));
  writeFileSync(join(dir, "new.suit"), "envelope app.bin");
  assert.equal(names(store), ["a/b/c/y.suit", "new.suit"]);
  assert.equal(context.warnings, []);
});

test("what is no envelope is warned about once", (context) => {
  writeFileSync(join(context.dir, "bad.suit"), "nonsense");
  writeFileSync(join(context.dir, "big.suit"), new Uint8Array(5000));
  const store = open(context);
  assert.equal(names(store), []);
  assert.equal(names(store), []);
  assert.is(context.warnings.length, 2);
});

test("payloads beside the envelope, nothing else", (context) => {
  const { dir } = context;
  const outside = mkdtempSync(join(tmpdir(), "daruma-outside-"));
  writeFileSync(join(outside, "secret.bin"), "secret");
  mkdirSync(join(dir, "r/sub"), { recursive: true });
  writeFileSync(join(dir, "r/x.suit"), "envelope app.bin");
  writeFileSync(join(dir, "r/app.bin"), "payload");
  writeFileSync(join(dir, "r/sub/app.bin"), "deeper");
  writeFileSync(join(dir, "top.bin"), "above");
  writeFileSync(join(dir, "r/.hidden"), "hidden");
  writeFileSync(join(dir, "r/release.key.pem"), "key");
  writeFileSync(join(dir, "r/disguised.bin"), "-----BEGIN PRIVATE KEY-----\n");
  symlinkSync(join(outside, "secret.bin"), join(dir, "r/link.bin"));
  symlinkSync(outside, join(dir, "r/away"));
  const store = open(context);
  const [release] = store.releases();
  assert.is(contentOf(store, release, "app.bin"), "payload");
  assert.is(contentOf(store, release, "sub/app.bin"), "deeper");
  const refused = [
    "../top.bin",
    "..",
    "sub/../../top.bin",
    "/etc/passwd",
    join(outside, "secret.bin"),
    "link.bin",
    "away/secret.bin",
    ".hidden",
    "release.key.pem",
    "RELEASE.KEY.PEM",
    "disguised.bin",
    "x.suit",
    "devices.json",
    "reports.jsonl",
    "sub",
    "absent.bin",
    "app.bin/",
    "",
    "a\0b",
    "sub\\app.bin",
  ];
  for (const path of refused) assert.is(store.openPayload(release, path), null, path);
  rmSync(outside, { recursive: true });
});

test("a payload's tag follows its content", (context) => {
  writeFileSync(join(context.dir, "x.suit"), "envelope app.bin");
  writeFileSync(join(context.dir, "app.bin"), "one");
  const store = open(context);
  const [release] = store.releases();
  const first = store.openPayload(release, "app.bin");
  const again = store.openPayload(release, "app.bin");
  assert.is(again?.etag, first?.etag);
  writeFileSync(join(context.dir, "app.bin"), "two!");
  const changed = store.openPayload(release, "app.bin");
  assert.is.not(changed?.etag, first?.etag);
  assert.is(changed?.etag, `"${digestHex("two!")}"`);
  for (const opened of [first, again, changed]) opened?.body.close();
});

test("a payload that shrinks while it is sent reads 0", (context) => {
  writeFileSync(join(context.dir, "x.suit"), "envelope app.bin");
  writeFileSync(join(context.dir, "app.bin"), "0123456789");
  const store = open(context);
  const opened = store.openPayload(store.releases()[0], "app.bin");
  truncateSync(join(context.dir, "app.bin"), 4);
  const into = new Uint8Array(10);
  assert.is(opened?.body.read(0, into, 0, 10), 4);
  assert.is(opened?.body.read(4, into, 4, 6), 0);
  opened?.body.close();
});

test("pins: absent, changed, and kept when the file is broken", (context) => {
  const path = join(context.dir, "devices.json");
  const store = open(context);
  assert.is(store.pins().size, 0);
  writeFileSync(path, '{"lamp-1": "x.suit"}');
  assert.is(store.pins().get("lamp-1"), "x.suit");
  writeFileSync(path, '{"lamp-1": "x.suit"');
  assert.is(store.pins().get("lamp-1"), "x.suit");
  writeFileSync(path, '{"lamp-1": 7, "lamp-2": "y.suit"}');
  assert.is(store.pins().get("lamp-1"), "x.suit");
  assert.is(context.warnings.length, 2);
  rmSync(path);
  assert.is(store.pins().size, 0);
});

test("reports survive a restart and a torn last line", (context) => {
  const path = join(context.dir, "reports.jsonl");
  const store = open(context);
  store.appendReport(report());
  store.appendReport(report({ 2: "lamp-2" }));
  assert.equal(open(context).reports(), store.reports());
  const whole = readFileSync(path, "utf8");
  for (const torn of ['{"reportId":"01', "{", '{"reportId":"x"}']) {
    writeFileSync(path, whole + torn);
    const restarted = open(context);
    assert.is(restarted.reports().length, 2);
    restarted.appendReport(report({ 2: "lamp-3" }));
    assert.is(open(context).reports().length, 3);
  }
  assert.is(context.warnings.length, 3);
  appendFileSync(path, "not json\n");
  assert.is(open(context).reports().length, 3);
});

test("every cut of the report file leaves the whole lines before it", (context) => {
  const path = join(context.dir, "reports.jsonl");
  const store = open(context);
  store.appendReport(report());
  const one = readFileSync(path).length;
  store.appendReport(report({ 2: "lamp-2" }));
  const whole = readFileSync(path);
  for (let length = 0; length <= whole.length; length += 13) {
    writeFileSync(path, whole.subarray(0, length));
    assert.is(open(context).reports().length, length < one ? 0 : length < whole.length ? 1 : 2);
  }
});

test("a directory that is none is refused", (context) => {
  assert.throws(() => open({ ...context, dir: join(context.dir, "absent") }));
  writeFileSync(join(context.dir, "file"), "");
  assert.throws(() => open({ ...context, dir: join(context.dir, "file") }));
});

function digestHex(text: string): string {
  const digest = nodeDigest("SHA256");
  const bytes = Buffer.from(text);
  digest.write(bytes);
  return Buffer.from(digest.close()).toString("hex");
}

test.run();
