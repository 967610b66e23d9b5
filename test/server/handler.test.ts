import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { asciiBytes, asciiText } from "../../src/bytes.js";
import type { Body } from "../../src/server/body.js";
import { classIdsOf, type EnvelopeInfo, offersToAll } from "../../src/server/catalog.js";
import { type ServerResponse, UpdateServer } from "../../src/server/handler.js";
import { MemoryStore } from "../../src/server/memory-store.js";
import { decodeReport } from "../../src/server/report.js";
import type { DeviceSighting } from "../../src/server/status.js";
import { nodeDigest } from "../helpers/node-digest.js";
import { reportBytes } from "../helpers/report-bytes.js";

const test = suite("server/handler");

const payload = Uint8Array.from({ length: 1000 }, (_, index) => (index * 7) & 255);
const empty = new Uint8Array(0);

/** A toy envelope: "vendor class sequence uri", and the profile when it is not 1. */
function describe(envelope: Uint8Array): EnvelopeInfo | null {
  const parts = asciiText(envelope, 0, envelope.length).split(" ");
  if (parts.length < 4) return null;
  return {
    ...classIdsOf(nodeDigest, parts[0], parts[1]),
    profile: Number(parts[4] ?? 1),
    sequenceNumber: Number(parts[2]),
    uris: [parts[3]],
    manifestDigest: new Uint8Array(32),
    versionText: null,
    imageDigest: null,
    imageSizeBytes: null,
  };
}

interface Desk {
  store: MemoryStore;
  server: UpdateServer;
  ask(method: string, path: string, headers?: Record<string, string>, body?: Uint8Array): Answer;
}

interface Answer {
  status: number;
  headers: Map<string, string>;
  bytes: Uint8Array;
}

function desk(devicesMax = 10): Desk {
  const store = new MemoryStore(nodeDigest, describe);
  store.add("old.suit", asciiBytes("v.com lamp 3 app.bin"), new Map([["app.bin", payload]]));
  const newer = new Map([["app.bin", payload.slice().reverse()]]);
  store.add("new.suit", asciiBytes("v.com lamp 12 app.bin"), newer);
  store.add("other.suit", asciiBytes("v.com fan 99 fan.bin"), new Map([["secret.pem", payload]]));
  const server = new UpdateServer(store, nodeDigest, {
    nowMs: () => 5000,
    decodeReport,
    devicesMax,
  });
  return {
    store,
    server,
    ask: (method, path, headers = {}, body = empty) =>
      read(server.handle({ method, path, headers: new Map(Object.entries(headers)), body })),
  };
}

function read(response: ServerResponse): Answer {
  const bytes = drain(response.body);
  response.body.close();
  return { status: response.status, headers: response.headers, bytes };
}

/** Reads in odd pieces, as a host with a small window would. */
function drain(body: Body): Uint8Array {
  const bytes = new Uint8Array(body.lengthBytes);
  let offset = 0;
  while (offset < bytes.length) offset += body.read(offset, bytes, offset, 7);
  assert.is(body.read(bytes.length, bytes, 0, 7), 0);
  return bytes;
}

test("the newest release of the class is offered", () => {
  const answer = desk().ask("GET", "/v.com/lamp/latest.suit");
  assert.is(answer.status, 200);
  assert.equal(answer.bytes, asciiBytes("v.com lamp 12 app.bin"));
  assert.is(answer.headers.get("content-type"), "application/suit-envelope+cose");
  assert.is(answer.headers.get("cache-control"), "no-cache");
  assert.is(answer.headers.get("content-length"), String(answer.bytes.length));
  assert.match(answer.headers.get("etag") ?? "", /^"[0-9a-f]{64}"$/);
});

test("a pin decides alone", () => {
  const { ask, store } = desk();
  const path = "/v.com/lamp/latest.suit";
  store.pin("d1", "old.suit");
  store.pin("d2", "gone.suit");
  store.pin("d3", "other.suit");
  const old = ask("GET", path, { "daruma-device": "d1" });
  assert.equal(old.bytes, asciiBytes("v.com lamp 3 app.bin"));
  const gone = ask("GET", path, { "daruma-device": "d2" });
  assert.is(gone.status, 404);
  assert.match(asciiText(gone.bytes, 0, gone.bytes.length), "pinned to a release that is not");
  assert.is(ask("GET", path, { "daruma-device": "d3" }).status, 404);
  assert.is(ask("GET", path, { "daruma-device": "d4" }).status, 200);
  const payloadPath = "/v.com/lamp/app.bin";
  assert.equal(ask("GET", payloadPath, { "daruma-device": "d1" }).bytes, payload);
  assert.equal(ask("GET", payloadPath).bytes, payload.slice().reverse());
  store.pin("d1", null);
  assert.is(ask("GET", path, { "daruma-device": "d1" }).headers.get("content-length"), "21");
});

/** A desk with a release of a newer profile, above all others. */
function deskOfProfiles(): Desk {
  const made = desk();
  made.store.add("next.suit", asciiBytes("v.com lamp 20 app.bin 2"), new Map([["app.bin", next]]));
  made.store.add("far.suit", asciiBytes("v.com lamp 30 far.bin 4"), new Map([["far.bin", next]]));
  return made;
}

const next = payload.slice(0, 500);

test("a device is offered the newest release that its agent reads: 1 without a header", () => {
  const { ask } = deskOfProfiles();
  for (const [profile, file, offered] of [
    [undefined, "latest.suit", "12 app.bin"],
    ["1", "latest.suit", "12 app.bin"],
    ["2", "latest.suit", "20 app.bin 2"],
    ["3", "latest.suit", "20 app.bin 2"],
    ["999999999", "latest.suit", "30 far.bin 4"],
    // What is no number is as good as none.
    ...["", "0", "02", "-2", "2.5", "2, 4", "two", "1e9", "1000000000"].map(
      (text) => [text, "latest.suit", "12 app.bin"] as const,
    ),
    // As on a static host, the name alone says what is asked for.
    [undefined, "latest.1.suit", "12 app.bin"],
    [undefined, "latest.2.suit", "20 app.bin 2"],
    ["4", "latest.2.suit", "20 app.bin 2"],
    ["1", "latest.4.suit", "30 far.bin 4"],
  ] as const) {
    const headers = profile === undefined ? {} : { "daruma-profile": profile };
    const answer = ask("GET", `/v.com/lamp/${file}`, headers);
    assert.is(answer.status, 200);
    const text = asciiText(answer.bytes, 0, answer.bytes.length);
    assert.is(text, `v.com lamp ${offered}`, `${file}, profile ${profile}`);
    assert.is(answer.headers.get("vary"), "daruma-device, daruma-profile");
  }
  for (const file of ["latest.0.suit", "latest.02.suit", "latest.x.suit", "latest..suit"]) {
    assert.is(ask("GET", `/v.com/lamp/${file}`).status, 404, file);
  }
});

test("a payload named by releases of two profiles is that of the one which was offered", () => {
  const { ask } = deskOfProfiles();
  const bytesFor = (headers: Record<string, string>): Uint8Array =>
    ask("GET", "/v.com/lamp/app.bin", headers).bytes;
  assert.equal(bytesFor({}), payload.slice().reverse());
  assert.equal(bytesFor({ "daruma-profile": "1" }), payload.slice().reverse());
  assert.equal(bytesFor({ "daruma-profile": "2" }), next);
});

test("a device pinned to a release that its agent cannot read is offered nothing", () => {
  const { ask, store } = deskOfProfiles();
  store.pin("d1", "next.suit");
  const asked = (profile: string): Answer =>
    ask("GET", "/v.com/lamp/latest.suit", { "daruma-device": "d1", "daruma-profile": profile });
  const answer = asked("1");
  assert.is(answer.status, 404);
  assert.match(asciiText(answer.bytes, 0, answer.bytes.length), "or needs more than profile 1");
  assert.is(asked("2").status, 200);
});

test("the status page shows which profile each device reads", () => {
  const { ask } = deskOfProfiles();
  const path = "/v.com/lamp/latest.suit";
  ask("GET", path, { "daruma-device": "d1" });
  ask("GET", path, { "daruma-device": "d2", "daruma-profile": "2" });
  const json = ask("GET", "/status.json");
  const { devices } = JSON.parse(asciiText(json.bytes, 0, json.bytes.length));
  const seen = devices.map((one: DeviceSighting) => [one.deviceId, one.profile, one.offered]);
  assert.equal(seen, [
    ["d1", 1, "new.suit"],
    ["d2", 2, "next.suit"],
  ]);
});

test("what all devices are offered: the newest release, and older ones of lower profiles", () => {
  const { store } = deskOfProfiles();
  const names = (): string[] => offersToAll(store).map(({ name }) => name);
  assert.equal(names(), ["other.suit", "far.suit", "next.suit", "new.suit"]);
  store.add("fix.suit", asciiBytes("v.com lamp 31 app.bin"), new Map());
  assert.equal(names(), ["other.suit", "fix.suit"]);
});

test("nothing is offered for an unknown class, vendor or a withdrawn release", () => {
  const { ask, store } = desk();
  assert.is(ask("GET", "/v.com/oven/latest.suit").status, 404);
  assert.is(ask("GET", "/w.com/lamp/latest.suit").status, 404);
  store.remove("new.suit");
  assert.is(ask("GET", "/v.com/lamp/latest.suit").headers.get("content-length"), "20");
});

test("only a payload that a release names is served", () => {
  const { ask } = desk();
  assert.is(ask("GET", "/v.com/lamp/app.bin").status, 200);
  assert.is(ask("GET", "/v.com/fan/app.bin").status, 404);
  assert.is(ask("GET", "/v.com/fan/secret.pem").status, 404);
  assert.is(ask("GET", "/v.com/fan/fan.bin").status, 404);
  assert.is(ask("GET", "/v.com/lamp/app.bin?x=1").status, 200);
});

test("bad paths are refused before any look-up", () => {
  const { ask } = desk();
  const bad = [
    "",
    "v.com/lamp/app.bin",
    "/v.com/lamp/../app.bin",
    "/v.com/lamp/..%2fapp.bin",
    "/v.com/lamp/%2e%2e/app.bin",
    "/v.com/lamp/%252e%252e/app.bin",
    "/v.com/lamp/a%5cb",
    "/v.com/lamp/a%00b",
    "/v.com/lamp/.hidden",
    "/v.com//app.bin",
    "/v.com/lamp/",
    "/v.com/lamp/c:x",
    "/v.com/lamp/%zz",
    "/v.com/lamp/%c3%a9",
    "/a/b/c/d/e/f/g/h/i",
    `/${"a".repeat(600)}`,
  ];
  for (const path of bad) assert.is(ask("GET", path).status, 400, path);
  for (const path of ["/", "/v.com", "/v.com/lamp"]) assert.is(ask("GET", path).status, 404, path);
});

test("other methods are refused with what is allowed", () => {
  const { ask } = desk();
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "get"]) {
    const answer = ask(method, "/v.com/lamp/latest.suit");
    assert.is(answer.status, 405, method);
    assert.is(answer.headers.get("allow"), "GET, HEAD");
  }
  assert.is(ask("GET", "/v.com/lamp/reports").status, 405);
  assert.is(ask("GET", "/v.com/lamp/reports").headers.get("allow"), "POST");
});

test("ranges, HEAD and preconditions on a payload", () => {
  const { ask } = desk();
  const path = "/v.com/lamp/app.bin";
  const whole = ask("GET", path);
  const etag = whole.headers.get("etag") ?? "";
  const part = ask("GET", path, { range: "bytes=990-2000", "if-range": etag });
  assert.is(part.status, 206);
  assert.is(part.headers.get("content-range"), "bytes 990-999/1000");
  assert.is(part.headers.get("content-length"), "10");
  assert.is(part.headers.get("etag"), etag);
  assert.equal(part.bytes, whole.bytes.slice(990));
  const stale = ask("GET", path, { range: "bytes=990-", "if-range": '"stale"' });
  assert.is(stale.status, 200);
  assert.is(stale.bytes.length, 1000);
  const beyond = ask("GET", path, { range: "bytes=1000-" });
  assert.is(beyond.status, 416);
  assert.is(beyond.headers.get("content-range"), "bytes */1000");
  assert.is(beyond.headers.get("content-length"), String(beyond.bytes.length));
  const head = ask("HEAD", path, { range: "bytes=0-1" });
  assert.is(head.status, 200);
  assert.is(head.headers.get("content-length"), "1000");
  assert.is(head.bytes.length, 0);
  assert.is(ask("GET", path, { "if-none-match": etag }).status, 304);
  assert.is(ask("GET", path, { "if-match": '"stale"' }).status, 412);
});

test("any range gives the bytes of a naive model", () => {
  const { ask } = desk();
  const whole = ask("GET", "/v.com/lamp/app.bin").bytes;
  fc.assert(
    fc.property(fc.nat({ max: 1100 }), fc.nat({ max: 1100 }), (first, last) => {
      const answer = ask("GET", "/v.com/lamp/app.bin", { range: `bytes=${first}-${last}` });
      if (last < first) {
        assert.equal(answer.bytes, whole);
      } else if (first >= whole.length) {
        assert.is(answer.status, 416);
      } else {
        assert.is(answer.status, 206);
        assert.equal(answer.bytes, whole.slice(first, last + 1));
      }
    }),
    { numRuns: 300 },
  );
});

test("a report is stored once per device and id", () => {
  const { ask, store, server } = desk();
  const path = "/v.com/lamp/reports";
  for (let i = 0; i < 3; i++) {
    const answer = ask("POST", path, {}, reportBytes());
    assert.is(answer.status, 204);
    assert.is(answer.headers.get("content-length"), "0");
  }
  assert.is(ask("POST", path, {}, reportBytes({ 2: "another" })).status, 204);
  assert.is(ask("POST", path, {}, reportBytes({ 1: new Uint8Array(8) })).status, 204);
  assert.is(store.reports().length, 3);
  const first = store.reports()[0];
  assert.is(first.receivedMs, 5000);
  assert.is(`${first.vendor}/${first.deviceClass}`, "v.com/lamp");
  const restarted = new UpdateServer(store, nodeDigest, { nowMs: () => 6000, decodeReport });
  assert.ok(server !== restarted);
  restarted.handle({ method: "POST", path, headers: new Map(), body: reportBytes() });
  assert.is(store.reports().length, 3);
});

test("a report that cannot be stored is asked for again", () => {
  const { ask, store } = desk();
  const append = store.appendReport;
  store.appendReport = () => {
    throw new Error("disk full");
  };
  const refused = ask("POST", "/v.com/lamp/reports", {}, reportBytes());
  assert.is(refused.status, 503);
  assert.is(refused.headers.get("retry-after"), "60");
  store.appendReport = append;
  assert.is(ask("POST", "/v.com/lamp/reports", {}, reportBytes()).status, 204);
  assert.is(store.reports().length, 1);
});

test("the status page shows why JavaScript aborted, the engine, and the connection", () => {
  const { ask, store } = desk();
  ask("POST", "/v.com/lamp/reports", {}, reportBytes());
  assert.is(store.reports()[0].abort, "unhandled exception: lamp");
  const { bytes } = ask("GET", "/status");
  const text = asciiText(bytes, 0, bytes.length);
  assert.match(text, "17.7");
  assert.match(text, "unhandled exception: lamp");
  assert.match(text, "connect: no connection, updates.example.com:80");
});

test("malformed and oversized reports are refused", () => {
  const { ask, store } = desk();
  const path = "/v.com/lamp/reports";
  assert.is(ask("POST", path, {}, empty).status, 400);
  assert.is(ask("POST", path, {}, asciiBytes("{}")).status, 400);
  assert.is(ask("POST", path, {}, new Uint8Array(4096)).status, 400);
  assert.is(ask("POST", path, {}, new Uint8Array(4097)).status, 413);
  assert.is(store.reports().length, 0);
});

test("the status page shows devices and reports, bounded", () => {
  const { ask } = desk(3);
  const running = { "daruma-release": "ab".repeat(32), "daruma-sequence": "7" };
  for (let i = 0; i < 5; i++) {
    ask("GET", "/v.com/lamp/latest.suit", { ...running, "daruma-device": `d${i}` });
  }
  ask("GET", "/v.com/lamp/latest.suit", { "daruma-device": "has space" });
  ask("GET", "/v.com/lamp/latest.suit", { "daruma-device": "x".repeat(65) });
  ask("POST", "/v.com/lamp/reports", {}, reportBytes());
  const json = ask("GET", "/status.json");
  const status = JSON.parse(asciiText(json.bytes, 0, json.bytes.length));
  assert.equal(
    status.devices.map((device: { deviceId: string }) => device.deviceId),
    ["d2", "d3", "d4"],
  );
  assert.is(status.devices[0].runningSequence, 7);
  assert.is(status.devices[0].offered, "new.suit");
  assert.is(status.reports[0].reason, "confirmed");
  const page = ask("GET", "/status");
  const text = asciiText(page.bytes, 0, page.bytes.length);
  assert.match(text, "d4");
  assert.match(text, "confirmed");
  assert.match(page.headers.get("content-type") ?? "", "text/plain");
});

test("malformed running-release headers are not believed", () => {
  const { ask } = desk();
  const headers = { "daruma-device": "d", "daruma-release": "<b>", "daruma-sequence": "-1" };
  ask("GET", "/v.com/lamp/latest.suit", headers);
  const json = ask("GET", "/status.json");
  const [device] = JSON.parse(asciiText(json.bytes, 0, json.bytes.length)).devices;
  assert.is(device.runningRelease, null);
  assert.is(device.runningSequence, null);
});

test.run();
