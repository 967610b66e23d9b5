/**
 * Heads of HTTP answers in an ESP32's heap. The client keeps a head in RAM, however long it is: of
 * one that is too long the machine must hear before its memory is full.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { standardRun } from "../../hosts/node/simulator.js";
import { XsCpu } from "../../hosts/node/xs-device.js";
import { esp32Creation, smallCreation } from "../../hosts/node/xs-process.js";
import { NetworkFaults, networkFault } from "../../hosts/simulator/network-faults.js";
import { buildImage } from "../../src/author/esp-image.js";
import { nodeDigest } from "../helpers/node-digest.js";

function image(version: string, fillSeed: number): Uint8Array {
  const header = { chipId: 0, version, projectName: "lamp" };
  return buildImage({ ...header, sizeBytes: 40_000, fillSeed }, nodeDigest);
}

const images = { oldImage: image("1", 1), newImage: image("2", 2) };

type Change = (head: string) => string;
const longHeaders =
  (bytes: number): Change =>
  (head) =>
    head.replace("\r\n", `\r\nx-cache: ${"x".repeat(bytes)}\r\n`);
const shortHeaders = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${index.toString(36)}:0\r\n`).join("");
const changes: readonly (readonly [string, Change])[] = [
  ...[3000, 3900, 5500, 9700, 40_000, 100_000].map(
    (bytes) => [`a header of ${bytes} bytes`, longHeaders(bytes)] as const,
  ),
  ["headers without an end", () => `HTTP/1.1 200 OK\r\n${"x-cache: yes\r\n".repeat(14_000)}`],
  ["headers as short as can be", (head) => head.replace("\r\n", `\r\n${shortHeaders(20_000)}`)],
  ["a header without an end", () => `HTTP/1.1 200 OK\r\nx-cache: ${"x".repeat(200_000)}`],
  ["a status line without an end", () => "H".repeat(200_000)],
];

for (const [machine, creation] of [
  ["ESP32's boards", esp32Creation],
  ["the bare platform", smallCreation],
] as const) {
  for (const [name, change] of changes) {
    for (const [what, isHit] of [
      ["the offer", (path: string) => path.endsWith(".suit")],
      ["the image", (path: string) => path.endsWith(".bin")],
      ["the answer to the report", (path: string) => path.endsWith("reports")],
    ] as const) {
      test(`${machine}: ${name} for ${what}, before and in the trial, ends no boot`, () => {
        const hits = new Map<number, number>();
        const cpu = new XsCpu({
          creation,
          quiet: true,
          onHead: (path, head) => {
            // In each boot at first, so that a trial meets it too.
            const hit = hits.get(cpu.boots) ?? 0;
            if (!isHit(path) || hit === 2) return null;
            hits.set(cpu.boots, hit + 1);
            return change(head);
          },
        });
        const run = { ...images, behaviour: "healthy", seed: 7 } as const;
        const { result } = standardRun({ ...run, more: { firmware: cpu.firmware } });
        cpu.close();
        assert.equal(cpu.aborts, []);
        assert.ok(hits.size > 0, "no answer was hit");
        assert.is(result, "updated");
      });
    }
  }
}

test("the simulator's huge headers end no boot on XS", () => {
  const faults = new NetworkFaults();
  faults.plan([networkFault("huge-headers", { count: 4 })]);
  const cpu = new XsCpu();
  const run = { ...images, behaviour: "healthy", seed: 7 } as const;
  const more = { firmware: cpu.firmware, intercept: faults.intercept };
  const { result } = standardRun({ ...run, more });
  cpu.close();
  assert.ok(faults.hits > 0);
  assert.equal(cpu.aborts, []);
  assert.is(result, "updated");
});

test.run();
