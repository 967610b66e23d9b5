/** Flash and supply of the bench: they tell the checkers, and let other faults fall between. */
import type { Partition } from "../../src/boot/partitions.js";
import type { Checkers } from "./checkers.js";
import { blockBytes, Flash } from "./flash.js";
import type { Layout } from "./layout.js";
import { type CutFault, type Fault, operationOf } from "./plan.js";
import { type OperationKind, Power } from "./power.js";
import type { Cut, Tear } from "./tear.js";
import type { OperationSeen } from "./tears.js";

const journalPrefix = "daruma/";

/** Counts and lists the operations of one boot. */
export class BenchPower extends Power {
  seen: OperationSeen[] = [];
  /** True when the supply was cut in this boot. */
  happened = false;
  /** The operation that begins next: its length, where it is, and what it writes. */
  lengthBytes = 0;
  address = 0;
  key = "";
  written: Uint8Array | null = null;
  /** Operations of this boot that are the agent's: in its journal, a slot or the boot record. */
  agentOperations = 0;
  readonly #agents: readonly Partition[];
  #others: readonly Fault[] = [];
  #first = 0;
  #strike: (fault: Fault) => void = () => undefined;
  #struck: Set<Fault> = new Set();

  constructor(partitions: readonly Partition[]) {
    super();
    this.#agents = partitions.filter((one) => one.type === 0 || one.label === "otadata");
  }

  /** Sets the faults of one boot whose first operation has the number `first`. */
  arm(
    faults: readonly Fault[],
    first: number,
    strike: (fault: Fault) => void,
    struck: Set<Fault>,
  ): void {
    const cuts: Cut[] = [];
    const others: Fault[] = [];
    for (const fault of faults) {
      if (fault.kind !== "cut") others.push(fault);
      else cuts.push({ ...fault.cut, operation: fault.cut.operation - first });
    }
    this.plan(cuts);
    this.#others = others;
    this.#first = first;
    this.#strike = strike;
    this.#struck = struck;
    this.seen = [];
    this.agentOperations = 0;
    this.happened = false;
  }

  override begin(kind: OperationKind): Tear | null {
    if (this.#others.length > 0) {
      const operation = this.#first + this.operations;
      for (const fault of this.#others) {
        if (operationOf(fault) !== operation || this.#struck.has(fault)) continue;
        // Once: one that ends the boot leaves the operation to the next.
        this.#struck.add(fault);
        this.#strike(fault);
      }
    }
    const { key, address, lengthBytes } = this;
    if (kind === "key-value") {
      this.seen.push({ kind, lengthBytes: 0, address: 0, key });
      // The uptime that is saved now and then begins nothing.
      const isAct = key.startsWith(journalPrefix) && key !== `${journalPrefix}ledger`;
      if (isAct) this.agentOperations++;
    } else {
      this.seen.push({ kind, lengthBytes, address, key: "" });
      if (this.#agents.some((one) => isIn(one, address))) this.agentOperations++;
    }
    const tear = super.begin(kind);
    // NVS checks its entries itself: a change that it reports as done is done (nvs_flash.rst).
    return kind === "key-value" && !this.cutsSupply ? null : tear;
  }

  /** The fault that hit the last operation of this boot; `before` it there were that many. */
  fallen(faults: readonly Fault[], before: number): CutFault | null {
    const operation = before + this.operations - 1;
    for (const fault of faults) {
      if (fault.kind === "cut" && fault.cut.operation === operation) return fault;
    }
    return null;
  }

  override cut(): never {
    this.happened = true;
    return super.cut();
  }
}

function isIn({ offset, sizeBytes }: Partition, address: number): boolean {
  return address >= offset && address < offset + sizeBytes;
}

/** Flash whose changes the checkers see before they happen. */
export class BenchFlash extends Flash {
  checkers: Checkers | null = null;
  readonly #power: BenchPower;

  constructor(power: BenchPower, sizeBytes: number, seed: number) {
    super({ power, sizeBytes, seed });
    this.#power = power;
  }

  /** As a developer's cable leaves it: `image` in ota_0, otadata blank, the rest as it was. */
  loadFactory(layout: Layout, image: Uint8Array): void {
    for (const { label, offset, sizeBytes } of layout.partitions) {
      if (label !== "otadata" && label !== "ota_0") continue;
      this.load(offset, new Uint8Array(sizeBytes).fill(0xff));
      if (label === "ota_0") this.load(offset, image);
    }
  }

  override write(address: number, from: Uint8Array, start: number, length: number): void {
    this.checkers?.flashChanging(address, from.subarray(start, start + length));
    this.#power.lengthBytes = length;
    this.#power.address = address;
    this.#power.written = from.subarray(start, start + length);
    super.write(address, from, start, length);
  }

  override eraseBlock(address: number): void {
    this.checkers?.flashChanging(address);
    this.#power.lengthBytes = blockBytes;
    this.#power.address = address;
    super.eraseBlock(address);
  }
}
