export type { Hal } from "./hal.js";
