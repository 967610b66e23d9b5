/** Short strings: the chunks run out, to the last. */
import { recorder } from "./recorder.js";

export default function main(): void {
  recorder();
  // Made at once: an array that grows would be what does not fit.
  const kept: string[] = new Array(3000);
  let letter = "x";
  for (let i = 0; i < kept.length; i++) {
    letter = letter === "x" ? "y" : "x";
    kept[i] = `${letter}${letter}`;
  }
}
