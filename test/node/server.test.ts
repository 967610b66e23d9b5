import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodeDigest } from "../../hosts/node/digest.js";
import { CliError } from "../../hosts/node/errors.js";
import { generateKeys, loadSigner } from "../../hosts/node/keys.js";
import { type RunningServer, type ServerLimits, startServer } from "../../hosts/node/server.js";
import { packRelease } from "../../src/author/envelope.js";
import { digestOf } from "../../src/crypto/digest.js";
import { reportBytes } from "../helpers/report-bytes.js";

const test = suite<{ dir: string; servers: RunningServer[] }>("node/server");

const base = "/example.com/lamp-v2";
const payload = Uint8Array.from(
  { length: 300_000 },
  (_, index) => (index * 31 + (index >> 8)) & 255,
);

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), "daruma-server-"));
  context.servers = [];
  mkdirSync(join(context.dir, "r"));
  const { privateKeyPath } = generateKeys(join(context.dir, "r"));
  const signer = loadSigner(privateKeyPath);
  for (const [name, sequenceNumber] of Object.entries({ "a.suit": 3, "b.suit": 12 })) {
    const release = {
      sequenceNumber,
      versionText: "1.4.0",
      vendor: "example.com",
      className: "lamp-v2",
      imageDigest: digestOf(nodeDigest, "SHA256", payload),
      imageSizeBytes: payload.length,
      uri: "app.bin",
    };
    writeFileSync(join(context.dir, "r", name), packRelease(release, [signer], nodeDigest));
  }
  writeFileSync(join(context.dir, "r/app.bin"), payload);
});
test.after.each(async (context) => {
  for (const server of context.servers) await server.close();
  rmSync(context.dir, { recursive: true, force: true });
});

async function start(
  context: { dir: string; servers: RunningServer[] },
  limits: Partial<ServerLimits> = {},
): Promise<RunningServer> {
  const server = await startServer({ dir: context.dir, limits });
  context.servers.push(server);
  return server;
}

/** Sends raw bytes; resolves with all that came back once the server closed. */
function raw(port: number, text: string, endAfterMs = 3000): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    const timer = setTimeout(() => {
      answer += "(still open)";
      socket.destroy();
    }, endAfterMs);
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

test("offer, pin, payload and ranges over a socket", async (context) => {
  const { url } = await start(context);
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const newest = await fetch(`${url}${base}/latest.suit`);
  assert.is(newest.status, 200);
  assert.is(newest.headers.get("content-type"), "application/suit-envelope+cose");
  writeFileSync(join(context.dir, "devices.json"), '{"d1": "r/a.suit"}');
  const headers = { "daruma-device": "d1" };
  const pinned = await fetch(`${url}${base}/latest.suit`, { headers });
  assert.is.not(pinned.headers.get("etag"), newest.headers.get("etag"));
  const whole = await fetch(`${url}${base}/app.bin`);
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(payload));
  const etag = whole.headers.get("etag") ?? "";
  const range = { range: "bytes=299990-", "if-range": etag };
  const part = await fetch(`${url}${base}/app.bin`, { headers: range });
  assert.is(part.status, 206);
  assert.is(part.headers.get("content-range"), "bytes 299990-299999/300000");
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(payload.subarray(299990)));
  const head = await fetch(`${url}${base}/app.bin`, { method: "HEAD" });
  assert.is(head.headers.get("content-length"), "300000");
  const fresh = await fetch(`${url}${base}/app.bin`, { headers: { "if-none-match": etag } });
  assert.is(fresh.status, 304);
});

test("reports are stored once and survive a restart", async (context) => {
  const first = await start(context);
  const post = (url: string, body: Uint8Array): Promise<Response> =>
    fetch(`${url}${base}/reports`, { method: "POST", body: Buffer.from(body) });
  assert.is((await post(first.url, reportBytes())).status, 204);
  assert.is((await post(first.url, reportBytes())).status, 204);
  assert.is((await post(first.url, new Uint8Array(50))).status, 400);
  assert.is((await post(first.url, new Uint8Array(4097))).status, 413);
  await first.close();
  const second = await start(context);
  assert.is((await post(second.url, reportBytes())).status, 204);
  const status = await (await fetch(`${second.url}/status.json`)).text();
  assert.is(JSON.parse(status).reportsStored, 1);
  const page = await (await fetch(`${second.url}/status`)).text();
  assert.match(page, "lamp-0001");
  assert.match(page, "unhandled exception: lamp");
  const stored = JSON.parse(readFileSync(join(context.dir, "reports.jsonl"), "utf8"));
  assert.is(stored.abort, "unhandled exception: lamp");
  assert.is(stored.engineVersion, "17.7");
});

test("an abort text that is too long or no text is refused and not stored", async (context) => {
  const { url } = await start(context);
  const hostile = ["x".repeat(97), "", "a\u001b]0;x\u0007", "a\nb", "\u202e", new Uint8Array(9), 7];
  for (const abort of hostile) {
    const body = Buffer.from(reportBytes({ 11: abort }));
    const answer = await fetch(`${url}${base}/reports`, { method: "POST", body });
    assert.is(answer.status, 400, String(abort));
    assert.match(await answer.text(), "report-malformed");
  }
  assert.not(existsSync(join(context.dir, "reports.jsonl")));
});

test("keys, neighbours and paths outside are not served", async (context) => {
  const { port } = await start(context);
  const paths = [
    `${base}/release.key.pem`,
    `${base}/a.suit`,
    `${base}/../../../etc/passwd`,
    `${base}/..%2f..%2fetc%2fpasswd`,
    `${base}/%2e%2e/devices.json`,
    "/../../etc/passwd",
    "//etc/passwd",
    "/r/app.bin",
    "/reports.jsonl",
  ];
  for (const path of paths) {
    const answer = await raw(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 40[04] /, path);
    assert.not.match(answer, "PRIVATE");
    assert.not.match(answer, "root:");
  }
});

test("garbage, huge headers and false lengths end the connection", async (context) => {
  const { port, url } = await start(context);
  const huge = `GET / HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20000)}\r\n\r\n`;
  const post = `POST ${base}/reports HTTP/1.1\r\nHost: x\r\n`;
  const both = `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
  const garbage = ["\0\x01\x02\xff\r\n\r\n", "GET\r\n\r\n", huge, both];
  for (const text of garbage) {
    const answer = await raw(port, text);
    assert.match(answer, /^HTTP\/1\.1 4\d\d /);
    assert.not.match(answer, "still open");
  }
  const flood = `${post}Content-Length: 99999999\r\n\r\n${"x".repeat(9000)}`;
  const refused = await raw(port, flood);
  assert.match(refused, /^HTTP\/1\.1 413 /);
  assert.is((await fetch(`${url}/status`)).status, 200);
});

test("slow clients are cut", async (context) => {
  const limits = { headersTimeoutMs: 200, requestTimeoutMs: 200, idleTimeoutMs: 400 };
  const { port } = await start(context, limits);
  const slowHead = await raw(port, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
  assert.not.match(slowHead, "still open");
  const slowBody = `POST ${base}/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc`;
  assert.not.match(await raw(port, slowBody), "still open");
});

test("the absolute form of a target is taken", async (context) => {
  const { port } = await start(context);
  const head = `GET http://x${base}/latest.suit HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  assert.match(await raw(port, head), /^HTTP\/1\.1 200 /);
});

test("a second server on the directory is refused, one after the first is not", async (context) => {
  const first = await start(context);
  await assertRejects(startServer({ dir: context.dir }), "dir-locked");
  await assertRejects(startServer({ dir: `${context.dir}/r/..` }), "dir-locked");
  await first.close();
  assert.not(existsSync(join(context.dir, "serve.lock")));
  await start(context);
});

test("the lock of a server that is gone is taken over, an unclear one is not", async (context) => {
  const path = join(context.dir, "serve.lock");
  // A process that has ended; then our own number, left by an earlier process that had it.
  const { pid } = spawnSync(process.execPath, ["--version"]);
  for (const stale of [pid, process.pid]) {
    writeFileSync(path, `${stale}\n`);
    const server = await startServer({ dir: context.dir });
    assert.match(readFileSync(path, "utf8"), new RegExp(`^${process.pid} \\S+ [0-9a-f]{16}\n$`));
    await server.close();
  }
  for (const unclear of ["", "x", "-1", `${process.ppid}`, `${pid} elsewhere 0`]) {
    writeFileSync(path, unclear);
    await assertRejects(startServer({ dir: context.dir }), "dir-locked");
    assert.is(readFileSync(path, "utf8"), unclear);
  }
});

test("of two servers that find one stale lock at once, one gets it", async (context) => {
  const lock = new URL("../../hosts/node/serve-lock.js", import.meta.url).href;
  const code = `import { lockDirectory } from ${JSON.stringify(lock)};
    process.on("message", (atMs) => {
      while (Date.now() < atMs) {}
      let got = true;
      try { lockDirectory(${JSON.stringify(context.dir)}); } catch { got = false; }
      process.send(got);
    });
    process.send("ready");`;
  const script = join(context.dir, "taker.mjs");
  writeFileSync(script, code);
  const { pid } = spawnSync(process.execPath, ["--version"]);
  const told = (child: ChildProcess): Promise<unknown> =>
    new Promise((resolve) => child.once("message", resolve));
  for (let round = 0; round < 12; round++) {
    const children = [fork(script), fork(script)];
    try {
      await Promise.all(children.map(told));
      writeFileSync(join(context.dir, "serve.lock"), `${pid}\n`);
      const answers = children.map(told);
      const atMs = Date.now() + 15;
      for (const child of children) child.send(atMs);
      assert.equal((await Promise.all(answers)).sort(), [false, true]);
    } finally {
      for (const child of children) child.kill();
    }
    rmSync(join(context.dir, "serve.lock"), { force: true });
  }
});

test("a payload that is missing or another one is found when it is asked for", async (context) => {
  const checked = { dir: context.dir, checksPayloads: true };
  context.servers.push(await startServer(checked));
  await context.servers[0].close();
  writeFileSync(join(context.dir, "r/app.bin"), payload.subarray(1));
  await assertRejects(startServer(checked), "payload-mismatch");
  rmSync(join(context.dir, "r/app.bin"));
  await assertRejects(startServer(checked), "payload-missing");
  assert.not(existsSync(join(context.dir, "serve.lock")));
  const { url } = await start(context);
  assert.is((await fetch(`${url}${base}/app.bin`)).status, 404);
});

/** Writes a release of 300 KB that names `uri`, without its payload. */
function writeRelease(dir: string, name: string, sequenceNumber: number, uri = "app.bin"): void {
  const signer = loadSigner(join(dir, "r/release.key.pem"));
  const release = {
    sequenceNumber,
    versionText: "1.5.0",
    vendor: "example.com",
    className: "lamp-v2",
    imageDigest: digestOf(nodeDigest, "SHA256", payload),
    imageSizeBytes: payload.length,
    uri,
  };
  writeFileSync(join(dir, name), packRelease(release, [signer], nodeDigest));
}

test("a release is held back until its payload is there and whole", async (context) => {
  const warnings: string[] = [];
  const server = await startServer({ dir: context.dir, onWarning: (text) => warnings.push(text) });
  context.servers.push(server);
  const offered = async (): Promise<string | null> =>
    (await fetch(`${server.url}${base}/latest.suit`)).headers.get("etag");
  const old = await offered();
  assert.equal(
    server.offers().map((one) => one.name),
    ["r/b.suit"],
  );
  writeRelease(context.dir, "r/c.suit", 13, "c.bin");
  for (let i = 0; i < 3; i++) assert.is(await offered(), old);
  assert.is(warnings.length, 1);
  assert.match(warnings[0], "r/c.suit is not offered: r/c.suit names c.bin, but there is no file");
  writeFileSync(join(context.dir, "r/c.bin"), payload.subarray(1));
  for (let i = 0; i < 3; i++) assert.is(await offered(), old);
  assert.is(warnings.length, 2);
  assert.match(warnings[1], "r/c.bin is not the image that r/c.suit was signed for");
  writeFileSync(join(context.dir, "r/c.bin"), payload);
  assert.is.not(await offered(), old);
  assert.equal(
    server.offers().map((one) => one.name),
    ["r/c.suit"],
  );
  rmSync(join(context.dir, "r/c.bin"));
  assert.is(await offered(), old);
  assert.is(warnings.length, 3, "what breaks again is told again");
});

test("an absolute URI is not looked for in the directory", async (context) => {
  writeRelease(context.dir, "r/c.suit", 13, "http://cdn.example.com/c.bin");
  const server = await start(context);
  assert.is(server.offers()[0].name, "r/c.suit");
});

test("two releases with one sequence number are told, at start and later", async (context) => {
  const warnings: string[] = [];
  const onWarning = (text: string): void => void warnings.push(text);
  const server = await startServer({ dir: context.dir, onWarning });
  assert.equal(warnings, []);
  writeRelease(context.dir, "r/again.suit", 12);
  writeFileSync(join(context.dir, "r/copy.suit"), readFileSync(join(context.dir, "r/b.suit")));
  for (let i = 0; i < 2; i++) await fetch(`${server.url}${base}/latest.suit`);
  assert.is(server.offers()[0].name, "r/again.suit", "the first by name");
  await server.close();
  context.servers.push(await startServer({ dir: context.dir, onWarning }));
  assert.is(warnings.length, 4, warnings.join("\n"));
  for (const one of warnings) assert.match(one, /^r\/again\.suit and r\/(b|copy)\.suit are two/);
});

test("a pin to an envelope that is not there is told, also to the device", async (context) => {
  const warnings: string[] = [];
  const onWarning = (text: string): void => void warnings.push(text);
  writeFileSync(join(context.dir, "devices.json"), '{"d1": "r/a.suit", "d2": "gone.suit"}');
  const server = await startServer({ dir: context.dir, onWarning });
  context.servers.push(server);
  assert.is(warnings.length, 1);
  assert.match(warnings[0], "devices.json pins d2 to gone.suit, but there is no such envelope");
  const ask = (device: string): Promise<Response> =>
    fetch(`${server.url}${base}/latest.suit`, { headers: { "daruma-device": device } });
  assert.is((await ask("d1")).status, 200);
  const refused = await ask("d2");
  assert.is(refused.status, 404);
  assert.match(await refused.text(), "this device is pinned to a release that is not offered");
  rmSync(join(context.dir, "r/a.suit"));
  assert.is((await ask("d1")).status, 404);
  assert.is(warnings.length, 2);
  assert.match(warnings[1], "pins d1 to r/a.suit");
});

async function assertRejects(outcome: Promise<unknown>, code: string): Promise<void> {
  const [{ status, ...rest }] = await Promise.allSettled([outcome]);
  assert.is(status, "rejected");
  const { reason } = rest as { reason: unknown };
  assert.ok(reason instanceof CliError && reason.code === code, String(reason));
}

test("a directory or a port that cannot be used rejects", async (context) => {
  const { port } = await start(context);
  const failures = [
    startServer({ dir: join(context.dir, "absent") }),
    startServer({ dir: join(context.dir, "r"), port }),
  ];
  for (const outcome of await Promise.allSettled(failures)) assert.is(outcome.status, "rejected");
});

test.run();
