/** The device's side of daruma-ota: what an application imports. Hosts are entries of their own. */
export { Agent } from "./agent/agent.js";
export { BootCheck, type BootFindings } from "./agent/boot-check.js";
export { capabilities } from "./agent/capabilities.js";
export type { AgentState } from "./agent/machine.js";
export type { AgentOptions, BootOptions, Progress, SelfTest } from "./agent/options.js";
export { trustAnchorOf } from "./crypto/public-key.js";
export type { Hal } from "./hal.js";
export { explain, isReason, type Reason } from "./reasons.js";
export type { Release } from "./suit/manifest.js";
