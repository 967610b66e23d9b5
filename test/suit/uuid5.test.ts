import { test } from "uvu";
import * as assert from "uvu/assert";
import { hex } from "../../src/bytes.js";
import { classIdOf, uuid5, vendorIdOf } from "../../src/suit/uuid5.js";
import { fromHex } from "../helpers/cbor.js";
import { nodeDigest } from "../helpers/node-digest.js";

test("RFC 9562 A.4", () => {
  const dns = fromHex("6ba7b8109dad11d180b400c04fd430c8");
  const uuid = uuid5(dns, "www.example.com", nodeDigest);
  assert.is(hex(uuid), "2ed6657de927568b95e12665a8aea6a2");
  assert.equal(vendorIdOf("www.example.com", nodeDigest), uuid);
});

test("a class id is a name in the vendor's namespace", () => {
  const vendor = vendorIdOf("example.com", nodeDigest);
  assert.is(hex(vendor), "cfbff0d193755685968c48ce8b15ae17");
  const one = classIdOf(vendor, "sensor-1", nodeDigest);
  assert.equal(one, uuid5(vendor, "sensor-1", nodeDigest));
  assert.is.not(hex(one), hex(classIdOf(vendor, "sensor-2", nodeDigest)));
  assert.is(one.length, 16);
});

test.run();
