/** The entry `daruma-ota/boot`: the boot-time self-check alone, without the network and crypto. */
export { BootCheck, type BootFindings } from "./agent/boot-check.js";
export { capabilities } from "./agent/capabilities.js";
export type { BootOptions, SelfTest } from "./agent/options.js";
