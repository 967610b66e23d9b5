import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { asciiBytes } from "../../src/bytes.js";
import { decodeReport } from "../../src/server/report.js";
import { reportBytes } from "../helpers/report-bytes.js";

const test = suite("server/report");

test("a sound report", () => {
  assert.equal(decodeReport(reportBytes()), {
    reportId: "0102030405060708",
    deviceId: "lamp-0001",
    manifestDigest: "03".repeat(32),
    sequenceNumber: 12,
    result: "updated",
    reason: "confirmed",
    runningDigest: "07".repeat(32),
    resetReason: "software",
    versionText: "1.4.0",
    capabilities: 5,
    abort: "unhandled exception: lamp",
    engineVersion: "17.7",
    leastFreeHeapBytes: 81_920,
    connection: "connect: no connection, updates.example.com:80",
    lostResults: 0,
  });
  assert.is(decodeReport(reportBytes({ 15: 3 }))?.lostResults, 3);
});

test("keys 7 and 9 to 14 may be absent", () => {
  const absent = { 7: undefined, 9: undefined, 10: undefined, 11: undefined, 12: undefined };
  const report = decodeReport(reportBytes({ ...absent, 13: undefined, 14: undefined }));
  assert.is(report?.runningDigest, null);
  assert.is(report?.versionText, null);
  assert.is(report?.capabilities, null);
  assert.is(report?.abort, null);
  assert.is(report?.engineVersion, null);
  assert.is(report?.leastFreeHeapBytes, null);
  assert.is(report?.connection, null);
});

test("every other key is required", () => {
  for (const key of [1, 2, 3, 4, 5, 6, 8]) {
    assert.is(decodeReport(reportBytes({ [key]: undefined })), null, String(key));
  }
});

test("wrong types, sizes, words and keys are refused", () => {
  const wrong: Record<number, unknown>[] = [
    { 1: new Uint8Array(7) },
    { 1: "12345678" },
    { 2: "" },
    { 2: "x".repeat(65) },
    { 2: "two words" },
    { 2: "line\nfeed" },
    { 3: new Uint8Array(33) },
    { 4: -1 },
    { 4: 1.5 },
    { 4: 2n ** 60n },
    { 5: "done" },
    { 6: "because" },
    { 6: "constructor" },
    { 7: null },
    { 8: "x".repeat(33) },
    { 9: "x".repeat(33) },
    { 0: 1 },
    { 11: 1 },
    { 11: "" },
    { 11: "x".repeat(97) },
    { 11: "line\nfeed" },
    { 11: "\u001b[2J" },
    { 11: "caf\u00e9" },
    { 11: asciiBytes("bytes") },
    { 12: -1 },
    { 12: "17.7" },
    { 13: -1 },
    { 13: 1.5 },
    { 14: 1 },
    { 14: "" },
    { 14: "x".repeat(65) },
    { 14: "line\nfeed" },
    { 14: "caf\u00e9" },
    { 15: -1 },
    { 16: 1 },
  ];
  for (const changes of wrong) {
    assert.is(
      decodeReport(reportBytes(changes)),
      null,
      JSON.stringify(Object.entries(changes)[0][0]),
    );
  }
});

test("the longest text of an abort is taken, and a device that knows no engine", () => {
  const abort = "~".repeat(96);
  const report = decodeReport(reportBytes({ 11: abort, 12: 0 }));
  assert.is(report?.abort, abort);
  assert.is(report?.engineVersion, null);
});

test("trailing and missing bytes are refused", () => {
  const bytes = reportBytes();
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  assert.is(decodeReport(longer), null);
  for (let length = 0; length < bytes.length; length++) {
    assert.is(decodeReport(bytes.subarray(0, length)), null);
  }
});

test("no bytes make it throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      decodeReport(bytes);
    }),
  );
  const sound = reportBytes();
  fc.assert(
    fc.property(fc.nat({ max: sound.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
      const bytes = sound.slice();
      bytes[at] = value;
      decodeReport(bytes);
    }),
  );
});

test.run();
