/**
 * One device, one update server, two releases: a whole run in virtual time, with the server's real
 * code on the other side of the simulated network and the checkers watching from outside.
 */
import { Agent } from "../../src/agent/agent.js";
import type { AgentOptions, Progress, SelfTest } from "../../src/agent/options.js";
import { encodePartitions, type Md5, partitionTableAddress } from "../../src/boot/partitions.js";
import { equalBytes, hex } from "../../src/bytes.js";
import type { DigestFactory } from "../../src/crypto/digest.js";
import { verifyEd25519 } from "../../src/crypto/ed25519.js";
import type { DescribeEnvelope } from "../../src/server/catalog.js";
import { type ServerRequest, type ServerResponse, UpdateServer } from "../../src/server/handler.js";
import { MemoryStore } from "../../src/server/memory-store.js";
import { decodeReport, type StoredReport } from "../../src/server/report.js";
import { createHal } from "../esp32/hal.js";
import type { DigestClass } from "../esp32/platform.js";
import { Board, type BoardOptions, type BootedDevice, type Firmware } from "./board.js";
import type { BoardBuild } from "./board-build.js";
import type { BootRecord } from "./board-observer.js";
import type { RunEnd } from "./board-run.js";
import { Checkers, type KnownImage, type Violation } from "./checkers.js";
import { type Spend, timedVerifier } from "./durations.js";
import type { Flash } from "./flash.js";
import { KeyValueStore } from "./key-value.js";
import { type Layout, layoutFor } from "./layout.js";
import { type Delivery, Network, type WireRecord } from "./network.js";
import { networkTargetOf } from "./network-faults.js";
import { Power } from "./power.js";
import type { Cut } from "./tear.js";
import { WatchedFlash } from "./watched-flash.js";
import { type WearBounds, WearWatch } from "./wear-watch.js";
import { World } from "./world.js";

/** What a simulated firmware does once it runs. */
export type Behaviour = "healthy" | "crash" | "hang" | "fail-test" | "no-network";

/** A release as the simulation needs it. */
export interface SimulatedRelease {
  /** Name in the server's store, for example "app-2.suit". */
  readonly name: string;
  readonly envelope: Uint8Array;
  readonly image: Uint8Array;
  readonly uri: string;
  readonly behaviour: Behaviour;
}

/** Digests, which the host provides: in JavaScript they would dominate every run. */
export interface SimulationNatives {
  readonly digest: DigestClass;
  readonly digestFactory: DigestFactory;
  readonly md5: Md5;
}

export interface SimulationOptions {
  readonly natives: SimulationNatives;
  readonly describe: DescribeEnvelope;
  readonly trustAnchor: Uint8Array;
  readonly vendor: string;
  readonly deviceClass: string;
  readonly chipId: number;
  /** The release whose image is in ota_0 from the factory. */
  readonly installed: SimulatedRelease;
  readonly seed?: number;
  readonly deviceId?: string;
  readonly layout?: Layout;
  /** Faults of supply and flash, counted from the first operation of the run. */
  readonly cuts?: readonly Cut[];
  readonly serverUrl?: AgentOptions["serverUrl"];
  readonly build?: BoardBuild;
  /** Time of one signature check; default that of an ESP32 (durations.ts). */
  readonly verificationMs?: number;
  /** What a firmware does with its HAL and options; by default it starts an agent. */
  readonly application?: Application;
  /** Another way to the server than the simulated network, for example a real socket. */
  readonly clientClass?: BoardOptions["clientClass"];
  readonly intercept?: (request: ServerRequest, delivery: Delivery, hostname: string) => void;
  /** Makes wear over time a promise, with bounds that are not the usual ones. */
  readonly wear?: Partial<WearBounds>;
  /** Overrides of the agent's options, for example its own self-tests or a cached verifier. */
  readonly agent?: Partial<AgentOptions>;
  /** Another CPU for the firmware, for example the XS engine; the default runs it right here. */
  readonly firmware?: (behaviour: Behaviour, options: AgentOptions) => Firmware;
  readonly onTimeline?: (line: TimelineLine) => void;
  readonly onProgress?: (progress: Progress) => void;
}

/** The main of a simulated firmware: `behaviour` is what its image was published with. */
export type Application = (
  device: BootedDevice,
  options: AgentOptions,
  behaviour: Behaviour,
) => void;

export interface TimelineLine {
  readonly atMs: number;
  readonly text: string;
}

const pollIntervalMs = 60_000;
const trialTimeoutMs = 60_000;

export class Simulation {
  readonly world = new World();
  readonly power = new Power();
  readonly flash: Flash;
  readonly keyValue: KeyValueStore;
  readonly network: Network;
  readonly store: MemoryStore;
  readonly board: Board;
  readonly checkers: Checkers;
  /** What the run costs in any day and week. */
  readonly wear: WearWatch;
  readonly layout: Layout;
  readonly timeline: TimelineLine[] = [];
  /** Every boot so far. */
  readonly boots: BootRecord[] = [];
  readonly #options: SimulationOptions;
  readonly #images = new Map<string, KnownImage>();
  readonly #behaviours = new Map<string, Behaviour>();
  #lastState = "";

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { natives, installed } = options;
    const seed = options.seed ?? 1;
    this.layout = options.layout ?? layoutFor(installed.image.length);
    const { partitions } = this.layout;
    const slots = partitions.filter((one) => one.type === 0);
    this.flash = new WatchedFlash(this.power, this.layout.flashBytes, seed, this);
    const otadata = partitions.find((one) => one.label === "otadata");
    const nowMs = (): number => this.world.nowMs;
    this.keyValue = new KeyValueStore(this.power);
    const journal = () => this.keyValue.entries("daruma");
    this.checkers = new Checkers(this.flash, slots, this.#images, nowMs, 0, otadata, journal);
    this.wear = new WearWatch(partitions, nowMs, options.wear);
    // Judged where it is asked for; always counted.
    if (options.wear !== undefined) this.wear.onExceeded = (text) => this.checkers.overspent(text);
    this.keyValue.onChange = (domain, key, value) => {
      if (domain !== "daruma") return;
      this.wear.journalChanged();
      this.checkers.journalChanged(key, value);
    };
    this.store = new MemoryStore(natives.digestFactory, options.describe);
    const server = new UpdateServer(this.store, natives.digestFactory, {
      nowMs: () => this.world.nowMs,
      decodeReport,
    });
    this.network = new Network(this.world, {
      handler: (request): ServerResponse => server.handle(request),
      onRequest: ({ path }) => this.wear.requested(networkTargetOf(path) === "report"),
      onRead: ({ path }, bytes) => {
        if (networkTargetOf(path) === "payload") this.wear.payloadRead(bytes);
      },
      ...(options.intercept === undefined ? {} : { intercept: options.intercept }),
    });
    this.flash.load(partitionTableAddress, encodePartitions(partitions, natives.md5));
    this.flash.load(slots[0].offset, installed.image);
    this.know(installed);
    this.board = this.#makeBoard(seed);
    this.power.plan(options.cuts ?? []);
  }

  #makeBoard(seed: number): Board {
    const { natives, chipId, deviceId, clientClass, build } = this.#options;
    return new Board({
      world: this.world,
      power: this.power,
      flash: this.flash,
      keyValue: this.keyValue,
      clientClass: clientClass ?? this.network.clientClass.bind(this.network),
      partitions: this.layout.partitions,
      ...(build === undefined ? {} : { build }),
      chipId,
      digest: natives.digest,
      digestFactory: natives.digestFactory,
      md5: natives.md5,
      deviceId: deviceId ?? "240ac4000001",
      seed,
      firmwareOf: (imageHex) => this.#firmware(this.#behaviours.get(imageHex) ?? "healthy"),
      observer: {
        booted: (record) => this.#booted(record),
        ended: (_atMs, reason, note) => this.#note(`reset (${reason}): ${note}`),
        confirmed: (slot) => {
          this.checkers.confirmed(slot);
          this.wear.confirmed();
          this.#note(`ota_${slot} is marked valid`);
        },
        traced: (_atMs, line) => this.#note(line),
        timersWait: (count) => this.checkers.timersWait(count),
        read: (address, length) => this.checkers.flashRead(address, length),
      },
    });
  }

  /** Puts a release on the server. Devices learn of it at their next poll. */
  publish(release: SimulatedRelease): void {
    this.know(release);
    const payloads = new Map([[release.uri, release.image]]);
    this.store.add(release.name, release.envelope, payloads);
    this.#note(`server: ${release.name} is published`);
  }

  withdraw(name: string): void {
    this.store.remove(name);
    this.#note(`server: ${name} is withdrawn`);
  }

  /**
   * Runs until `until` holds, at most for `durationMs` of virtual time and `bootsMax` more boots.
   */
  run(until: () => boolean, durationMs: number, bootsMax = 64): RunEnd {
    return this.board.run({
      until,
      untilMs: this.world.nowMs + durationMs,
      bootsMax: this.board.boots + bootsMax,
    });
  }

  reports(): readonly StoredReport[] {
    return this.store.reports();
  }

  /** Payload bytes that the device has read from the network. */
  payloadBytes(): number {
    let bytes = 0;
    for (const { path, bodyBytes } of this.network.records) {
      if (networkTargetOf(path) === "payload") bytes += bodyBytes;
    }
    return bytes;
  }

  /** Requests seen on the wire so far. */
  wire(): readonly WireRecord[] {
    return this.network.records;
  }

  violations(): readonly Violation[] {
    return this.checkers.violations;
  }

  /** The image that runs: name of its release, or null when none boots. */
  runningImage(): Uint8Array | null {
    const last = this.boots.at(-1);
    if (last === undefined || last.imageHex === null) return null;
    return this.#images.get(last.imageHex)?.bytes ?? null;
  }

  /** True when the running slot holds exactly `image`. */
  runs(image: Uint8Array): boolean {
    const partition = this.boots.at(-1)?.result.partition;
    if (partition === undefined || partition === null) return false;
    const { offset } = partition;
    return equalBytes(this.flash.bytes.subarray(offset, offset + image.length), image);
  }

  /** Tells board and checkers what the image of a release does and whether it is to be kept. */
  know(release: SimulatedRelease): void {
    const imageHex = hex(release.image.subarray(release.image.length - 32));
    const isHealthy = release.behaviour === "healthy";
    this.wear.imageBytes = Math.max(this.wear.imageBytes, release.image.length);
    this.#images.set(imageHex, { imageHex, bytes: release.image, isHealthy });
    this.#behaviours.set(imageHex, release.behaviour);
  }

  #booted(record: BootRecord): void {
    this.boots.push(record);
    this.checkers.booted(record);
    const where = record.result.slot ?? "nothing: the chip resets for ever";
    this.#note(`boot ${record.number} (${record.resetReason}): ${where}, ${record.result.reason}`);
  }

  #note(text: string): void {
    const line = { atMs: Math.round(this.world.nowMs), text };
    this.timeline.push(line);
    this.#options.onTimeline?.(line);
  }

  /** The firmware: an agent around one of the known behaviours. */
  #firmware(behaviour: Behaviour): Firmware {
    const elsewhere = this.#options.firmware;
    const nothing = (): void => undefined;
    if (elsewhere !== undefined) return elsewhere(behaviour, this.#agentOptions(nothing, nothing));
    return (device) => {
      const { timer } = device.platform;
      if (behaviour === "crash") timer.set(() => device.crash(), 1500);
      if (behaviour === "hang") timer.set(() => device.hang(), 1500);
      if (behaviour === "no-network") device.setLink(false);
      const selfTest: SelfTest = (done) => {
        timer.set(() => done(behaviour !== "fail-test"), 200);
      };
      const main = this.#options.application ?? startAgent;
      main(device, this.#agentOptions(selfTest, device.busy), behaviour);
    };
  }

  #agentOptions(selfTest: SelfTest, spend: Spend): AgentOptions {
    const { trustAnchor, vendor, deviceClass, agent, serverUrl, verificationMs } = this.#options;
    const verify = agent?.verifySignature ?? verifyEd25519;
    return {
      vendor,
      deviceClass,
      trustAnchors: [trustAnchor],
      serverUrl: serverUrl ?? "http://updates.example.com",
      selfTests: [selfTest],
      pollIntervalMs,
      trialTimeoutMs,
      onProgress: (progress) => {
        // Code that runs on after a cut, in a catch, is a trait of this simulation, not of a chip.
        if (this.power.isCut) return;
        if (progress.state !== this.#lastState) {
          this.#lastState = progress.state;
          this.#note(
            `agent: ${progress.state}${progress.reason === "" ? "" : `, ${progress.reason}`}`,
          );
        }
        this.#options.onProgress?.(progress);
      },
      ...agent,
      verifySignature: timedVerifier(
        verify,
        (durationMs) => {
          this.wear.verified();
          spend(durationMs);
        },
        verificationMs,
      ),
    };
  }
}

const startAgent: Application = (device, options) => {
  new Agent(createHal(device.platform), options).start();
};
