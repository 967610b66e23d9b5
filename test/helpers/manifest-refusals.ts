/** Manifests that are rightly signed by the release key and must be refused all the same. */

import type { Reason } from "../../src/reasons.js";
import { cbor, concat, Entries, fromHex, type Item, Raw, wrapped } from "./cbor.js";
import type { RefusalCase } from "./refusals.js";
import {
  fwComponent,
  goodInput,
  type ManifestPieces,
  manifestOf,
  sharedEntries,
  signed,
} from "./suit.js";

type Case = readonly [string, Partial<ManifestPieces>];

export function manifestCases(): RefusalCase[] {
  const cases: [Reason, readonly Case[]][] = [
    ["manifest-unsupported", unsupportedShapes()],
    ["manifest-malformed", malformedMaps()],
    ["manifest-malformed", malformedValues()],
    ["manifest-malformed", malformedSequences()],
  ];
  const good = manifestOf();
  const trailing = signed(concat(good, fromHex("00")));
  const nested = signed(new Uint8Array(3900).fill(0x81));
  return [
    ...cases.flatMap(([expected, list]) =>
      list.map(([name, pieces]) => ({
        name: `manifest: ${name}`,
        envelope: signed(manifestOf(pieces)),
        expected,
      })),
    ),
    { name: "manifest: trailing byte", envelope: trailing, expected: "manifest-malformed" },
    { name: "manifest: nested 3900 levels", envelope: nested, expected: "manifest-malformed" },
    {
      name: "manifest: empty",
      envelope: signed(new Uint8Array(0)),
      expected: "manifest-malformed",
    },
    {
      name: "manifest: not a map",
      envelope: signed(cbor([1, 7])),
      expected: "manifest-malformed",
    },
  ];
}

const uri = goodInput().uri;
const uriMap = new Entries([21, uri]);
const shared = new Entries(...sharedEntries());
const sharedWith = (key: number, value: Item): Entries =>
  new Entries(...sharedEntries().map(([k, v]): [Item, Item] => [k, k === key ? value : v]));
const withoutKey = (key: number) => (entries: [Item, Item][]) => entries.filter(([k]) => k !== key);
const adding =
  (...more: [Item, Item][]) =>
  (entries: [Item, Item][]) => [...entries, ...more];
const component = (text: string): Item => [new TextEncoder().encode(text)];
const aDigest = new Uint8Array(32);

function unsupportedShapes(): Case[] {
  const withCommand = (command: number, argument: Item): Partial<ManifestPieces> => ({
    install: [20, uriMap, command, argument, 21, 2, 3, 15],
  });
  return [
    ["version 2", { version: 2 }],
    ["version 0", { version: 0 }],
    ["dependencies", { common: (e) => [[1, new Entries([0, new Entries()])], ...e] }],
    ["unknown key in common", { common: adding([5, wrapped([])]) }],
    ["two components", { components: [fwComponent, component("cfg")] }],
    ["no component", { components: [] }],
    ["another component", { components: [component("mod")] }],
    ["component of two parts", { components: [[fromHex("6677"), fromHex("72")]] }],
    ["component name longer by a byte", { components: [component("fw2")] }],
    ["another manifest component", { componentId: component("cfg") }],
    ["reference URI", { entries: insertAfter(3, [4, "https://example.com"]) }],
    ["load sequence", { entries: insertAfter(7, [8, wrapped([3, 15])]) }],
    ["payload-fetch", { entries: insertAfter(9, [16, wrapped([21, 2])]) }],
    ["text", { entries: adding([23, wrapped(new Entries())]) }],
    ["uninstall", { entries: adding([24, wrapped([3, 15])]) }],
    ["private manifest key", { entries: adding([-257, 0]) }],
    ["private manifest key before a profile", { entries: adding([-257, 0], [-259, 2]) }],
    ["profile 2, then another key", { entries: adding([-259, 2], [-260, 0]) }],
    ["SHA-512 image digest", { parameters: sharedWith(3, wrapped([-44, aDigest])) }],
    ["set-component-index", { install: [12, 0, 20, uriMap, 21, 2, 3, 15] }],
    ["try-each", withCommand(15, [wrapped([3, 15])])],
    ["run-sequence", withCommand(32, wrapped([3, 15]))],
    ["copy", withCommand(22, 2)],
    ["write", withCommand(18, 2)],
    ["swap", withCommand(31, 2)],
    ["set-parameters", withCommand(19, uriMap)],
    ["abort", withCommand(14, 15)],
    ["private command", withCommand(-257, 2)],
    ["unknown command", withCommand(200, 2)],
    ["try-each in shared", { shared: [20, shared, 15, [wrapped([1, 15])], 1, 15, 2, 15] }],
    ["strict-order", { parameters: new Entries(...sharedEntries().slice(0, 3), [12, true]) }],
    ["unknown parameter", { installParameters: new Entries([21, uri], [99, 0]) }],
    ["private parameter", { installParameters: new Entries([21, uri], [-257, aDigest]) }],
    ["encryption-info", { installParameters: new Entries([19, aDigest], [21, uri]) }],
  ];
}

function insertAfter(key: number, entry: [Item, Item]) {
  return (entries: [Item, Item][]) =>
    entries.flatMap((each) => (each[0] === key ? [each, entry] : [each]));
}

function malformedMaps(): Case[] {
  const keys = [1, 2, 3, 5, 6, 7, 9, 20];
  const swapped = (entries: [Item, Item][], at: number) => {
    const copy = entries.slice();
    copy.splice(at, 2, entries[at + 1], entries[at]);
    return copy;
  };
  const twice = (entries: [Item, Item][], at: number) => [
    ...entries.slice(0, at + 1),
    ...entries.slice(at),
  ];
  const inShared = (
    change: (entries: [Item, Item][], at: number) => [Item, Item][],
    at: number,
  ) => ({
    parameters: new Entries(...change(sharedEntries(), at)),
  });
  return [
    ...keys.map((key): Case => [`key ${key} missing`, { entries: withoutKey(key) }]),
    ...keys.map((key, at): Case => [`key ${key} twice`, { entries: (e) => twice(e, at) }]),
    ...keys
      .slice(1)
      .map((key, at): Case => [`key ${key} too early`, { entries: (e) => swapped(e, at) }]),
    ["key not shortest", { entries: (e) => [[new Raw("1801"), e[0][1]], ...e.slice(1)] }],
    ["components missing", { common: withoutKey(2) }],
    ["shared sequence missing", { common: withoutKey(4) }],
    ["components twice", { common: (e) => twice(e, 0) }],
    ["common unsorted", { common: (e) => swapped(e, 0) }],
    ...[1, 2, 3, 14].map(
      (key): Case => [
        `parameter ${key} missing`,
        { parameters: new Entries(...withoutKey(key)(sharedEntries())) },
      ],
    ),
    ...[0, 1, 2, 3].map((at): Case => [`parameter ${at} twice`, inShared(twice, at)]),
    ...[0, 1, 2].map((at): Case => [`parameter ${at} too late`, inShared(swapped, at)]),
    // Said in two ways, a number could be read in two ways.
    ["profile 1, which is told by its absence", { entries: adding([-259, 1]) }],
    ["profile 0", { entries: adding([-259, 0]) }],
    ["profile below 0", { entries: adding([-259, -2]) }],
    ["profile 2^53", { entries: adding([-259, 2n ** 53n]) }],
    ["profile not shortest", { entries: adding([-259, new Raw("1802")]) }],
    ["profile as text", { entries: adding([-259, "2"]) }],
    ["profile twice", { entries: adding([-259, 2], [-259, 2]) }],
    ["profile in the place of a key", { entries: (e) => [...e.slice(0, 7), [-259, 2]] }],
    ["URI missing", { installParameters: new Entries() }],
    ["chip id without a URI", { installParameters: new Entries([-258, 0]) }],
    ["chip id above 65535", { installParameters: new Entries([21, uri], [-258, 0x10000]) }],
    ["chip id below 0", { installParameters: new Entries([21, uri], [-258, -1]) }],
    ["chip id twice", { installParameters: new Entries([21, uri], [-258, 0], [-258, 0]) }],
    ["URI twice", { installParameters: new Entries([21, uri], [21, uri]) }],
    [
      "URI in place of the size",
      { parameters: new Entries(...sharedEntries().slice(0, 3), [21, uri]) },
    ],
    ["size in place of the URI", { installParameters: new Entries([14, 1000]) }],
    ["URI in shared", { parameters: new Entries(...sharedEntries(), [21, uri]) }],
    [
      "image digest in install",
      { installParameters: new Entries(...sharedEntries().slice(2, 3), [21, uri]) },
    ],
    [
      "17 parameters",
      { parameters: new Entries(...Array.from({ length: 17 }, (_, k) => [k, 0] as [Item, Item])) },
    ],
    [
      "map indefinite",
      {
        installParameters: new Entries(),
        install: [20, new Raw("bf15", cbor(uri), "ff"), 21, 2, 3, 15],
      },
    ],
  ];
}

function malformedValues(): Case[] {
  const uriAs = (item: Item): Partial<ManifestPieces> => ({
    installParameters: new Entries([21, item]),
  });
  const vendor = goodInput().vendorId;
  return [
    ["sequence 0", { sequenceNumber: 0 }],
    ["sequence 2^53", { sequenceNumber: 2n ** 53n }],
    ["sequence 2^64 - 1", { sequenceNumber: 2n ** 64n - 1n }],
    ["sequence negative", { sequenceNumber: -1 }],
    ["sequence as float", { sequenceNumber: new Raw("fb401c000000000000") }],
    ["sequence as bignum", { sequenceNumber: new Raw("c24107") }],
    ["sequence not shortest", { sequenceNumber: new Raw("1807") }],
    ["sequence as text", { sequenceNumber: "7" }],
    ["vendor of 15 bytes", { parameters: sharedWith(1, vendor.subarray(1)) }],
    ["vendor as PEN", { parameters: sharedWith(1, new Raw("d870", cbor(vendor.subarray(0, 4)))) }],
    ["class of 17 bytes", { parameters: sharedWith(2, concat(vendor, fromHex("00"))) }],
    ["digest of 31 bytes", { parameters: sharedWith(3, wrapped([-16, aDigest.subarray(1)])) }],
    ["digest not wrapped", { parameters: sharedWith(3, [-16, aDigest]) }],
    ["digest with a third item", { parameters: sharedWith(3, wrapped([-16, aDigest, 0])) }],
    [
      "digest trailing",
      { parameters: sharedWith(3, concat(wrapped([-16, aDigest]), fromHex("00"))) },
    ],
    ["size 0", { parameters: sharedWith(14, 0) }],
    ["size 2^53", { parameters: sharedWith(14, 2n ** 53n) }],
    ["size negative", { parameters: sharedWith(14, -5) }],
    ["URI of 257 characters", uriAs(`http://a/${"b".repeat(248)}`)],
    ["URI of 65536 characters announced", uriAs(new Raw("7a00010000"))],
    ["URI empty", uriAs("")],
    ["URI with a space", uriAs("http://a/b c")],
    ["URI with a line end", uriAs("http://a/\r\nX: y")],
    ["URI with a NUL", uriAs("http://a/\u0000")],
    ["URI in UTF-8", uriAs("http://a/\u00e9")],
    ["URI in broken UTF-8", uriAs(new Raw("61ff"))],
    ["URI as bytes", uriAs(new TextEncoder().encode(uri))],
    ["URI indefinite", uriAs(new Raw("7f", cbor(uri), "ff"))],
    ["components indefinite", { components: new Raw("9f81426677ff") }],
    ["9 components", { components: Array.from({ length: 9 }, () => fwComponent) }],
    ["component as text", { components: [["fw"]] }],
    ["version empty", { setVersion: wrapped([]) }],
    ["version of 6 numbers", { setVersion: wrapped([1, 2, 3, -1, 1, 1]) }],
    ["version of 4 numbers", { setVersion: wrapped([1, 2, 3, 4]) }],
    ["version with two suffix numbers", { setVersion: wrapped([1, 0, -1, 1, 1]) }],
    ["version with two suffixes", { setVersion: wrapped([1, -1, -2]) }],
    ["version begins with a suffix", { setVersion: wrapped([-1, 1]) }],
    ["version with suffix -4", { setVersion: wrapped([1, 0, -4]) }],
    ["version text too long", { setVersion: wrapped([2 ** 52, 2 ** 52, 1]) }],
    ["version not wrapped", { setVersion: [1, 4, 0] }],
  ];
}

function malformedSequences(): Case[] {
  const full: Item[] = [20, uriMap, 21, 2, 3, 15];
  const many: Item[] = Array.from({ length: 130 }, (_, i) => (i % 2 === 0 ? 3 : 15));
  return [
    ["shared empty", { shared: [] }],
    ["vendor condition missing", { shared: [20, shared, 2, 15] }],
    ["class condition missing", { shared: [20, shared, 1, 15] }],
    ["parameters missing", { shared: [1, 15, 2, 15] }],
    ["conditions before parameters", { shared: [1, 15, 2, 15, 20, shared] }],
    ["class before vendor", { shared: [20, shared, 2, 15, 1, 15] }],
    ["vendor condition twice", { shared: [20, shared, 1, 15, 1, 15, 2, 15] }],
    ["fetch in shared", { shared: [20, shared, 1, 15, 2, 15, 21, 2] }],
    ["validate empty", { validate: [] }],
    ["validate tests the vendor only", { validate: [1, 15] }],
    ["validate fetches", { validate: [21, 2, 3, 15] }],
    ["invoke empty", { invoke: [] }],
    ["invoke without invoke", { invoke: [3, 15] }],
    ["invoke twice", { invoke: [23, 2, 23, 2] }],
    ["install empty", { install: [] }],
    ["install without fetch", { install: [20, uriMap, 3, 15] }],
    ["install without image-match", { install: [20, uriMap, 21, 2] }],
    ["image-match before fetch", { install: [20, uriMap, 3, 15, 21, 2] }],
    ["fetch before the URI", { install: [21, 2, 20, uriMap, 3, 15] }],
    ["invoke in install", { install: [...full, 23, 2] }],
    ["odd number of items", { install: [...full, 3] }],
    ["command without argument", { install: full.slice(0, 5) }],
    ["65 commands", { validate: many }],
    ["condition policy 2", { validate: [3, 2] }],
    ["condition policy 16", { validate: [3, 16] }],
    ["directive policy 15", { invoke: [23, 15] }],
    ["policy not shortest", { invoke: [23, new Raw("1802")] }],
    ["command not shortest", { invoke: [new Raw("190017"), 2] }],
    ["command as text", { invoke: ["23", 2] }],
    ["policy is null", { invoke: [23, null] }],
    ["parameters as array", { install: [20, [21, uri], 21, 2, 3, 15] }],
  ];
}
