/**
 * A release store in a directory.
 *
 *   *.suit          envelopes, in the directory or up to three folders down
 *   other files     payloads, beside the envelope that names them
 *   devices.json    {"device-id": "path of an envelope below the directory"}; may be absent
 *   serve.lock      the process that serves the directory now
 *   reports.jsonl   one stored report a line; a line without its line feed was torn by a power cut
 *
 * The directory is looked at anew on every request, so files can be added or replaced while it
 * serves. Symbolic links are not followed: nothing outside the directory can be reached.
 */

import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { DigestFactory } from "../../src/crypto/digest.js";
import { limits } from "../../src/limits.js";
import type { Body } from "../../src/server/body.js";
import type {
  DescribeEnvelope,
  OpenPayload,
  ReleaseStore,
  StoredRelease,
} from "../../src/server/catalog.js";
import type { StoredReport } from "../../src/server/report.js";
import { isSafePart } from "../../src/server/route.js";
import { etagOf, etagOfBytes } from "../../src/server/selection.js";

export interface FileStoreOptions {
  /** An existing directory. */
  readonly dir: string;
  readonly digest: DigestFactory;
  readonly describe: DescribeEnvelope;
  /** Called once per file that could not be used, with a sentence for the operator. */
  onWarning?(message: string): void;
}

const depthMax = 3;
const entriesMax = 10000;
const pinsBytesMax = 4 * 1024 * 1024;
/** Bounds memory and disk against a flood; the operator moves the file away to go on. */
const reportsMax = 100000;
const reportsBytesMax = 256 * 1024 * 1024;
const chunkBytes = 65536;
/** Never served, whatever an envelope names. */
const privateNames = /\.(pem|key|der|p8|suit)$|^devices\.json$|^reports\.jsonl$|^serve\.lock$/i;

interface Cached<T> {
  /** Changes whenever the file does. */
  readonly stamp: string;
  readonly value: T;
}

export class FileStore implements ReleaseStore {
  readonly #root: string;
  readonly #options: FileStoreOptions;
  #releases = new Map<string, Cached<StoredRelease | null>>();
  readonly #etags = new Map<string, Cached<string>>();
  #pins: Cached<ReadonlyMap<string, string>> = { stamp: "", value: new Map() };
  readonly #reports: StoredReport[] = [];

  /** Throws when `dir` is not a readable directory or its report file is too large. */
  constructor(options: FileStoreOptions) {
    this.#options = options;
    this.#root = realpathSync(options.dir);
    if (!lstatSync(this.#root).isDirectory()) throw new Error(`${options.dir} is no directory`);
    this.#loadReports();
  }

  releases(): readonly StoredRelease[] {
    const previous = this.#releases;
    const next = new Map<string, Cached<StoredRelease | null>>();
    for (const name of this.#envelopeNames()) {
      const stat = lstatSync(join(this.#root, name), { throwIfNoEntry: false });
      if (stat === undefined) continue;
      const stamp = stampOf(stat);
      const known = previous.get(name);
      if (known?.stamp === stamp) next.set(name, known);
      else next.set(name, { stamp, value: this.#readRelease(name, stat.size) });
    }
    this.#releases = next;
    const releases: StoredRelease[] = [];
    for (const { value } of next.values()) if (value !== null) releases.push(value);
    return releases;
  }

  pins(): ReadonlyMap<string, string> {
    const path = join(this.#root, "devices.json");
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return new Map();
    const stamp = stampOf(stat);
    if (this.#pins.stamp === stamp) return this.#pins.value;
    const pins = stat.isFile() && stat.size <= pinsBytesMax ? parsePins(path) : null;
    // A file that cannot be read keeps the last good pins: a typing error must not release devices
    // that somebody holds back.
    if (pins === null) {
      this.#warn('devices.json is not {"device-id": "file.suit"}; the pins before it stay');
    }
    this.#pins = { stamp, value: pins ?? this.#pins.value };
    return this.#pins.value;
  }

  openPayload(release: StoredRelease, uriPath: string): OpenPayload | null {
    const parts = uriPath.split("/");
    if (!parts.every((part) => isSafePart(part) && !privateNames.test(part))) return null;
    const path = join(this.#root, dirname(release.name), ...parts);
    let descriptor: number;
    try {
      // Any symbolic link on the way would lead to another real path.
      if (realpathSync(path) !== path || !lstatSync(path).isFile()) return null;
      descriptor = openSync(path, "r");
    } catch {
      return null;
    }
    try {
      const stat = fstatSync(descriptor);
      const etag = stat.isFile() ? this.#etagOf(path, descriptor, stampOf(stat), stat.size) : null;
      if (etag !== null) return { body: fileBody(descriptor, stat.size), etag };
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    closeSync(descriptor);
    return null;
  }

  appendReport(report: StoredReport): void {
    if (this.#reports.length >= reportsMax) {
      this.#warn(`reports.jsonl holds ${reportsMax} reports; move it away and restart to go on`);
      throw new Error("report store full");
    }
    const descriptor = openSync(join(this.#root, "reports.jsonl"), "a", 0o600);
    const lengthBytes = fstatSync(descriptor).size;
    try {
      const line = Buffer.from(`${JSON.stringify(report)}\n`);
      if (writeSync(descriptor, line) !== line.length) throw new Error("short write");
      fsyncSync(descriptor);
    } catch (error) {
      // A torn line inside the file would swallow the next report.
      ftruncateSync(descriptor, lengthBytes);
      throw error;
    } finally {
      closeSync(descriptor);
    }
    this.#reports.push(report);
  }

  reports(): readonly StoredReport[] {
    return this.#reports;
  }

  #envelopeNames(): string[] {
    const names: string[] = [];
    let entries = 0;
    const visit = (folder: string, depth: number): void => {
      for (const entry of readdirSync(join(this.#root, folder), { withFileTypes: true })) {
        if (++entries > entriesMax || !isSafePart(entry.name)) continue;
        const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory() && depth < depthMax) visit(name, depth + 1);
        else if (entry.isFile() && entry.name.endsWith(".suit")) names.push(name);
      }
    };
    visit("", 0);
    if (entries > entriesMax) this.#warn(`more than ${entriesMax} files; the rest are not served`);
    return names.sort();
  }

  #readRelease(name: string, sizeBytes: number): StoredRelease | null {
    if (sizeBytes <= limits.envelopeBytesMax) {
      try {
        const envelope = new Uint8Array(readFileSync(join(this.#root, name)));
        const info = this.#options.describe(envelope);
        if (info !== null) {
          return { name, envelope, etag: etagOfBytes(this.#options.digest, envelope), info };
        }
      } catch {
        // Falls to the warning: the file vanished or may not be read.
      }
    }
    this.#warn(
      `${name} is not an update envelope of at most ${limits.envelopeBytesMax} bytes; ignored`,
    );
    return null;
  }

  /** Tag of the open file, hashed once per change; null for what must not be served. */
  #etagOf(path: string, descriptor: number, stamp: string, sizeBytes: number): string | null {
    const known = this.#etags.get(path);
    if (known?.stamp === stamp) return known.value;
    const digest = this.#options.digest("SHA256");
    const chunk = new Uint8Array(chunkBytes);
    for (let offset = 0; offset < sizeBytes; ) {
      const count = readSync(descriptor, chunk, 0, chunkBytes, offset);
      if (count === 0) return null;
      // A key under any name: PEM begins with five dashes, no image does.
      if (offset === 0 && Buffer.from(chunk.subarray(0, 11)).toString("latin1") === "-----BEGIN ") {
        this.#warn(`${path} holds PEM data and is not served`);
        return null;
      }
      digest.write(chunk.subarray(0, count));
      offset += count;
    }
    const etag = etagOf(digest.close());
    this.#etags.set(path, { stamp, value: etag });
    return etag;
  }

  #loadReports(): void {
    const path = join(this.#root, "reports.jsonl");
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (!stat.isFile() || stat.size > reportsBytesMax) {
      throw new Error(`${path} is not a report file of at most ${reportsBytesMax} bytes`);
    }
    const bytes = readFileSync(path);
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (end < bytes.length) {
      // Never acknowledged, so the device sends it again.
      const descriptor = openSync(path, "r+");
      ftruncateSync(descriptor, end);
      fsyncSync(descriptor);
      closeSync(descriptor);
      this.#warn("reports.jsonl ended in a torn line, which was removed");
    }
    for (const line of bytes.subarray(0, end).toString("utf8").split("\n")) {
      if (line === "") continue;
      const report = parseReport(line);
      if (report === null) this.#warn("reports.jsonl has a line that is no report; skipped");
      else this.#reports.push(report);
    }
  }

  #warn(message: string): void {
    this.#options.onWarning?.(message);
  }
}

function fileBody(descriptor: number, lengthBytes: number): Body {
  let open = true;
  return {
    lengthBytes,
    read(offset, into, start, length) {
      const count = Math.min(length, lengthBytes - offset);
      return open && count > 0 ? readSync(descriptor, into, start, count, offset) : 0;
    },
    close() {
      if (open) closeSync(descriptor);
      open = false;
    },
  };
}

function stampOf(stat: { ino: number; size: number; mtimeMs: number; ctimeMs: number }): string {
  return `${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.ctimeMs}`;
}

function parsePins(path: string): ReadonlyMap<string, string> | null {
  try {
    const data: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof data !== "object" || data === null || Array.isArray(data)) return null;
    const pins = new Map<string, string>();
    for (const [deviceId, name] of Object.entries(data)) {
      if (typeof name !== "string") return null;
      pins.set(deviceId, name);
    }
    return pins;
  } catch {
    return null;
  }
}

/** The file is the operator's own; only what the server relies on is checked. */
function parseReport(line: string): StoredReport | null {
  try {
    const data: StoredReport | null = JSON.parse(line);
    const sound =
      typeof data?.reportId === "string" &&
      typeof data.deviceId === "string" &&
      typeof data.receivedMs === "number";
    return sound ? data : null;
  } catch {
    return null;
  }
}
