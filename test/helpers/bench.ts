/**
 * A device on the bench: release 1 from the factory, a server, faults that can be planned, and the
 * checkers around it. Everything is made from small images and fixed seeds.
 */
import * as assert from "uvu/assert";
import { describeForServer } from "../../hosts/node/describe.js";
import {
  cachedVerifier,
  makeRelease,
  nodeNatives,
  throwAwaySigner,
} from "../../hosts/node/simulator.js";
import { NetworkFaults, networkTargetOf } from "../../hosts/simulator/network-faults.js";
import {
  type Behaviour,
  type SimulatedRelease,
  Simulation,
  type SimulationOptions,
} from "../../hosts/simulator/simulation.js";
import { type Cut, printCut } from "../../hosts/simulator/tear.js";
import type { AgentOptions } from "../../src/agent/options.js";
import type { Signer } from "../../src/author/envelope.js";
import { buildImage } from "../../src/author/esp-image.js";
import { decodeEntry, type OtadataEntry, type OtadataPair } from "../../src/boot/otadata.js";
import { encodeEntry } from "../../src/boot/otadata-write.js";
import { hex } from "../../src/bytes.js";
import type { Attempt } from "../../src/journal/records.js";
import { decodeRecord } from "../../src/journal/records.js";
import { bytesBody } from "../../src/server/body.js";
import type { StoredReport } from "../../src/server/report.js";
import { digest } from "./digest.js";

export const vendor = "example.com";
export const deviceClass = "lamp-v2";
/** The only trust anchor of a device on the bench. */
export const benchSigner: Signer = throwAwaySigner("bench");
/** One for all: every bench asks it the same few questions. */
const verifySignature = cachedVerifier();

/** An image whose version and content follow from `number`. */
export function benchImage(number: number, sizeBytes = 20_000, chipId = 0): Uint8Array {
  const version = `${number}.0.0`;
  return buildImage({ chipId, version, projectName: "lamp", sizeBytes, fillSeed: number }, digest);
}

export interface ReleaseChoice {
  readonly sequenceNumber: number;
  readonly behaviour?: Behaviour;
  readonly image?: Uint8Array;
  readonly signer?: Signer;
  readonly vendor?: string;
  readonly deviceClass?: string;
  /** Two releases with one sequence number need two names. */
  readonly name?: string;
  readonly versionText?: string;
  /** Of the payload. */
  readonly uri?: string;
}

export function benchRelease(choice: ReleaseChoice): SimulatedRelease {
  const { sequenceNumber, name } = choice;
  const release = makeRelease({
    image: choice.image ?? benchImage(sequenceNumber),
    signer: choice.signer ?? benchSigner,
    sequenceNumber,
    versionText: choice.versionText ?? `${sequenceNumber}`,
    vendor: choice.vendor ?? vendor,
    deviceClass: choice.deviceClass ?? deviceClass,
    behaviour: choice.behaviour ?? "healthy",
    ...(choice.uri === undefined ? {} : { uri: choice.uri }),
  });
  return name === undefined ? release : { ...release, name };
}

export interface BenchChoice {
  readonly installed?: SimulatedRelease;
  readonly seed?: number;
  readonly agent?: Partial<AgentOptions>;
  readonly layout?: SimulationOptions["layout"];
  readonly wear?: SimulationOptions["wear"];
}

const hourMs = 3_600_000;
export const otadataAddress = 0xd000;

/** One operation that leaves a trace; `address` is -1 for the journal. */
export interface TracedOperation {
  readonly index: number;
  readonly kind: "erase" | "program" | "key-value";
  readonly address: number;
}

export class Bench {
  readonly faults = new NetworkFaults();
  /** What every poll is answered with in place of the server's offer; null: the server's own. */
  offer: Uint8Array | null = null;
  /** Polls so far. */
  polls = 0;
  readonly simulation: Simulation;
  readonly installed: SimulatedRelease;

  constructor(choice: BenchChoice = {}) {
    this.installed = choice.installed ?? benchRelease({ sequenceNumber: 1 });
    this.simulation = new Simulation({
      natives: nodeNatives,
      describe: describeForServer,
      trustAnchor: benchSigner.publicKey,
      vendor,
      deviceClass,
      chipId: 0,
      installed: this.installed,
      seed: choice.seed ?? 1,
      intercept: (request, delivery, hostname) => {
        const { offer } = this;
        const isPoll = networkTargetOf(request.path) === "offer";
        if (isPoll) this.polls++;
        if (offer !== null && isPoll) {
          // Without a length it would be chunked, and the device takes no such body.
          const headers = new Map([["content-length", `${offer.length}`]]);
          delivery.response = { status: 200, headers, body: bytesBody(offer) };
        }
        this.faults.intercept(request, delivery, hostname);
      },
      agent: { verifySignature, ...choice.agent },
      ...(choice.wear === undefined ? {} : { wear: choice.wear }),
      ...(choice.layout === undefined ? {} : { layout: choice.layout }),
    });
  }

  /** Runs until the installed release has been reported: from here on a floor stands. */
  settleFirst(): this {
    this.simulation.publish(this.installed);
    this.until(() => this.resultsOf(this.installed).length > 0, "the first poll");
    return this;
  }

  /** Runs until `holds`; fails with the timeline when that takes too long. */
  until(holds: () => boolean, what: string, hours = 12, bootsMax = 64): void {
    const end = this.simulation.run(holds, hours * hourMs, bootsMax);
    if (end !== "until") assert.unreachable(`${what}: "${end}"\n${this.timeline()}`);
  }

  /** Lets `minutes` of virtual time pass. */
  pass(minutes: number): void {
    this.simulation.run(() => false, minutes * 60_000);
  }

  resultsOf(release: SimulatedRelease): StoredReport[] {
    const wanted = manifestDigestOf(release);
    return this.simulation.reports().filter((one) => one.manifestDigest === wanted);
  }

  /** Result and reason of each report about the release, oldest first. */
  told(release: SimulatedRelease): string[] {
    return this.resultsOf(release).map(({ result, reason }) => `${result}: ${reason}`);
  }

  untilTold(release: SimulatedRelease, count = 1): void {
    this.until(() => this.resultsOf(release).length >= count, `the result of ${release.name}`);
  }

  get floor(): number {
    const bytes = this.simulation.keyValue.entries("daruma").get("confirmed");
    if (bytes === undefined) return 0;
    return decodeRecord("confirmed", bytes, bytes.length)?.sequenceFloor ?? -1;
  }

  /** The attempt under way; null when there is none, or the last one is closed. */
  get attempt(): Attempt | null {
    const bytes = this.simulation.keyValue.entries("daruma").get("attempt");
    const attempt = bytes === undefined ? null : decodeRecord("attempt", bytes, bytes.length);
    return attempt?.closed === true ? null : attempt;
  }

  /** Flash operations, journal changes and payload bytes so far. */
  get cost(): { flash: number; journal: number; payload: number } {
    const { power, keyValue } = this.simulation;
    return {
      flash: power.erases + power.programs,
      journal: keyValue.writes,
      payload: this.simulation.payloadBytes(),
    };
  }

  /** Switches the device off and on. */
  powerCycle(): void {
    this.simulation.board.cutPower();
  }

  /** Installs and confirms the release. */
  install(release: SimulatedRelease): this {
    this.simulation.publish(release);
    this.untilTold(release);
    this.pass(2);
    assert.ok(this.simulation.runs(release.image), `${release.name} was not installed`);
    return this;
  }

  /** The running slot after the last boot. */
  get runningSlot(): number {
    return this.simulation.boots.at(-1)?.slot ?? -1;
  }

  /** Start of a slot in flash. */
  slotAddress(slot: number): number {
    return this.simulation.layout.partitions[3 + slot].offset;
  }

  get otadata(): OtadataPair {
    const { bytes } = this.simulation.flash;
    return [decodeEntry(bytes, otadataAddress), decodeEntry(bytes, otadataAddress + 0x1000)];
  }

  /** Writes both entries into flash as they are; null erases one. */
  setOtadata(pair: readonly (OtadataEntry | null)[]): void {
    pair.forEach((entry, sector) => {
      const address = otadataAddress + sector * 0x1000;
      this.simulation.flash.bytes.fill(0xff, address, address + 0x1000);
      if (entry !== null) this.simulation.flash.bytes.set(encodeEntry(entry), address);
    });
  }

  /** Flips one bit of a slot behind everybody's back. */
  damageSlot(slot: number, offset = 5000): void {
    this.simulation.flash.bytes[this.slotAddress(slot) + offset] ^= 0x10;
  }

  /** No promise was broken, and each attempt has one result. `replay` goes into the message. */
  assertPromises(replay = ""): void {
    const { simulation } = this;
    const [violation] = simulation.violations();
    const text = violation === undefined ? "" : `${violation.promise}: ${violation.text}`;
    assert.is(text, "", `${replay} ${text}\n${violation === undefined ? "" : this.timeline()}`);
    const finals = simulation.reports().filter((one) => one.result !== "refused");
    const ids = new Set(finals.map((one) => one.reportId));
    assert.is(ids.size, finals.length, `${replay} an attempt has two results`);
  }

  timeline(lines = 40): string {
    return this.simulation.timeline
      .slice(-lines)
      .map(({ atMs, text }) => `${(atMs / 1000).toFixed(1)} s ${text}`)
      .join("\n");
  }
}

export function manifestDigestOf(release: SimulatedRelease): string {
  const info = describeForServer(release.envelope);
  if (info === null) throw new RangeError(`${release.name} is not an envelope`);
  return hex(info.manifestDigest);
}

const traces = new Map<Behaviour, TracedOperation[]>();

/** The operations of one undisturbed update to release 2, counted from its publication. */
export function traceOf(behaviour: Behaviour): TracedOperation[] {
  const known = traces.get(behaviour);
  if (known !== undefined) return known;
  const bench = new Bench().settleFirst();
  const { flash, power, keyValue } = bench.simulation;
  power.plan([]);
  const operations: TracedOperation[] = [];
  const note = (kind: TracedOperation["kind"], address: number): void => {
    operations.push({ index: power.operations, kind, address });
  };
  const { write, eraseBlock } = flash;
  flash.write = (address, ...rest) => {
    note("program", address);
    write.call(flash, address, ...rest);
  };
  flash.eraseBlock = (address) => {
    note("erase", address);
    eraseBlock.call(flash, address);
  };
  const writeKey = keyValue.write;
  keyValue.write = (...args) => {
    note("key-value", -1);
    writeKey.apply(keyValue, args);
  };
  const release = benchRelease({ sequenceNumber: 2, behaviour });
  bench.simulation.publish(release);
  bench.untilTold(release);
  bench.pass(5);
  traces.set(behaviour, operations);
  return operations;
}

export const isOtadata = ({ address }: TracedOperation): boolean =>
  address >= otadataAddress && address < otadataAddress + 0x2000;

/**
 * One update to release 2 under faults of supply, run until it is told and quiet; the promises must
 * hold. A good release must be reached, another must leave the old one.
 */
export function updateUnder(cuts: readonly Cut[], behaviour: Behaviour = "healthy"): Bench {
  const replay = `${behaviour} ${cuts.map(printCut).join(" ")}`;
  const bench = new Bench().settleFirst();
  const release = benchRelease({ sequenceNumber: 2, behaviour });
  bench.simulation.power.plan(cuts);
  bench.simulation.publish(release);
  // A fault of the flash may cost an attempt; the next one comes by itself.
  const isTold = (): boolean =>
    behaviour === "healthy"
      ? bench.told(release).includes("updated: confirmed")
      : bench.resultsOf(release).length > 0;
  bench.until(isTold, replay);
  bench.pass(5);
  const { image } = behaviour === "healthy" ? release : bench.installed;
  assert.ok(bench.simulation.runs(image), `${replay}\n${bench.timeline()}`);
  bench.assertPromises(replay);
  return bench;
}
