/** The table that a sweep ends with. */
import type { WeeksResult } from "../simulator/weeks.js";
import type { SweepTotals } from "./sweep-totals.js";
import type { Spread, Wear } from "./sweep-wear.js";

const columns = [
  "sweep",
  "histories",
  "boots run",
  "interrupted",
  "per second and thread",
] as const;

const weeksColumns = [
  "erases/day",
  "/week",
  "otadata/day",
  "/week",
  "KB/day",
  "journal/day",
  "requests/day",
  "reports/day",
  "checks/h",
  "boots",
  "up to date after",
] as const;

/** Lines without a final line feed. */
export function renderTotals(totals: SweepTotals): string {
  const rows: string[][] = [[...columns]];
  let busyMs = 0;
  for (const [kind, one] of Object.entries(totals.kinds)) {
    busyMs += one.busyMs;
    rows.push(row(kind, one.plans, one.executed, one.interrupted, one.busyMs));
  }
  rows.push(row("all", totals.plans, totals.executed, totals.interrupted, busyMs));
  const { again } = totals;
  const tears = Object.entries(totals.tears).map(([tear, count]) => `${tear} ${number(count)}`);
  return [
    ...aligned(rows),
    `tears: ${tears.join(", ")}`,
    ...aligned(wearRows(totals.wear)),
    ...aligned(weeksRows(totals.weeks)),
    `fetched again after a cut: mean ${number(again.meanBytes)}, worst ` +
      `${number(again.worstBytes)} bytes of a 300 KB image, ${number(again.cuts)} cuts`,
    `time: ${seconds(totals.elapsedMs)} s, ${seconds(totals.cpuMs)} s of CPU, ` +
      `${number((totals.executed * 1000) / totals.cpuMs)} boots per core-second, ` +
      `seed ${totals.seed}`,
    ...totals.failures.map(
      ({ line, violation }) =>
        `${violation.promise} broken: ${violation.text}\n  daruma simulate --plan '${line}'`,
    ),
    totals.complete
      ? "every fixed piece was run"
      : `${totals.fixedPiecesLeft} pieces were not finished`,
    `violations: ${totals.failures.length}`,
  ].join("\n");
}

/** Numbers to the right, under their names. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((cells) => cells[at].length)));
  return rows.map((cells) =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
      .join("  "),
  );
}

/** Means and worst of the blocks of a 300 KB image. */
function wearRows(wear: readonly Wear[]): string[][] {
  const spread = ({ mean, worst }: Spread): string => `${mean}, at most ${worst}`;
  return [
    ["update", "erases per block", "programs per block", "otadata erases", "journal", "payload"],
    ...wear.map((one) => [
      one.update,
      spread(one.erases),
      spread(one.programs),
      number(one.otadataErases),
      number(one.keyValueWrites),
      number(one.payloadBytes),
    ]),
  ];
}

/** The most of any block and day or week of a 140 KB image, and how it ended. */
export function weeksRows(results: readonly WeeksResult[]): string[][] {
  return [
    ["bad habit, hours, minutes between polls", ...weeksColumns],
    ...results.map(({ plan, most, recoveryHours, boots }) => [
      `${plan.habit} ${plan.hours} ${plan.pollMinutes}`,
      ...[
        most.erasesPerDay,
        most.erasesPerWeek,
        most.recordErasesPerDay,
        most.recordErasesPerWeek,
        most.payloadBytesPerDay / 1000,
        most.writesPerDay,
        most.requestsPerDay,
        most.reportsPerDay,
        most.verificationsPerHour,
        boots,
      ].map(number),
      recoveryHours < 0 ? "never" : `${recoveryHours.toFixed(1)} h`,
    ]),
  ];
}

function row(
  name: string,
  plans: number,
  executed: number,
  interrupted: number,
  busyMs: number,
): string[] {
  const rate = busyMs === 0 ? 0 : (executed * 1000) / busyMs;
  return [name, number(plans), number(executed), number(interrupted), number(rate)];
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

/** 1234567 as "1,234,567". */
function number(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}
