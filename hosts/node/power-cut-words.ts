/** Verdicts of `everyPowerCut` as text, for whoever wrote the firmware. */
import type { PromiseId, Violation } from "../simulator/checkers.js";
import type { Ending } from "../simulator/plan.js";
import type { Finding } from "./power-cut-causes.js";

/** The promises, as a firmware's author needs them. */
const promises: Readonly<Record<PromiseId, string>> = Object.freeze({
  P1: "every boot ends in an image that was released, byte for byte",
  P2: "the last confirmed image stays untouched while no other is confirmed",
  P3: "an image whose trial failed, or is not over, never becomes permanent",
  P4: "the device never goes back below the newest confirmed release",
  P5: "once confirmed, the new image runs for good",
  P6: "the device comes to rest with the result that the update must have",
  P7: "the update server hears of each attempt once",
  P8: "a refused release costs no flash wear and no download",
  P9: "the agent's journal and slots are written by the agent, and no more than needed",
  P11: "no release is condemned for what the network, the server or the supply did",
});

/** How an update that ends like that is meant to end. */
const endings: Readonly<Record<Ending, string>> = Object.freeze({
  healthy: "the new image is confirmed and kept",
  crash: "the new image crashes in its trial, and the old one runs again",
  hang: "the new image hangs in its trial, and the old one runs again",
  "fail-test": "the new image fails a self-test, and the old one runs again",
  "no-network": "the new image does not reach its server, and the old one runs again",
  "brown-out": "the new image breaks the supply down, and the old one runs again",
  refused: "the release is refused",
  installed: "the release is there already",
  older: "the release is refused: it is older than what is confirmed",
  "other-vendor": "the release is refused: it is another vendor's",
  "other-class": "the release is refused: it is for another class of devices",
  "other-chip": "the release is refused: it is for another chip",
  "too-big": "the release is refused: it does not fit",
});

/** One line: where, what, and what comes of it. */
export function findingText(finding: Finding, where: string, ending: Ending): string {
  const { incident, violation } = finding;
  const what = incident === null ? "" : `: ${incident.text}`;
  const effect = incident?.text === violation.text ? "" : consequence(violation, ending);
  return `${where}${what}${effect === "" ? "" : `${what === "" ? ": " : "; "}${effect}`}`;
}

function consequence({ text }: Violation, ending: Ending): string {
  const result = /^a \S+ release ended as (.*)$/.exec(text)?.[1];
  if (result !== undefined) {
    return `the update ended as ${result}${ending === "healthy" ? " and is not kept" : ""}`;
  }
  if (text === "no end after many boots") return "the device restarts again and again";
  if (text.endsWith('ended with "time"') || text === "the device does not settle") {
    return "the device never comes to rest";
  }
  if (text === "the same boot does not reach the same operation again") {
    return "two equal boots act differently: the firmware must not use the desk's time or chance";
  }
  return text;
}

/** All of one violation, in indented lines. */
export function storyOf(
  finding: Finding,
  text: string,
  timeline: readonly string[],
  ending: Ending,
): string {
  const { violation, incident, histories, line } = finding;
  const count = histories > 1 ? ` (${histories} histories)` : "";
  return [
    `${violation.promise}${count}: ${text}`,
    ...(incident?.stack ?? []).map((one) => `    ${one}`),
    "  what happened (seconds since the boot began):",
    ...shortened(timeline).map((one) => `    ${one}`),
    `  expected: ${endings[ending]}`,
    `  broken:   ${violation.promise}, ${promises[violation.promise]}: ${violation.text}`,
    `  replay:   replayPowerCut(test, ${JSON.stringify(line)})`,
  ].join("\n");
}

const linesMax = 60;

/** Without the middle of a very long one. */
function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= linesMax) return lines;
  const half = linesMax / 2;
  const left = `... ${lines.length - linesMax} lines ...`;
  return [...lines.slice(0, half), left, ...lines.slice(-half)];
}

/** What the bootloader's choice means. */
const choices: ReadonlyMap<string, string> = new Map([
  ["active", "as before"],
  ["trial", "on trial, for the first time"],
  ["reverted", "the bootloader went back to it"],
]);

/** A line of a timeline; null for one that says nothing about the update. */
export function timelineLine(atMs: number, text: string): string | null {
  const words = plainWords(text);
  return words === null ? null : `${(atMs / 1000).toFixed(3).padStart(8)}  ${words}`;
}

/** What the bench tells, in words; all else is the device's own log. */
function plainWords(text: string): string | null {
  const boot = /^boot (\d+): (\S+), (.*)$/.exec(text);
  if (boot !== null) return `BOOT ${boot[1]}: ${boot[2]}, ${choices.get(boot[3]) ?? boot[3]}`;
  const reset = /^reset \(([\w-]+)\): (.*)$/.exec(text);
  if (reset !== null) {
    const [, reason, why] = reset;
    return why.startsWith("cut ") ? `CUT  ${why.slice(4)}` : `reset, ${reason}: ${why}`;
  }
  if (text.startsWith("boot: XS ")) return null;
  const isTold = /^(?:! |server: |at rest|the |ota_\d is marked valid)/.test(text);
  return isTold ? text : `log: ${text}`;
}
