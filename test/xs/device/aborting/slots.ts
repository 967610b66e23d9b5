/** A list of small objects: the slots run out, to the last. */
import { recorder } from "./recorder.js";

export default function main(): void {
  recorder();
  let list: object | null = null;
  for (let i = 0; i < 100_000; i++) list = { list };
}
