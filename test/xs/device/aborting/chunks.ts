/** Keeps large buffers: the chunks run out while a small one still fits. */
import { recorder } from "./recorder.js";

export default function main(): void {
  recorder();
  const kept: Uint8Array[] = [];
  while (kept.length < 1000) kept.push(new Uint8Array(4096));
}
