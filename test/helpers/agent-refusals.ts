/** Every refusal, run through the whole agent on the simulated board, and what each one cost. */

import type { AgentOptions } from "../../src/agent/options.js";
import { buildManifest, type ManifestInput } from "../../src/author/envelope.js";
import type { Reason } from "../../src/reasons.js";
import { classIdsOf } from "../../src/server/catalog.js";
import { Bench, benchRelease, deviceClass, vendor } from "./bench.js";
import { nodeDigest } from "./node-digest.js";
import { refusalCases } from "./refusals.js";
import { goodInput, nodeVerify, releaseKey, signed } from "./suit.js";

/** What a refusal came to: the reason in the report, and what ten polls of it cost. */
export interface RefusalRow {
  readonly name: string;
  readonly expected: Reason;
  /** Reasons of all reports that came of it, joined: one reason, told once. */
  readonly reasons: string;
  readonly flashOperations: number;
  readonly keyValueWrites: number;
  readonly payloadBytes: number;
}

/** Refusals are told a quarter of an hour apart, and signatures are checked 32 times an hour. */
const pollMinutes = 20;

/** The sequence number of the release that the device runs. */
const installedSequence = 5;

/** A device that trusts `releaseKey` alone, as the refusal cases are made for. */
function device(agent: Partial<AgentOptions> = {}): Bench {
  const installed = benchRelease({ sequenceNumber: installedSequence, signer: releaseKey });
  const options = {
    trustAnchors: [releaseKey.publicKey],
    verifySignature: nodeVerify,
    pollIntervalMs: pollMinutes * 60_000,
    ...agent,
  };
  return new Bench({ installed, agent: options }).settleFirst();
}

function refused(bench: Bench, name: string, expected: Reason, envelope: Uint8Array): RefusalRow {
  bench.simulation.run(() => false, 1000);
  const before = bench.cost;
  const told = bench.simulation.reports().length;
  bench.offer = envelope;
  bench.pass(2 * pollMinutes);
  bench.offer = null;
  const { flash, journal, payload } = bench.cost;
  const reports = bench.simulation.reports().slice(told);
  return {
    name,
    expected,
    reasons: reports.map(({ result, reason }) => (result === "refused" ? reason : result)).join(),
    flashOperations: flash - before.flash,
    keyValueWrites: journal - before.journal,
    payloadBytes: payload - before.payload,
  };
}

/** An authentic envelope for this very device, but for what `overrides` changes. */
function policyEnvelope(overrides: Partial<ManifestInput>): Uint8Array {
  const ids = classIdsOf(nodeDigest, vendor, deviceClass);
  const input = { sequenceNumber: 9, imageSizeBytes: 20_000, uri: "app-9.bin", chipId: 0 };
  return signed(buildManifest(goodInput({ ...ids, ...input, ...overrides })));
}

const zeros = new Uint8Array(16);
const policyCases: readonly [string, Reason, Partial<ManifestInput>][] = [
  ["for agents of the next profile", "manifest-unsupported", { profile: 2 }],
  ["for agents of a far profile", "manifest-unsupported", { profile: 2 ** 53 - 1 }],
  ["for another vendor", "vendor-mismatch", { vendorId: zeros }],
  ["for another device class", "class-mismatch", { classId: zeros }],
  ["for another chip", "chip-mismatch", { chipId: 5 }],
  ["one byte larger than the slot", "image-too-big", { imageSizeBytes: 65_537 }],
  ["of 2^32 - 1 bytes", "image-too-big", { imageSizeBytes: 0xffffffff }],
  ["smaller than any image", "image-too-small", { imageSizeBytes: 79 }],
  ["one sequence number lower", "sequence-too-low", { sequenceNumber: installedSequence - 1 }],
  ["with a used sequence number", "sequence-reused", { sequenceNumber: installedSequence }],
  ["with an https URI", "uri-unsupported", { uri: "https://a.example/app.bin" }],
  ["with a URI that climbs", "uri-unsupported", { uri: "../app.bin" }],
];

/** Runs every case; about 200 of them. */
export function runRefusals(): RefusalRow[] {
  const bench = device();
  const rows = refusalCases().map(({ name, expected, envelope }) =>
    refused(bench, name, expected, envelope),
  );
  for (const [name, expected, overrides] of policyCases) {
    rows.push(refused(bench, `release ${name}`, expected, policyEnvelope(overrides)));
  }
  const vetoing = device({ veto: () => true });
  rows.push(refused(vetoing, "release that the application vetoes", "vetoed", policyEnvelope({})));
  return rows;
}

/** The rows as a markdown table, cases with one outcome together. */
export function refusalTable(rows: readonly RefusalRow[]): string {
  const lines = [
    "| offer | reason in the report | flash operations | key-value writes | payload bytes |",
    "|---|---|---|---|---|",
  ];
  for (const { name, reasons, flashOperations, keyValueWrites, payloadBytes } of rows) {
    lines.push(
      `| ${name} | \`${reasons}\` | ${flashOperations} | ${keyValueWrites} | ${payloadBytes} |`,
    );
  }
  return `${lines.join("\n")}\n`;
}
