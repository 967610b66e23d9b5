/** The status page: devices and reports, as data and as a plain text table. */

import type { StoredReport } from "./report.js";

/** What a device said of itself when it last asked for an offer. */
export interface DeviceSighting {
  readonly deviceId: string;
  readonly vendor: string;
  readonly deviceClass: string;
  /** The newest manifest profile that its agent reads. */
  readonly profile: number;
  /** Manifest digest of the running release, 64 hex digits; null when not told. */
  readonly runningRelease: string | null;
  readonly runningSequence: number | null;
  /** Name of the release that was offered; null when there was none. */
  readonly offered: string | null;
  /** Milliseconds since 1970. */
  readonly lastSeenMs: number;
}

export interface Status {
  readonly devices: readonly DeviceSighting[];
  /** The newest reports, newest first. */
  readonly reports: readonly StoredReport[];
  readonly reportsStored: number;
}

/** Reports shown; the store keeps more. */
const reportsShown = 100;

export function statusOf(
  devices: Iterable<DeviceSighting>,
  reports: readonly StoredReport[],
): Status {
  return {
    devices: [...devices].sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1)),
    reports: reports.slice(-reportsShown).reverse(),
    reportsStored: reports.length,
  };
}

/** Plain text for people. `nowMs` is on the clock of the sightings. */
export function statusText(status: Status, nowMs: number): string {
  const devices = status.devices.map((device) => [
    device.deviceId,
    `${device.vendor}/${device.deviceClass}`,
    String(device.profile),
    device.runningSequence === null ? "-" : String(device.runningSequence),
    device.runningRelease?.slice(0, 12) ?? "-",
    device.offered ?? "-",
    ago(nowMs - device.lastSeenMs),
  ]);
  const reports = status.reports.map((report) => [
    ago(nowMs - report.receivedMs),
    report.deviceId,
    `${report.vendor}/${report.deviceClass}`,
    String(report.sequenceNumber),
    report.versionText ?? "-",
    report.result,
    report.reason,
    report.resetReason,
    report.engineVersion ?? "-",
    report.abort ?? "-",
    report.connection ?? "-",
  ]);
  const deviceHead = ["device", "class", "profile", "sequence", "release", "offered", "last seen"];
  const reportHead = [
    "received",
    "device",
    "class",
    "sequence",
    "version",
    "result",
    "reason",
    "reset",
    "engine",
    "abort",
    "connection",
  ];
  return [
    `Devices seen since this server started: ${devices.length}`,
    ...table([deviceHead, ...devices]),
    "",
    `Reports stored: ${status.reportsStored}; the newest ${reports.length}:`,
    ...table([reportHead, ...reports]),
    "",
  ].join("\n");
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column])).join("  ")}`.trimEnd(),
  );
}

function ago(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}
