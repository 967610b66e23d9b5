/** A rejected promise that nobody handles. */
import { recorder } from "./recorder.js";

export default function main(): void {
  recorder();
  Promise.reject(new Error("nobody"));
}
