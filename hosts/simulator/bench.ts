/**
 * One simulated device BETWEEN its boots. A power cut ends a boot, so all that outlives it is
 * flash, key-value storage and what the server knows: a `Rest`. The bench runs one boot from a
 * rest, with or without faults, and gives the rest after it. Sweeps build every history out of such
 * single boots, each cut starting from the rest before it instead of from the factory.
 *
 * All chance of a boot comes from the seed and the number of the boot, so a rest decides its
 * future.
 */
import { encodePartitions, partitionTableAddress } from "../../src/boot/partitions.js";
import { hex } from "../../src/bytes.js";
import { digestOf } from "../../src/crypto/digest.js";
import type { StoredReport } from "../../src/server/report.js";
import { benchAgentOptions } from "./bench-agent.js";
import { BenchFlash, BenchPower } from "./bench-flash.js";
import { benchNetwork } from "./bench-network.js";
import { runUntilSettled } from "./bench-run.js";
import { BenchStore, isOpen } from "./bench-store.js";
import { Board, type BootedDevice } from "./board.js";
import type { BootRecord } from "./board-observer.js";
import { Checkers, type KnownImage } from "./checkers.js";
import { cutWords } from "./cut-words.js";
import { GuardedNetwork } from "./guarded-network.js";
import { KeyValueStore } from "./key-value.js";
import type { Network } from "./network.js";
import { type NetworkFault, NetworkFaults, networkTargetOf } from "./network-faults.js";
import { type CutFault, type Fault, operationOf, type ServerChange } from "./plan.js";
import type { BootEnd } from "./reset-reasons.js";
import type { BenchFirmware, BenchOptions, BootOutcome, Rest } from "./rest.js";
import { judgeWire } from "./wire-judge.js";
import { noIncidents } from "./witness.js";
import { World } from "./world.js";

const journalDomain = "daruma";
const zero = { boots: 0, operations: 0, atMs: 0, payloadBytes: 0, keyValueWrites: 0 };

export class Bench {
  readonly options: BenchOptions;
  readonly flash: BenchFlash;
  readonly checkers: Checkers;
  /** Faults of the network; a plan sets them, and they count over all its boots. */
  readonly network = new NetworkFaults();
  /** The device's network classes. */
  readonly device = new GuardedNetwork();
  /** Boots executed by this bench so far, and how many of them a cut interrupted. */
  executed = 0;
  interrupted = 0;
  readonly #power: BenchPower;
  readonly #keyValue: KeyValueStore;
  readonly #store: BenchStore;
  readonly #images = new Map<string, KnownImage>();
  readonly #firmware = new Map<string, BenchFirmware>();
  readonly #digests: readonly string[];
  /** How a report names a release that was refused before it was authentic. */
  readonly #strangers: readonly string[];
  #world = new World();
  /** Index of the release in the store; below -1 before the first. */
  #offered = -2;
  #hasAttempt = false;
  /** Changes of the agent's journal in this boot; what the application stores is its own. */
  #journalWrites = 0;
  /** Faults that fell already; each does so once in a plan. */
  readonly #struck = new Set<Fault>();
  #stirred = false;

  constructor(options: BenchOptions) {
    this.options = options;
    const { natives, layout, seed } = options;
    const slots = layout.partitions.filter((one) => one.type === 0);
    const otadata = layout.partitions.find((one) => one.label === "otadata");
    this.#power = new BenchPower(layout.partitions);
    this.flash = new BenchFlash(this.#power, layout.flashBytes, seed);
    const nowMs = (): number => this.#world.nowMs;
    this.#keyValue = new KeyValueStore(this.#power);
    const journal = () => this.#keyValue.entries(journalDomain);
    this.checkers = new Checkers(this.flash, slots, this.#images, nowMs, 0, otadata, journal);
    this.flash.checkers = this.checkers;
    this.checkers.timersMax = options.timersMax ?? Number.POSITIVE_INFINITY;
    this.#keyValue.onBegin = (domain, key, value) => {
      this.#power.key = `${domain}/${key}`;
      this.#power.written = value;
    };
    this.#keyValue.onChange = (domain, key, value) => {
      if (domain !== journalDomain) return;
      this.#journalWrites++;
      this.checkers.journalChanged(key, value);
      if (key === "attempt") this.#hasAttempt = isOpen(value);
      if (key === "attempt" || key === "result") this.#stirred = true;
    };
    this.#store = new BenchStore(options, nowMs);
    for (const { bytes, isHealthy, firmware } of options.images) {
      const imageHex = hex(bytes.subarray(bytes.length - 32));
      this.#images.set(imageHex, { imageHex, bytes, isHealthy });
      this.#firmware.set(imageHex, firmware);
    }
    this.#digests = options.releases.map((release) => {
      const info = options.describe(release.envelope);
      if (info === null) throw new RangeError(`${release.name} is not an envelope`);
      return hex(info.manifestDigest);
    });
    this.#strangers = options.releases.map(({ envelope }) =>
      hex(digestOf(natives.digestFactory, "SHA256", envelope)),
    );
    this.flash.load(partitionTableAddress, encodePartitions(layout.partitions, natives.md5));
    this.flash.load(slots[0].offset, options.images[0].bytes);
  }

  /** As it leaves the factory. */
  factory(offered: number): Rest {
    return {
      flash: this.flash.snapshot(),
      keyValue: new Map(),
      reports: [],
      checkers: this.checkers.save(),
      offered,
      reason: "power-on",
      ...zero,
      fetched: new Map(),
    };
  }

  /** The same state as the beginning of a plan: all counts are 0, the supply was off. */
  begin(rest: Rest, offered: number): Rest {
    const fetched = new Map<string, number>();
    return { ...rest, ...zero, fetched, offered, reports: [], reason: "power-on" };
  }

  /** True for a report on release `index`. */
  isAbout(report: StoredReport, index: number): boolean {
    const { manifestDigest } = report;
    return manifestDigest === this.#digests[index] || manifestDigest === this.#strangers[index];
  }

  /** Bytes of the image that carries `imageHex`. */
  imageOf(imageHex: string): Uint8Array | null {
    return this.#images.get(imageHex)?.bytes ?? null;
  }

  /** Begins a plan: nothing has fallen yet. */
  plan(network: readonly NetworkFault[]): void {
    this.network.plan(network);
    this.#struck.clear();
  }

  /** Bits that never change any more, on this bench for good. */
  stick(address: number, mask: number, value: 0 | 1): void {
    this.flash.stick(address, mask, value);
  }

  /** Runs one boot. `faults` count operations since the plan began; those of other boots wait. */
  boot(rest: Rest, faults: readonly Fault[]): BootOutcome {
    const world = this.#enter(rest, faults);
    let end: BootEnd | null = null;
    let imageHex = "";
    const network = benchNetwork(world, rest, this.#store, this, () => {
      this.#stirred = true;
    });
    const board = this.#board(world, network, rest, {
      booted: (record) => {
        imageHex = record.imageHex ?? "";
        this.#booted(world, record);
      },
      ended: (reason, note) => {
        const cut = this.#power.fallen(faults, rest.operations);
        end = this.#power.happened ? (cut?.reset ?? "power-on") : reason;
        this.options.onLine?.(world.nowMs, `reset (${end}): ${this.#why(cut, note)}`);
      },
    });
    const reached = runUntilSettled(board, world, {
      hasEnded: () => end !== null,
      isSettled: () => this.#stirred && this.#isSettled(),
      operations: () => this.#power.agentOperations,
      requests: () => network.records.length,
      unsettled: (text) => this.checkers.unsettled(text),
      patienceMs: this.network.patienceMs,
    });
    this.executed++;
    if (this.#power.happened) this.interrupted++;
    const { witness } = this.options;
    const elapsedMs = reached === "time" ? Number.POSITIVE_INFINITY : world.nowMs;
    const incidents = witness?.end(this.#power.happened, elapsedMs) ?? noIncidents;
    for (const { breaks, text } of incidents) {
      if (breaks !== null) this.checkers.violations.push({ promise: breaks, atMs: 0, text });
    }
    return {
      end: reached,
      interrupted: this.#power.happened,
      rest: this.#leave(rest, world, network, end ?? "power-on"),
      operations: this.#power.seen,
      violations: this.checkers.violations.slice(),
      incidents,
      imageHex,
    };
  }

  #enter(rest: Rest, faults: readonly Fault[]): World {
    const { seed } = this.options;
    this.#power.restore();
    const chance = (Math.imul(seed, 0x9e3779b1) + Math.imul(rest.boots + 1, 0x85ebca6b)) >>> 0;
    this.flash.restore({ ...rest.flash, chance });
    this.#keyValue.restore(rest.keyValue);
    this.#journalWrites = 0;
    this.checkers.load(rest.checkers);
    this.#store.received = rest.reports;
    this.#hasAttempt = isOpen(rest.keyValue.get(journalDomain)?.get("attempt") ?? null);
    this.#stirred = true;
    this.#offer(rest.offered);
    const own = faults.filter((fault) => operationOf(fault) >= rest.operations);
    this.#power.arm(
      own,
      rest.operations,
      (fault) => {
        if (fault.kind === "rot") this.flash.rot(fault.address, fault.mask);
        if (fault.kind === "server") this.#change(fault.change);
        if (fault.kind === "lost") this.#keyValue.damage(journalDomain, fault.key);
        if (fault.kind !== "cable") return;
        const [factory] = this.options.images;
        this.flash.loadFactory(this.options.layout, factory.bytes);
        this.checkers.flashedByCable(0, hex(factory.bytes.slice(-32)));
        this.#power.cut();
      },
      this.#struck,
    );
    this.#world = new World();
    this.options.witness?.begin();
    return this.#world;
  }

  #leave(rest: Rest, world: World, network: Network, reason: BootEnd): Rest {
    judgeWire(network.records, this.options, (text) => this.checkers.overspent(text));
    let payloadBytes = rest.payloadBytes;
    let fetched = rest.fetched;
    for (const { path, bodyBytes } of network.records) {
      if (networkTargetOf(path) !== "payload") continue;
      payloadBytes += bodyBytes;
      fetched = new Map(fetched).set(path, (fetched.get(path) ?? 0) + bodyBytes);
    }
    return {
      flash: this.flash.snapshot(),
      keyValue: this.#keyValue.snapshot(),
      reports: this.#store.received,
      checkers: this.checkers.save(),
      offered: this.#offered,
      reason,
      boots: rest.boots + 1,
      operations: rest.operations + this.#power.operations,
      atMs: rest.atMs + world.nowMs,
      payloadBytes,
      fetched,
      keyValueWrites: rest.keyValueWrites + this.#journalWrites,
    };
  }

  /** The newest release has its report and no attempt is open; without an offer, no attempt is. */
  #isSettled(): boolean {
    this.#stirred = false;
    if (this.#hasAttempt) return false;
    if (this.#offered < 0) return true;
    const index = this.#offered;
    return this.#store.received.some((report) => this.isAbout(report, index));
  }

  #offer(index: number): void {
    if (index === this.#offered) return;
    this.#offered = index;
    for (const release of this.options.releases) this.#store.remove(release.name);
    const release = this.options.releases[index];
    if (release === undefined) return;
    this.#store.add(release.name, release.envelope, new Map([[release.uri, release.image]]));
  }

  #change(change: ServerChange): void {
    if (change === "withdraw") this.#offer(-1);
    else this.#offer(this.options.releases.length - 1);
    this.#stirred = true;
    this.options.onLine?.(this.#world.nowMs, `server: ${change}`);
  }

  #board(
    world: World,
    network: Network,
    rest: Rest,
    observer: {
      readonly booted: (record: BootRecord) => void;
      readonly ended: (reason: BootEnd, note: string) => void;
    },
  ): Board {
    const { natives, chipId, layout, seed, onLine, build, runJobs, witness } = this.options;
    return new Board({
      world,
      power: this.#power,
      flash: this.flash,
      keyValue: this.#keyValue,
      clientClass: network.clientClass.bind(network),
      partitions: layout.partitions,
      chipId,
      ...(build === undefined ? {} : { build }),
      ...(runJobs === undefined ? {} : { runJobs }),
      digest: natives.digest,
      digestFactory: natives.digestFactory,
      md5: natives.md5,
      deviceId: "240ac4000001",
      seed: (Math.imul(seed, 0xc2b2ae35) + rest.boots) >>> 0,
      bootsBefore: rest.boots,
      firstReason: rest.reason,
      firmwareOf: (imageHex) => (device) => this.#start(device, imageHex),
      observer: {
        booted: observer.booted,
        ended: (_atMs, reason, note) => observer.ended(reason, note),
        confirmed: (slot) => {
          this.checkers.confirmed(slot);
          onLine?.(world.nowMs, `ota_${slot} is marked valid`);
        },
        aborted: (reason, error) => witness?.aborted(reason, error),
        traced: (atMs, line) => onLine?.(atMs, line),
        timersWait: (count) => this.checkers.timersWait(count),
        read: (address, length) => this.checkers.flashRead(address, length),
      },
    });
  }

  #booted(world: World, record: BootRecord): void {
    this.checkers.booted(record);
    const { slot, reason } = record.result;
    this.options.onLine?.(world.nowMs, `boot ${record.number}: ${slot ?? "nothing"}, ${reason}`);
  }

  #start(device: BootedDevice, imageHex: string): void {
    const firmware = this.#firmware.get(imageHex) ?? this.options.images[0].firmware;
    firmware(device, benchAgentOptions(this.options, device));
  }

  /** Where the supply failed, in words, or what else ended the boot. */
  #why(cut: CutFault | null, note: string): string {
    const seen = this.#power.seen.at(-1);
    if (!this.#power.happened || cut === null || seen === undefined) return note;
    return cutWords(cut.cut.tear, seen, this.#power.written, this.options.layout.partitions);
  }
}
