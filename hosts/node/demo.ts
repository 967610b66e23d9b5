/**
 * `npm run demo`: the main job on real input. Makes keys and releases, serves them on a real
 * socket, and runs a simulated ESP32 through a good update, one that crashes and is reverted, and
 * one that is forged and refused. Everything happens in a temporary folder and on 127.0.0.1.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import type { Signer } from "../../src/author/envelope.js";
import { buildImage } from "../../src/author/esp-image.js";
import { chipById } from "../../src/boot/chips.js";
import { descriptorOffset } from "../../src/boot/image.js";
import { asciiBytes, hex } from "../../src/bytes.js";
import { digestOf } from "../../src/crypto/digest.js";
import { explain } from "../../src/reasons.js";
import type { StoredReport } from "../../src/server/report.js";
import { type Behaviour, Simulation } from "../simulator/simulation.js";
import { checkImages } from "./app-image.js";
import { describeForServer } from "./describe.js";
import { nodeDigest } from "./digest.js";
import { CliError, endUsage } from "./errors.js";
import { generateKeys, loadSigner } from "./keys.js";
import { type Progress, startProgress } from "./progress.js";
import { printError } from "./render.js";
import { type RunningServer, startServer } from "./server.js";
import { makeRelease, nodeNatives, throwAwaySigner } from "./simulator.js";
import { slotTable } from "./slot-table.js";
import { SocketLink } from "./socket-link.js";

const vendor = "example.com";
const deviceClass = "lamp-v2";
const actTimeoutMs = 60_000;

interface Images {
  readonly chipId: number;
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

/** The images given, or two that are built here: 1 MB each, valid for the ESP32's bootloader. */
function readImages(oldPath: string | undefined, newPath: string | undefined): Images {
  if (oldPath !== undefined && newPath !== undefined) {
    const { old: first, new: second } = checkImages(oldPath, newPath);
    return { chipId: first.chipId, first: first.bytes, second: second.bytes };
  }
  const build = (version: string, fillSeed: number): Uint8Array =>
    buildImage(
      { chipId: 0, version, projectName: "demo-lamp", sizeBytes: 1024 * 1024, fillSeed },
      nodeDigest,
    );
  return { chipId: 0, first: build("1.0.0", 1), second: build("2.0.0", 2) };
}

/** The same firmware with another version text, checksum and SHA-256: a further release. */
function variantOf(image: Uint8Array, version: string): Uint8Array {
  const variant = image.slice();
  const at = descriptorOffset + 16;
  variant.fill(0, at, at + 32);
  variant.set(asciiBytes(version), at);
  let change = 0;
  for (let i = at; i < at + 32; i++) change ^= image[i] ^ variant[i];
  // The checksum is the XOR of all data bytes, in the last byte before the appended SHA-256.
  const end = image.length - 32;
  variant[end - 1] ^= change;
  variant.set(digestOf(nodeDigest, "SHA256", variant.subarray(0, end)), end);
  return variant;
}

class Demo {
  readonly #dir: string;
  readonly #link = new SocketLink();
  readonly #signer: Signer;
  readonly #simulation: Simulation;
  readonly #server: RunningServer;
  #progress: Progress | null = null;
  #activity = "";

  constructor(images: Images, dir: string, signer: Signer, server: RunningServer) {
    this.#dir = dir;
    this.#signer = signer;
    this.#server = server;
    this.#simulation = new Simulation({
      natives: nodeNatives,
      describe: describeForServer,
      trustAnchor: signer.publicKey,
      vendor,
      deviceClass,
      chipId: images.chipId,
      installed: this.release(1, "1.0.0", images.first, "healthy"),
      clientClass: this.#link.clientClass,
      serverUrl: server.url,
      onProgress: ({ activity, bytes, totalBytes }) => this.#show(activity, bytes, totalBytes),
      onTimeline: ({ text }) => {
        if (text.startsWith("boot ") || text.startsWith("reset ") || text.includes("marked")) {
          this.#closeProgress();
          console.log(`  ${text}`);
        }
      },
    });
  }

  /** Packs an image, and puts it where the server finds it. */
  release(
    sequenceNumber: number,
    versionText: string,
    image: Uint8Array,
    behaviour: Behaviour,
    signer: Signer = this.#signer,
  ) {
    const common = { vendor, deviceClass, signer, behaviour };
    const release = makeRelease({ ...common, image, sequenceNumber, versionText });
    writeFileSync(join(this.#dir, release.uri), image);
    writeFileSync(join(this.#dir, release.name), release.envelope);
    return release;
  }

  /** One act: publishes, waits for the report, shows the slots. */
  async act(title: string, release: ReturnType<Demo["release"]>): Promise<StoredReport> {
    console.log(`\n${title}`);
    this.#simulation.know(release);
    const info = describeForServer(release.envelope);
    const wanted = info === null ? "" : hex(info.manifestDigest);
    const isRefusal = (one: StoredReport): boolean => one.result === "refused";
    const find = (): StoredReport | undefined =>
      this.#server.reports().find((one) => one.manifestDigest === wanted || isRefusal(one));
    await this.#link.run(this.#simulation, () => find() !== undefined, actTimeoutMs);
    this.#closeProgress();
    const report = find();
    if (report === undefined) throw new Error("the report vanished");
    console.log(`  reported: ${report.result}, ${report.reason}: ${explain(report.reason)}`);
    console.log(slotTable(this.#simulation));
    return report;
  }

  runs(image: Uint8Array): boolean {
    return this.#simulation.runs(image);
  }

  get receivedBytes(): number {
    return this.#link.receivedBytes;
  }

  get flashOperations(): number {
    return this.#simulation.power.erases + this.#simulation.power.programs;
  }

  get violations(): readonly { promise: string; text: string }[] {
    return this.#simulation.violations();
  }

  #show(activity: string, bytes: number, totalBytes: number): void {
    if (totalBytes === 0) return;
    if (this.#activity !== activity) this.#closeProgress();
    this.#activity = activity;
    this.#progress ??= startProgress(`  ${activity.padEnd(9)}`, totalBytes, process.stdout);
    this.#progress.update(bytes);
    if (bytes === totalBytes) this.#closeProgress();
  }

  #closeProgress(): void {
    this.#progress?.stop();
    this.#progress = null;
  }
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new CliError("demo-failed", `the demo did not end as it must: ${what}`);
  console.log(`  ok: ${what}`);
}

async function play(images: Images, root: string): Promise<void> {
  const startedMs = performance.now();
  const keys = join(root, "keys");
  const dir = join(root, "releases");
  mkdirSync(dir, { recursive: true });
  const signer = loadSigner(generateKeys(keys).privateKeyPath);
  const server = await startServer({ dir });
  try {
    const chip = chipById(images.chipId)?.name ?? "an unknown chip";
    console.log(`Daruma demo: server on ${server.url}, one simulated board (${chip})`);
    const demo = new Demo(images, dir, signer, server);

    const first = demo.release(1, "1.0.0", images.first, "healthy");
    await demo.act("Before: release 1, flashed by cable, is found running", first);

    const second = demo.release(2, "2.0.0", images.second, "healthy");
    const updated = await demo.act("Act 1: release 2 is good", second);
    expect(updated.result === "updated", "the device reports the update");
    expect(demo.runs(images.second), "the slot holds the new image, byte for byte");

    const crashing = variantOf(images.second, "3.0.0");
    const third = demo.release(3, "3.0.0", crashing, "crash");
    const reverted = await demo.act("Act 2: release 3 crashes on its first run", third);
    expect(reverted.reason === "crashed", "the crash is reported");
    expect(demo.runs(images.second), "release 2 runs again");

    const before = { bytes: demo.flashOperations, received: demo.receivedBytes };
    // The envelope names the trust anchor's key, so that only the signature itself gives it away.
    const forger = { publicKey: signer.publicKey, sign: throwAwaySigner().sign };
    const forged = demo.release(4, "4.0.0", variantOf(images.second, "4.0.0"), "healthy", forger);
    const title = "Act 3: release 4 is signed by somebody else, who copied the vendor's key id";
    const refused = await demo.act(title, forged);
    const found = "the forged release is refused: the key id is known, the signature is not by it";
    expect(refused.reason === "signature-invalid", found);
    expect(demo.flashOperations === before.bytes, "not one flash operation was spent on it");
    const spent = demo.receivedBytes - before.received;
    expect(spent < 8192, `no payload was fetched (${spent} bytes of offers)`);
    expect(demo.violations.length === 0, "all promises held");
    const seconds = (performance.now() - startedMs) / 1000;
    const peakMb = process.resourceUsage().maxRSS / 1024;
    console.log(`\nDone in ${seconds.toFixed(1)} s, peak memory ${peakMb.toFixed(0)} MB.`);
  } finally {
    await server.close();
  }
}

async function main(): Promise<void> {
  const program = new Command("npm run demo --")
    .description("a good update, a crashing one and a forged one on a simulated board")
    .option("--old <image>", "ESP32 image that the device runs; default: one built here")
    .option("--new <image>", "ESP32 image of the new release; default: one built here")
    .addHelpText("after", "\nExample:\n  $ npm run demo -- --old v1/app.bin --new v2/app.bin\n")
    .exitOverride(endUsage)
    .parse();
  const options = program.opts<{ old?: string; new?: string }>();
  if ((options.old === undefined) !== (options.new === undefined)) {
    throw new CliError("usage", "give both --old and --new, or neither", 2);
  }
  const root = mkdtempSync(join(tmpdir(), "daruma-demo-"));
  try {
    await play(readImages(options.old, options.new), root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

main().catch((error) => {
  if (error instanceof CliError) printError(error, false);
  else console.error(error);
  process.exitCode = error instanceof CliError ? error.exitCode : 1;
});
