import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { select, selectRange } from "../../src/server/selection.js";

const test = suite("server/selection");

const tag = '"abc"';

function kind(method: string, headers: Record<string, string>, lengthBytes = 100): string {
  return select(method, new Map(Object.entries(headers)), tag, lengthBytes).kind;
}

test("ranges by example", () => {
  const cases: [string, number, string][] = [
    ["bytes=0-0", 10, "0+1"],
    ["bytes=0-", 10, "0+10"],
    ["bytes=9-", 10, "9+1"],
    ["bytes=5-1000", 10, "5+5"],
    ["bytes=-3", 10, "7+3"],
    ["bytes=-1000", 10, "0+10"],
    ["BYTES=1-2", 10, "1+2"],
    ["bytes= 1-2 ", 10, "1+2"],
    ["bytes=,1-2,", 10, "1+2"],
    ["bytes=1-99999999999999999999999999", 10, "1+9"],
    ["bytes=10-", 10, "unsatisfiable"],
    ["bytes=99999999999999999999999999-", 10, "unsatisfiable"],
    ["bytes=-0", 10, "unsatisfiable"],
    ["bytes=0-0", 0, "unsatisfiable"],
    ["bytes=-5", 0, "whole"],
    ["bytes=2-1", 10, "whole"],
    ["bytes=-", 10, "whole"],
    ["bytes=", 10, "whole"],
    ["bytes=0-1,3-4", 10, "whole"],
    ["bytes=a-b", 10, "whole"],
    ["bytes=0x1-2", 10, "whole"],
    ["bytes=+1-2", 10, "whole"],
    ["bytes 0-1", 10, "whole"],
    ["lines=0-1", 10, "whole"],
    ["", 10, "whole"],
  ];
  for (const [header, lengthBytes, expected] of cases) {
    const got = selectRange(header, lengthBytes);
    const text = got.kind === "part" ? `${got.first}+${got.lengthBytes}` : got.kind;
    assert.is(text, expected, `${header} of ${lengthBytes}`);
  }
});

test("a range selects the bytes that a naive model selects", () => {
  const digits = fc.option(fc.nat({ max: 40 }), { nil: null });
  fc.assert(
    fc.property(digits, digits, fc.nat({ max: 30 }), (from, to, total) => {
      const got = selectRange(`bytes=${from ?? ""}-${to ?? ""}`, total);
      const all = Array.from({ length: total }, (_, index) => index);
      const invalid = from === null ? to === null : to !== null && to < from;
      let wanted = all.filter((index) => index >= (from ?? 0) && index <= (to ?? total));
      if (from === null) wanted = all.filter((index) => index >= total - (to ?? 0));
      if (invalid || (from === null && total === 0 && to !== 0)) {
        assert.is(got.kind, "whole");
      } else if (wanted.length === 0) {
        assert.is(got.kind, "unsatisfiable");
      } else {
        assert.equal(got, { kind: "part", first: wanted[0], lengthBytes: wanted.length });
      }
    }),
    { numRuns: 2000 },
  );
});

test("any text selects something inside the representation", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat({ max: 50 }), (text, total) => {
      const got = selectRange(`bytes=${text}`, total);
      if (got.kind !== "part") return;
      assert.ok(got.lengthBytes > 0 && got.first >= 0 && got.first + got.lengthBytes <= total);
    }),
    { numRuns: 2000 },
  );
});

test("preconditions come before the range", () => {
  assert.is(kind("GET", { range: "bytes=0-1" }), "part");
  assert.is(kind("HEAD", { range: "bytes=0-1" }), "whole");
  assert.is(kind("GET", { range: "bytes=0-1", "if-range": tag }), "part");
  assert.is(kind("GET", { range: "bytes=0-1", "if-range": `W/${tag}` }), "whole");
  assert.is(kind("GET", { range: "bytes=0-1", "if-range": '"other"' }), "whole");
  assert.is(kind("GET", { range: "bytes=500-", "if-range": '"other"' }), "whole");
  const date = "Fri, 20 Nov 2026 00:00:00 GMT";
  assert.is(kind("GET", { range: "bytes=0-1", "if-range": date }), "whole");
  assert.is(kind("GET", { range: "bytes=0-1", "if-match": '"x", "abc"' }), "part");
  assert.is(kind("GET", { range: "bytes=0-1", "if-match": '"x"' }), "precondition-failed");
  assert.is(kind("GET", { "if-match": `W/${tag}` }), "precondition-failed");
  assert.is(kind("GET", { "if-match": "*" }), "whole");
  assert.is(kind("GET", { "if-none-match": `W/${tag}`, range: "bytes=0-1" }), "not-modified");
  assert.is(kind("GET", { "if-none-match": '"x"' }), "whole");
});

test.run();
