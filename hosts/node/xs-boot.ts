/** One boot on XS: answers the requests of its process with the simulated board's own code. */
import type { AgentOptions } from "../../src/agent/options.js";
import { limits } from "../../src/limits.js";
import type {
  ClientRequest,
  FlashPartition,
  HttpClientInstance,
  KeyValueDomain,
  TimerId,
} from "../esp32/platform.js";
import { BootEnded, type BootedDevice } from "../simulator/board.js";
import { digestMsPerKb, verificationMs } from "../simulator/durations.js";
import { windowBytes } from "../simulator/moddable-socket.js";
import { PowerCut } from "../simulator/power.js";
import type { Behaviour } from "../simulator/simulation.js";
import { events, functions, operations } from "../xs/operations.js";
import type { XsProcess, XsRequest } from "./xs-process.js";

/** What happens in a boot beside the board's work. */
export interface BootListener {
  /** The machine ended by itself, with that text. */
  aborted(text: string): void;
  /** A phase of the measurement ended. */
  marked(text: string): void;
  /** The head of the answer to `path` on its way: what arrives instead, if anything. */
  readonly onHead: ((path: string, head: string) => string | null) | undefined;
}

/** One byte less than the guard takes of a head, so that a whole window comes on top of it. */
const firstBytes = Math.min(limits.headBytesMax - 1, windowBytes);

const nothing = new Uint8Array(0);
/** Names of `functions`, by number. */
const functionNames = Object.keys(functions) as (keyof typeof functions)[];
const answerOk = 0;
const answerError = 1;
const answerNone = 2;

interface OpenClient {
  readonly client: HttpClientInstance;
  request: ClientRequest | null;
}

/** The handles of the process and the answers to its requests. */
export class XsBoot {
  readonly #process: XsProcess;
  readonly #device: BootedDevice;
  readonly #behaviour: Behaviour;
  readonly #options: AgentOptions;
  readonly #listener: BootListener;
  readonly #partitions: FlashPartition[] = [];
  readonly #domains: KeyValueDomain[] = [];
  readonly #clients: OpenClient[] = [];
  readonly #timers: TimerId[] = [];
  #keyName = "";
  #verifies = false;
  #progress = ["ready", "", ""];

  constructor(
    process: XsProcess,
    device: BootedDevice,
    behaviour: Behaviour,
    options: AgentOptions,
    listener: BootListener,
  ) {
    this.#process = process;
    this.#device = device;
    this.#behaviour = behaviour;
    this.#options = options;
    this.#listener = listener;
  }

  /** Answers requests until the process waits for an event. What ends the boot is thrown. */
  serve(): void {
    while (true) {
      const request = this.#process.next();
      if (request === null) {
        this.#listener.aborted("the process died");
        throw new Error("the XS process died");
      }
      if (request.operation === operations.wait) return;
      if (request.operation === operations.abort) {
        const text = request.body.toString();
        this.#listener.aborted(text);
        this.#process.kill();
        throw new Error(text);
      }
      this.#answer(request);
    }
  }

  #deliver(kind: number, id: number, value: number, text = ""): void {
    const body = Buffer.alloc(4 + Buffer.byteLength(text));
    body.writeUInt32LE(id, 0);
    body.write(text, 4);
    this.#process.answer(kind, value, body);
    this.serve();
  }

  #answer(request: XsRequest): void {
    let result: number | Uint8Array | undefined;
    try {
      result = this.#run(request);
    } catch (error) {
      // Errors of a call are the device's to handle; the end of the boot is not.
      if (error instanceof BootEnded || error instanceof PowerCut) {
        this.#process.kill();
        throw error;
      }
      const text = error instanceof Error ? error.message : "unknown";
      return this.#process.answer(answerError, 0, Buffer.from(text));
    }
    if (result === undefined) this.#process.answer(answerNone, -1, nothing);
    else if (typeof result === "number") this.#process.answer(answerOk, result, nothing);
    else this.#process.answer(answerOk, result.length, result);
  }

  #run(request: XsRequest): number | Uint8Array | undefined {
    const { operation } = request;
    if (operation >= operations.httpOpen && operation <= operations.httpClose) {
      return this.#http(request);
    }
    if (operation >= operations.flashOpen && operation <= operations.keyDelete) {
      return this.#storage(request);
    }
    if (operation >= operations.crash) return this.#firmware(request);
    const { platform } = this.#device;
    const { a, b, body } = request;
    switch (operation) {
      case operations.mark:
        this.#listener.marked(body.toString());
        return 0;
      case operations.ticks:
        return platform.ticks();
      case operations.trace:
        platform.trace(body.toString());
        return 0;
      case operations.timerSet: {
        const id = this.#timers.length;
        this.#timers.push(platform.timer.set(() => this.#deliver(events.timer, id, 0), a));
        return id;
      }
      case operations.timerClear:
        platform.timer.clear(this.#timers[a]);
        return 0;
      case operations.native:
        return platform.natives[functionNames[a]](b) ?? 0;
      case operations.deviceId:
        return Buffer.from(platform.natives.daruma_device_id());
    }
    throw new Error(`no operation ${operation}`);
  }

  #storage({ operation, a, b, body }: XsRequest): number | Uint8Array | undefined {
    const { flash, keyValue } = this.#device.platform;
    switch (operation) {
      case operations.flashOpen: {
        const partition = flash.open({ path: body.toString(), mode: a === 1 ? "r+" : "r" });
        return this.#partitions.push(partition) - 1;
      }
      case operations.flashSize:
        return this.#partitions[a].status().size;
      case operations.flashBlock:
        return this.#partitions[a].status().blockLength;
      case operations.flashRead: {
        const into = new Uint8Array(body.readUInt32LE(0));
        this.#partitions[a].read(into, b);
        return into;
      }
      case operations.flashWrite:
        this.#partitions[a].write(body, b);
        return 0;
      case operations.flashErase:
        this.#partitions[a].eraseBlock(b);
        return 0;
      case operations.flashClose:
        this.#partitions[a].close();
        return 0;
      case operations.keyOpen:
        return this.#domains.push(keyValue.open({ path: body.toString(), format: "buffer" })) - 1;
      case operations.keyName:
        this.#keyName = body.toString();
        return 0;
      case operations.keyRead: {
        const value = this.#domains[a].read(body.toString());
        return value === undefined ? undefined : new Uint8Array(value);
      }
      case operations.keyWrite:
        this.#domains[a].write(this.#keyName, new Uint8Array(body));
        return 0;
      case operations.keyDelete:
        this.#domains[a].delete(body.toString());
        return 0;
    }
    throw new Error(`no operation ${operation}`);
  }

  #http({ operation, a, body }: XsRequest): number | Uint8Array | undefined {
    switch (operation) {
      case operations.httpOpen: {
        const id = this.#clients.length;
        const Client = this.#device.platform.http;
        const onError = (): void => this.#deliver(events.error, id, 0);
        const client = new Client({ host: body.toString(), port: a, onError });
        return this.#clients.push({ client, request: null }) - 1;
      }
      case operations.httpRequest:
        this.#request(a, body.toString());
        return 0;
      case operations.httpRead: {
        const into = new Uint8Array(body.readUInt32LE(0));
        const count = this.#clients[a].request?.read(into);
        return count === undefined ? undefined : into.subarray(0, count);
      }
      case operations.httpWrite:
        return this.#clients[a].request?.write(new Uint8Array(body)) ?? 0;
      case operations.httpClose:
        this.#clients[a].client.close();
        return 0;
    }
    throw new Error(`no operation ${operation}`);
  }

  #request(id: number, head: string): void {
    const [method, path, ...lines] = head.split("\n");
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(": ");
      headers.set(line.slice(0, colon), line.slice(colon + 2));
    }
    const open = this.#clients[id];
    open.request = open.client.request({
      method,
      path,
      headers,
      onHeaders: (status, received) => {
        const lines = [...received].map(([name, value]) => `${name}: ${value}\r\n`);
        const sent = `HTTP/1.1 ${status} Status\r\n${lines.join("")}\r\n`;
        const head = this.#listener.onHead?.(path, sent) ?? sent;
        this.#deliver(events.head, id, 0, head.slice(0, firstBytes));
        for (let at = firstBytes; at < head.length; at += windowBytes) {
          this.#deliver(events.head, id, 0, head.slice(at, at + windowBytes));
        }
      },
      onReadable: (countBytes) => this.#deliver(events.readable, id, countBytes),
      onWritable: (countBytes) => this.#deliver(events.writable, id, countBytes),
      onDone: (error) => {
        const failed = error !== null && error !== undefined;
        this.#deliver(events.done, id, failed ? 1 : 0);
      },
    });
  }

  #firmware({ operation, a, b, body }: XsRequest): number | Uint8Array | undefined {
    const { vendor, deviceClass, serverUrl, trustAnchors } = this.#options;
    switch (operation) {
      case operations.crash:
        return this.#device.crash();
      case operations.hang:
        return this.#device.hang();
      case operations.link:
        this.#device.setLink(a === 1);
        return 0;
      case operations.digested:
        if (!this.#verifies) this.#device.busy((digestMsPerKb * a) / 1024);
        return 0;
      case operations.verify:
        // Its own digests are in its time.
        this.#verifies = a === 1;
        if (this.#verifies) this.#device.busy(verificationMs);
        return 0;
      case operations.progress: {
        if (body.length > 0) this.#progress = body.toString().split(" ");
        const [state, activity, reason, ...words] = this.#progress as never[];
        const connection = words.join(" ");
        this.#options.onProgress?.({
          state,
          activity,
          reason,
          connection,
          bytes: a,
          totalBytes: b,
        });
        return 0;
      }
      case operations.optionText:
        return Buffer.from([this.#behaviour, vendor, deviceClass, [serverUrl].flat().join(" ")][a]);
      case operations.optionNumber:
        return [this.#options.pollIntervalMs, this.#options.trialTimeoutMs][a] ?? 0;
      case operations.optionBytes:
        return trustAnchors[0];
    }
    throw new Error(`no operation ${operation}`);
  }
}
