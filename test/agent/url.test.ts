import { test } from "uvu";
import * as assert from "uvu/assert";
import { decimal, parseHttpUrl as parseUrl, resolveUri } from "../../src/agent/url.js";
import { limits } from "../../src/limits.js";

const parseHttpUrl = (url: string, bytesMax?: number) => parseUrl(url, "http", bytesMax);
const base = {
  scheme: "http" as const,
  hostname: "h.example",
  port: 8080,
  path: "/example.com/lamp-v2/",
};

test("http URLs split into host, port and path", () => {
  assert.equal(parseHttpUrl("http://h"), { scheme: "http", hostname: "h", port: 80, path: "/" });
  assert.equal(parseHttpUrl("http://h:8080/a/b?c"), {
    scheme: "http",
    hostname: "h",
    port: 8080,
    path: "/a/b?c",
  });
});

test("anything that is not a plain http URL is refused", () => {
  const wrong = ["", "h", "https://h/", "HTTP://h/", "http://", "http:///a", "http://:80/"];
  const authority = [
    "http://u@h/",
    "http://u:p@h/",
    "http://h:/",
    "http://h:0/",
    "http://h:65536/",
    "http://h?x",
    "http://h#x/",
    "http://h\\x/",
  ];
  const characters = ["http://h/a b", "http://h/a\r\nx: y", "http://h/\u00e9", "http://h/\x7f"];
  for (const url of [...wrong, ...authority, "http://h:8a/", "http://[::1]/", ...characters]) {
    assert.is(parseHttpUrl(url), null, JSON.stringify(url));
  }
  const longest = `http://h/${"a".repeat(limits.uriBytesMax - 9)}`;
  assert.ok(parseHttpUrl(longest) !== null);
  assert.is(parseHttpUrl(`${longest}a`), null);
  assert.ok(parseHttpUrl(`${longest}a`, limits.uriBytesMax + 1) !== null);
});

test("references resolve against the offer's own address", () => {
  const paths: [string, string][] = [
    ["app.bin", "/example.com/lamp-v2/app.bin"],
    ["fw/app.bin", "/example.com/lamp-v2/fw/app.bin"],
    ["/elsewhere", "/elsewhere"],
    ["a/b:c", "/example.com/lamp-v2/a/b:c"],
  ];
  for (const [reference, path] of paths)
    assert.equal(resolveUri(base, reference), { ...base, path });
  assert.equal(resolveUri(base, "http://cdn.example/x"), {
    scheme: "http",
    hostname: "cdn.example",
    port: 80,
    path: "/x",
  });
});

test("references with another scheme, an authority or dot segments are refused", () => {
  const wrong = [
    "",
    "//h/x",
    "https://h/x",
    "file:x",
    "a:b",
    "../x",
    "./x",
    "a/../x",
    "a/..",
    "..",
    ".",
    "a/./b",
    "a/.",
    "a b",
    "a\n",
  ];
  for (const reference of wrong) assert.is(resolveUri(base, reference), null, reference);
  assert.is(resolveUri(base, "x".repeat(limits.uriBytesMax + 1)), null);
});

test("decimals are digits only, at most 15", () => {
  assert.is(decimal("0"), 0);
  assert.is(decimal("999999999999999"), 999_999_999_999_999);
  for (const text of ["", "-1", "+1", "1.5", " 1", "1e3", "0x10", "1000000000000000"]) {
    assert.is(decimal(text), -1, text);
  }
});

test.run();
