/** The tables of the README that are made from code; a test compares them with the README. */
import { type AgentState, table } from "../../src/agent/machine.js";
import { explain, reasonCodes } from "../../src/reasons.js";

/** Markdown of the state table: one row per state and event. */
export function stateTable(): string {
  const lines = ["| state | event | next | actions |", "|---|---|---|---|"];
  for (const state of Object.keys(table) as AgentState[]) {
    for (const [event, transition] of Object.entries(table[state])) {
      const actions = transition.actions.join(", ");
      lines.push(`| ${state} | ${event} | ${transition.to} | ${actions} |`);
    }
  }
  return lines.join("\n");
}

/** Markdown of the reason codes. */
export function reasonTable(): string {
  const lines = ["| code | what happened |", "|---|---|"];
  for (const reason of reasonCodes()) lines.push(`| \`${reason}\` | ${explain(reason)} |`);
  return lines.join("\n");
}

/** Replaces what follows `<!-- name -->` up to the next blank line after a table. */
export function withTable(readme: string, name: string, tableText: string): string {
  const marker = `<!-- ${name} -->\n`;
  const start = readme.indexOf(marker);
  if (start < 0) throw new RangeError(`the README has no ${marker.trim()}`);
  const after = start + marker.length;
  const end = readme.startsWith("\n|", after) ? readme.indexOf("\n\n", after + 1) : after;
  return `${readme.slice(0, after)}\n${tableText}\n\n${readme.slice(end).trimStart()}`;
}
