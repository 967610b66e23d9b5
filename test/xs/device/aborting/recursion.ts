/** Calls itself until the stack is full. */
import { recorder } from "./recorder.js";

export default function main(): void {
  recorder();
  const depth = (levels: number): number => (levels === 0 ? 0 : 1 + depth(levels - 1));
  depth(1000);
}
