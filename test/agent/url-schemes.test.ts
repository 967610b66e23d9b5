import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseHttpUrl, resolveUri } from "../../src/agent/url.js";

const test = suite("agent/url schemes");

test("each scheme has its port, and is the only one that its host takes", () => {
  const path = "/a/";
  const hostname = "u.example";
  assert.equal(parseHttpUrl("http://u.example/a/", "http"), {
    ...{ scheme: "http", hostname, port: 80, path },
  });
  assert.equal(parseHttpUrl("https://u.example/a/", "https"), {
    ...{ scheme: "https", hostname, port: 443, path },
  });
  assert.is(parseHttpUrl("https://u.example:8443", "https")?.port, 8443);
  assert.is(parseHttpUrl("https://u.example/a/", "http"), null);
  assert.is(parseHttpUrl("http://u.example/a/", "https"), null);
  for (const url of [
    "https://",
    "https:/u.example",
    "https://a@u.example/",
    "https://u.example:0",
  ]) {
    assert.is(parseHttpUrl(url, "https"), null, url);
  }
});

test("no reference leads from https to http, or the other way", () => {
  for (const [scheme, other] of [
    ["http", "https"],
    ["https", "http"],
  ] as const) {
    const base = parseHttpUrl(`${scheme}://u.example/a/`, scheme);
    if (base === null) throw new Error("the base is a URL");
    assert.is(resolveUri(base, `${other}://u.example/app.bin`), null);
    assert.is(resolveUri(base, `${scheme}://cdn.example/app.bin`)?.hostname, "cdn.example");
    assert.is(resolveUri(base, "app.bin")?.path, "/a/app.bin");
    assert.is(resolveUri(base, "app.bin")?.scheme, scheme);
    assert.is(resolveUri(base, "/app.bin")?.port, base.port);
    assert.is(resolveUri(base, "//cdn.example/app.bin"), null);
  }
});

test.run();
