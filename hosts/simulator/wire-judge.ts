/**
 * P9 on the wire: how often a device asks, how long an exchange lasts, and whether it reads answers
 * that are not what it asked for. Judged once for the requests of a boot.
 */
import { exchangeMsMax, payloadMsMax, payloadMsPerByte, requestsMax } from "./bounds.js";
import { type WireRecord, withoutQuery } from "./network.js";
import { networkTargetOf } from "./network-faults.js";
import type { BenchOptions } from "./rest.js";

const minuteMs = 60_000;

/** Requests of the application itself, to other paths, are not judged. */
export function judgeWire(
  all: readonly WireRecord[],
  options: Pick<BenchOptions, "releases" | "vendor" | "deviceClass">,
  violated: (text: string) => void,
): void {
  const own = `/${options.vendor}/${options.deviceClass}/`;
  const records = all.filter(({ path }) => path.startsWith(own));
  for (let i = 0; i < records.length; i++) {
    const record = records[i];
    const before = records[i - requestsMax];
    if (before !== undefined && record.atMs - before.atMs < minuteMs) {
      return violated(`${requestsMax + 1} requests within a minute`);
    }
    const target = networkTargetOf(record.path);
    const size = target === "payload" ? sizeOf(record.path, options.releases) : 0;
    const lastedMs = record.lastReadMs - record.atMs;
    const allowedMs = target === "payload" ? payloadMsMax + payloadMsPerByte * size : exchangeMsMax;
    if (lastedMs > allowedMs) {
      return violated(`${record.path} was read for ${Math.round(lastedMs / 1000)} s`);
    }
    if (record.status === 206 && record.bodyBytes > 0 && !isAsked(record, size)) {
      const range = record.answered.get("content-range") ?? "no range";
      return violated(`${record.bodyBytes} bytes were read of an answer with ${range}`);
    }
  }
}

/** Size of the image behind a payload's path; 0 for none. */
function sizeOf(path: string, releases: BenchOptions["releases"]): number {
  const plain = withoutQuery(path);
  return releases.find(({ uri }) => plain.endsWith(`/${uri}`))?.image.length ?? 0;
}

/** True for a part that begins where it was asked for, of a whole with the right size. */
function isAsked({ headers, answered }: WireRecord, size: number): boolean {
  const asked = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "");
  const told = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answered.get("content-range") ?? "");
  return told !== null && told[1] === (asked?.[1] ?? "0") && Number(told[3]) === size;
}
