/** The state machine as a markdown table: the README shows it and a test compares them. */
import { type AgentState, table } from "../../src/agent/machine.js";

/** One row per state and event, in the order of the table. */
export function stateTable(): string {
  const rows = ["| state | event | next state | actions, in order |", "|---|---|---|---|"];
  for (const state of Object.keys(table) as AgentState[]) {
    for (const [event, transition] of Object.entries(table[state])) {
      const { to, actions } = transition;
      rows.push(`| ${state} | ${event} | ${to} | ${actions.join(", ")} |`);
    }
  }
  return `${rows.join("\n")}\n`;
}
