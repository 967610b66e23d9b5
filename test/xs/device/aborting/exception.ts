/** An exception that nobody catches. */
import { recorder } from "./recorder.js";

export default function main(): void {
  recorder();
  throw new Error("on purpose");
}
