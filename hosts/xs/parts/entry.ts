/** All that the entry `daruma-ota` brings: beside the agent, explain and trustAnchorOf. */
import { Agent, explain, trustAnchorOf } from "../../../src/index.js";
import { partDone, partLoaded } from "../measure.js";

export default function main(): void {
  partLoaded();
  const isWhole = [Agent, explain, trustAnchorOf].every((one) => typeof one === "function");
  if (!isWhole) throw new Error("the entry lacks something");
  partDone();
}
