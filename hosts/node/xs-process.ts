/**
 * The XS host as a child process that is spoken to synchronously: a boot of the simulated board is
 * one process, and the board's code runs between its requests. Two named pipes, because Node's own
 * pipes to a child can only be read by its event loop.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

/** The heap of the device machine: bytes, slots, slots. */
export interface Creation {
  readonly chunkBytes: number;
  readonly heapSlots: number;
  readonly stackSlots: number;
  /** By how much the heaps grow when they are full; absent where they cannot. */
  readonly chunkStepBytes?: number;
  readonly heapStepSlots?: number;
}

/**
 * The machine of the budgets: mcconfig's creation for ESP32 boards, with the bare platform's stack.
 */
export const esp32Creation: Creation = Object.freeze({
  chunkBytes: 78_848,
  heapSlots: 4928,
  stackSlots: 384,
});

/** Of the SDK's own esp32c3 target: small, and it grows when it is full. */
export const esp32c3Creation: Creation = Object.freeze({
  chunkBytes: 1536,
  chunkStepBytes: 512,
  heapSlots: 512,
  heapStepSlots: 64,
  stackSlots: 384,
});

/** Of the bare platform, but fixed: the smallest machine that whole updates are tested in. */
export const smallCreation: Creation = Object.freeze({
  chunkBytes: 32_768,
  heapSlots: 2048,
  stackSlots: 384,
});

/** Exit codes of the host; with `broken` it gives up for a reason that is no device's. */
export const exitCodes = Object.freeze({
  ok: 0,
  usage: 64,
  broken: 65,
  memoryFull: 71,
  stackOverflow: 72,
  unhandledException: 75,
  tooMuchComputation: 77,
  unhandledRejection: 78,
});

/** 32 as on the device; 64 where gcc cannot build that: slots of 32 bytes, larger chunks. */
export type Bits = 32 | 64;

export interface XsProgram {
  readonly path: string;
  readonly bits: Bits;
}

const cacheFolder = join(root, "node_modules", ".cache", "daruma-xs");

/**
 * The host that was built last. Throws when `npm run build:xs` was not run, or when the variable
 * XS_BITS (`asked`, null when it is not set) wants the other size: the wrong machine must not run
 * in silence.
 */
export function xsProgram(
  cache = cacheFolder,
  asked: string | null = process.env.XS_BITS ?? null,
): XsProgram {
  const choice = join(cache, "bits");
  // One of each size may lie there: the build says which of them was wanted or could be built.
  const text = existsSync(choice) ? readFileSync(choice, "utf8") : "";
  if (text !== "32" && text !== "64") throw new Error("the XS host is not built: npm run build:xs");
  if (asked !== null && asked !== text) {
    throw new Error(`XS_BITS is ${asked}, but the XS host has ${text} bits: npm run build:xs`);
  }
  return { path: join(cache, `m${text}`, "daruma-xs"), bits: text === "32" ? 32 : 64 };
}

/** The compiled module that a machine starts from, by its path below the project's root. */
export function xsModule(path: string): string {
  return join(root, path);
}

/** Arguments that make a machine of `creation` run `module`. */
export function xsArguments(creation: Creation, module: string, more: readonly string[]): string[] {
  return [
    ...["--chunk", `${creation.chunkBytes}`, "--chunk-step", `${creation.chunkStepBytes ?? 0}`],
    ...["--heap", `${creation.heapSlots}`, "--heap-step", `${creation.heapStepSlots ?? 0}`],
    ...["--stack", `${creation.stackSlots}`, "--modules", join(root, "node_modules")],
    ...more,
    module,
  ];
}

/** One request of the device. `a` and `b` are numbers, `body` is valid until the next request. */
export interface XsRequest {
  readonly operation: number;
  readonly a: number;
  readonly b: number;
  readonly body: Buffer;
}

const headBytes = 21;
const bodyBytesMax = 65_536;

export class XsProcess {
  readonly #child: ChildProcess;
  readonly #read: number;
  readonly #write: number;
  readonly #frame = Buffer.alloc(headBytes + bodyBytesMax);
  #over = false;

  constructor(command: string, parameters: readonly string[], quiet = false) {
    const folder = mkdtempSync(join(tmpdir(), "daruma-xs-"));
    const paths = [join(folder, "to"), join(folder, "from")];
    execFileSync("mkfifo", paths);
    const { O_RDONLY, O_RDWR, O_WRONLY } = constants;
    // Opening a pipe waits for its other end, unless one is open already: these two.
    const held = paths.map((path) => openSync(path, O_RDWR));
    this.#write = openSync(paths[0], O_WRONLY);
    this.#read = openSync(paths[1], O_RDONLY);
    const childRead = openSync(paths[0], O_RDONLY);
    const childWrite = openSync(paths[1], O_WRONLY);
    const errors = quiet ? "ignore" : "inherit";
    this.#child = spawn(command, parameters, { stdio: [childRead, childWrite, errors] });
    this.#child.on("error", () => undefined);
    this.#child.unref();
    for (const descriptor of [...held, childRead, childWrite]) closeSync(descriptor);
    rmSync(folder, { recursive: true });
  }

  /** The next request; null when the process has ended. */
  next(): XsRequest | null {
    if (!this.#fill(0, headBytes)) return null;
    const frame = this.#frame;
    const length = frame.readUInt32LE(17);
    if (length > bodyBytesMax || !this.#fill(headBytes, length)) return null;
    return {
      operation: frame[0],
      a: frame.readDoubleLE(1),
      b: frame.readDoubleLE(9),
      body: frame.subarray(headBytes, headBytes + length),
    };
  }

  /** An answer that nobody takes is no error: `next` then tells that the process has ended. */
  answer(status: number, value: number, body: Uint8Array): void {
    const frame = Buffer.alloc(13 + body.length);
    frame[0] = status;
    frame.writeDoubleLE(value, 1);
    frame.writeUInt32LE(body.length, 9);
    frame.set(body, 13);
    try {
      for (let done = 0; done < frame.length; ) done += writeSync(this.#write, frame, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
    }
  }

  /** Ends the process at once, as a power cut ends a chip. */
  kill(): void {
    if (this.#over) return;
    this.#over = true;
    this.#child.kill("SIGKILL");
    closeSync(this.#read);
    closeSync(this.#write);
  }

  #fill(start: number, length: number): boolean {
    for (let done = 0; done < length; ) {
      const got = this.#over
        ? 0
        : readSync(this.#read, this.#frame, start + done, length - done, null);
      if (got === 0) return false;
      done += got;
    }
    return true;
  }
}
