/** Has the board's answer written into a string. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
import { operations } from "../../../../hosts/xs/operations.js";

export default function main(): void {
  const into = "a text of the module" as unknown as Uint8Array;
  boardCall(operations.ticks, 0, 0, undefined, into);
}
