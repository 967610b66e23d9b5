/** One verification beside an application that fills the slots of an ESP32's machine. */
import { verifyBeside } from "./signature.js";

/** Of 4928, and the verifier needs some. */
const crowdedSlots = 4600;

export default function main(): () => number {
  return verifyBeside(crowdedSlots);
}
