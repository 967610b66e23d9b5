/** A request that is longer than any device makes. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
import { operations } from "../../../../hosts/xs/operations.js";

export default function main(): void {
  boardCall(operations.trace, 0, 0, new Uint8Array(65_537));
}
